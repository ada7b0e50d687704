"""The version of awe, known to every room."""

__all__ = ["__version__"]

__version__ = "0.1.0"
