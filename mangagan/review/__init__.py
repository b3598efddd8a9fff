"""The local web page on which a person makes the final decisions on faces."""
