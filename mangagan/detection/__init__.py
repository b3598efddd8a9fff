"""From pages to face boxes."""
