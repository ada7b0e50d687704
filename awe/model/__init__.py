"""The nouns: instruments, raw frames, calibrations, science frames, exposures and targets."""

from awe.model import defaults as _defaults
from awe.model.calibrations import BaseCalFrame, BiasFrame, ReadNoise
from awe.model.flats import BaseFlatFrame, DomeFlatFrame, MasterFlatFrame, TwilightFlatFrame
from awe.model.raw import (
    Exposure,
    RawBiasFrame,
    RawDarkFrame,
    RawDomeFlatFrame,
    RawFits,
    RawFrame,
    RawScienceFrame,
    RawTwilightFlatFrame,
    Target,
)
from awe.model.records import Amplifier, Astrom, Imstat, OverscanStat
from awe.model.science import ReducedScienceFrame, WeightFrame
from awe.model.vocabulary import (
    Chip,
    Filter,
    Instrument,
    Lamp,
    ObservingBlock,
    Readout,
    Template,
)
from awe.store import Project, User

__all__ = [
    "Amplifier",
    "Astrom",
    "BaseCalFrame",
    "BaseFlatFrame",
    "BiasFrame",
    "Chip",
    "DomeFlatFrame",
    "Exposure",
    "Filter",
    "Imstat",
    "Instrument",
    "Lamp",
    "MasterFlatFrame",
    "ObservingBlock",
    "OverscanStat",
    "Project",
    "RawBiasFrame",
    "RawDarkFrame",
    "RawDomeFlatFrame",
    "RawFits",
    "RawFrame",
    "RawScienceFrame",
    "RawTwilightFlatFrame",
    "ReadNoise",
    "Readout",
    "ReducedScienceFrame",
    "Target",
    "Template",
    "TwilightFlatFrame",
    "User",
    "WeightFrame",
]

del _defaults
