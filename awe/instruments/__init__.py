"""What is known of each instrument, as data: header translation and geometry."""

from awe.instruments import cameras as _cameras
from awe.instruments.description import (
    Instrument,
    ingest_task_of,
    known,
    load_folder,
    mosaic_of,
    parameters_of,
    recognise,
)
from awe.instruments.errors import HeaderError, InstrumentError
from awe.instruments.frame import CcdFrame, assembled_shape
from awe.instruments.keywords import KINDS
from awe.instruments.nights import night_interval, night_of, sidereal_seconds
from awe.instruments.translator import Translator, translate

__all__ = [
    "KINDS",
    "CcdFrame",
    "HeaderError",
    "Instrument",
    "InstrumentError",
    "Translator",
    "assembled_shape",
    "ingest_task_of",
    "known",
    "load_folder",
    "mosaic_of",
    "night_interval",
    "night_of",
    "parameters_of",
    "recognise",
    "sidereal_seconds",
    "translate",
]

del _cameras
