"""Classes of which the tests draw plots, and what they look for in these."""

import datetime

from awe.model.records import Astrom
from awe.store import DBObject, OwnedRecord, persistent

START = datetime.datetime(2012, 6, 1, 8, 51, 44)
COUNT = 60


class PlotChip(DBObject):
    """A CCD."""

    abstract = False
    name = persistent("Name", str)


class PlotStat(OwnedRecord):
    """Statistics."""

    median = persistent("Median", float, unit="adu")


class PlotFrame(DBObject):
    """A frame."""

    abstract = False
    DATE_OBS = persistent("Start", datetime.datetime)
    EXPTIME = persistent("Exposure time", float, unit="s")
    imstat = persistent("Statistics", PlotStat)
    chip = persistent("The CCD", PlotChip)
    OBJECT = persistent("What it shows", str)
    good = persistent("Whether it is good", bool)
    level = persistent("Level", float, unit="adu")
    nothing = persistent("Never set", float)
    header = persistent("Keywords", dict)
    readings = persistent("Several numbers", [float])
    RA = persistent("Right ascension", float, unit="deg")
    DEC = persistent("Declination", float, unit="deg")


class PlotField(DBObject):
    """A frame with world coordinates."""

    abstract = False
    astrom = persistent("World coordinates", Astrom)
    NAXIS1 = persistent("Columns", int, unit="pix")
    NAXIS2 = persistent("Rows", int, unit="pix")


class PlotResult(DBObject):
    """Something that was made from a frame."""

    abstract = False
    frame = persistent("The frame", PlotFrame)
    creation_date = persistent("When it was made", datetime.datetime)
    is_valid = persistent("Whether it is good", int, 1, mutable=True)
    seeing = persistent("Seeing", float, unit="arcsec")


class PlotPair(DBObject):
    """Something with two ways to a frame."""

    abstract = False
    first = persistent("One frame", PlotFrame)
    second = persistent("Another frame", PlotFrame)
    value = persistent("A number", float)


def points_of(figure):
    """Give all points that are drawn, by colour."""
    return [line.get_xydata() for line in figure.axes[0].lines]


def words_of(figure):
    """Give the title and the legend."""
    legend = [t.get_text() for each in figure.legends for t in each.get_texts()]
    return figure.get_suptitle(), legend
