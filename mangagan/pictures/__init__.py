"""Pictures of faces and samples for people: grids, rows, contact sheets."""
