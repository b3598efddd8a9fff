"""The commands of `mangagan`, one module for each group."""
