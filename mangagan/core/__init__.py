"""Basics that every stage uses: errors, files, parameters, catalog of datasets, parallel map, code hash."""
