"""From faces to the dataset: duplicates, decisions of the user, hold-out split, manifest."""
