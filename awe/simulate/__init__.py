"""Nights with known truth, written as raw FITS files."""

from awe.simulate.night import Night, open_night, simulate_night
from awe.simulate.truth import Truth

__all__ = ["Night", "Truth", "open_night", "simulate_night"]
