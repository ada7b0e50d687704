"""Errors of files that cannot be read or written as FITS."""

from awe.base.errors import AweError

__all__ = ["FitsError", "FitsFileError"]


class FitsError(AweError, ValueError):
    """A file that is not valid FITS, or values that FITS cannot hold."""


class FitsFileError(FitsError, OSError):
    """A file that does not exist or may not be read."""
