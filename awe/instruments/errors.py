"""Errors of headers and instruments."""

from awe.base.errors import AweError

__all__ = ["HeaderError", "InstrumentError"]


class HeaderError(AweError, ValueError):
    """A header that lacks, or contradicts, what a frame needs."""


class InstrumentError(AweError, LookupError):
    """An instrument that is not known, or not the one that the user named."""
