"""Who stands where, on what, since when, and which sentence says so."""

__version__ = "0.1.0"
