"""One file a stage: read the inputs, call the library, write the outputs."""
