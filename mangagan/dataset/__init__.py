"""From faces to the dataset: duplicates, the user's decisions, the hold-out split, the manifest."""
