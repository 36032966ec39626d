"""Other tools' configuration: read, changed by exactly our keys, and taken back to the byte."""
