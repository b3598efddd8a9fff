"""Files and containers of the user → encoded images. `registry.py` lists the readers."""
