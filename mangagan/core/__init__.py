"""What every stage builds on: errors, files, parameters, the catalog of datasets, parallel maps, code hashes."""
