"""Vocabulary of the store: instruments, chips, filters and what observers call things."""

import datetime

from awe.model.records import Amplifier
from awe.store import DBObject, persistent

__all__ = ["Chip", "Filter", "Instrument", "Lamp", "ObservingBlock", "Readout", "Template"]


class Instrument(DBObject):
    """An instrument at a telescope."""

    abstract = False
    vocabulary = True
    name = persistent("Name", str, unique=True, required=True)
    telescope_name = persistent("Name of the telescope", str, "")
    latitude = persistent("Latitude of the site, north positive", float, unit="deg")
    longitude = persistent("Longitude of the site, east positive", float, unit="deg")
    elevation = persistent("Elevation above sea level", float, unit="m")


class Chip(DBObject):
    """A CCD of an instrument."""

    abstract = False
    vocabulary = True
    unique_together = (("instrument", "name"),)
    name = persistent("Name, such as ESO_CCD_#65", str, required=True)
    instrument = persistent("Its instrument", Instrument, required=True)

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.name} of {self.instrument.name}"


class Filter(DBObject):
    """A filter of an instrument."""

    abstract = False
    vocabulary = True
    unique_together = (("instrument", "name"),)
    name = persistent("Name, such as OCAM_r_SDSS", str, required=True)
    instrument = persistent("Its instrument", Instrument, required=True)
    mag_id = persistent("Name of the photometric band", str, mutable=True)
    central_wavelength = persistent("Central wavelength", float, unit="nm", mutable=True)
    has_fringes = persistent("Whether frames in it show fringes", bool, mutable=True)

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.name} of {self.instrument.name}"


class Lamp(DBObject):
    """A lamp for flats."""

    abstract = False
    vocabulary = True
    unique_together = (("instrument", "name"),)
    name = persistent("Name", str, required=True)
    instrument = persistent("Its instrument", Instrument, required=True)


class Template(DBObject):
    """An observing template: a sequence of exposures that belong together."""

    abstract = False
    vocabulary = True
    unique_together = (("instrument", "start"),)
    instrument = persistent("The instrument", Instrument, required=True)
    start = persistent("Start (UTC)", datetime.datetime, required=True)
    id = persistent("Identifier, such as OMEGACAM_img_obs_dither", str)
    name = persistent("Name", str)
    type = persistent("Type", str)
    exposures = persistent("Number of exposures planned", int)

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.id or self.name or ''} {self.start:%Y-%m-%dT%H:%M:%S}"


class ObservingBlock(DBObject):
    """An observing block: what an observer asked for."""

    abstract = False
    vocabulary = True
    unique_together = (("instrument", "id", "start"),)
    instrument = persistent("The instrument", Instrument, required=True)
    id = persistent("Number", int, required=True)
    start = persistent("Start (UTC)", datetime.datetime, required=True)
    name = persistent("Name", str)
    program_id = persistent("Programme", str)
    pi = persistent("Principal investigator", str)
    group = persistent("Group of blocks", str)


class Readout(DBObject):
    """A way to read out a chip: where each amplifier's pixels lie.

    The geometry is that of the headers; where lit frames contradict them it is theirs, and the
    correction stands in the history.
    """

    abstract = False
    vocabulary = True
    unique_together = (("chip", "mode"),)
    chip = persistent("The chip", Chip, required=True)
    mode = persistent("Read-out mode, speed, binning and window", str, required=True)
    binning_x = persistent("Binning in x", int, 1)
    binning_y = persistent("Binning in y", int, 1)
    amplifiers = persistent("The amplifiers", [Amplifier], mutable=True)
    source = persistent("Where the geometry is from: header or lit frames", str, mutable=True)

    def overscan_methods(self):
        """Give the overscan methods for which the amplifiers have regions.

        Returns
        -------
        tuple of int
            Numbers of `awe.pixels.OVERSCAN_METHODS`.
        """
        from awe.pixels import possible_methods

        return tuple(possible_methods([a.for_pixels(0) for a in self.amplifiers]))

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.chip.name} {self.mode}"
