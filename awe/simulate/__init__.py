"""Nights with known truth, written as raw FITS files."""

from awe.simulate.layout import PIXEL_SCALE
from awe.simulate.night import Night, open_night, simulate_night
from awe.simulate.settings import Settings
from awe.simulate.truth import ChipTruth, Truth

__all__ = [
    "PIXEL_SCALE",
    "ChipTruth",
    "Night",
    "Settings",
    "Truth",
    "open_night",
    "simulate_night",
]
