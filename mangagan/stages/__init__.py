"""One module per stage: read the inputs, call the library, write the outputs."""
