"""The nouns: instruments, raw frames, calibrations, science frames, exposures and targets."""

from awe.model import defaults as _defaults
from awe.model.calibrations import BaseCalFrame, BiasFrame, ReadNoise
from awe.model.darks import DarkFrame
from awe.model.detectormaps import ColdPixelMap, HotPixelMap
from awe.model.exposuremaps import CosmicMap, SatelliteMap, SaturatedPixelMap
from awe.model.exposures import Exposure, Target
from awe.model.flats import BaseFlatFrame, DomeFlatFrame, MasterFlatFrame, TwilightFlatFrame
from awe.model.gain import GainLinearity
from awe.model.illumination import IlluminationCorrection, IlluminationCorrectionFrame
from awe.model.pixelmaps import PixelMap
from awe.model.processed import ProcessedExposure
from awe.model.raw import (
    RawBiasFrame,
    RawDarkFrame,
    RawDomeFlatFrame,
    RawFits,
    RawFrame,
    RawScienceFrame,
    RawTwilightFlatFrame,
)
from awe.model.records import Amplifier, Astrom, Imstat, OverscanStat
from awe.model.science import ReducedScienceFrame
from awe.model.skyflats import FringeFrame, NightSkyFlatFrame
from awe.model.tables import ResidualTable, StandardCatalog
from awe.model.vocabulary import (
    Chip,
    Filter,
    Instrument,
    Lamp,
    ObservingBlock,
    Readout,
    Template,
)
from awe.model.weights import WeightFrame
from awe.store import Project, User
from awe.store.external import ExternalFile

__all__ = [
    "Amplifier",
    "Astrom",
    "BaseCalFrame",
    "BaseFlatFrame",
    "BiasFrame",
    "Chip",
    "ColdPixelMap",
    "CosmicMap",
    "DarkFrame",
    "DomeFlatFrame",
    "Exposure",
    "ExternalFile",
    "Filter",
    "FringeFrame",
    "GainLinearity",
    "HotPixelMap",
    "IlluminationCorrection",
    "IlluminationCorrectionFrame",
    "Imstat",
    "Instrument",
    "Lamp",
    "MasterFlatFrame",
    "NightSkyFlatFrame",
    "ObservingBlock",
    "OverscanStat",
    "PixelMap",
    "ProcessedExposure",
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
    "ResidualTable",
    "SatelliteMap",
    "SaturatedPixelMap",
    "StandardCatalog",
    "Target",
    "Template",
    "TwilightFlatFrame",
    "User",
    "WeightFrame",
]

del _defaults
