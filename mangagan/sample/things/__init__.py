"""Things that detectors mistake for faces, in ink and in colour."""
