"""flock: one URL and one key in front of your own machines."""

__version__ = "0.1.0"
