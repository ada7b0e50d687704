"""What is made from an exposure with adaptive optics: turbulence, PSF and image quality."""

import datetime

import numpy as np

from awe.base.errors import AweValueError
from awe.model import adaptive
from awe.model.exposures import Exposure, Target, values_of_header
from awe.model.looking import Inspected
from awe.model.vocabulary import Instrument
from awe.process import ProcessParameters, Product, parameter
from awe.process.wanted import ManyWanted
from awe.store import Table, persistent

__all__ = ["ProcessedExposure", "ProcessedExposureParameters"]

_OF_2022 = "aomuse2022"
_TABLES = {
    "sgs_data": "SGS_DATA", "ag_data": "AG_DATA", "sparta_cn2": "SPARTA_CN2_DATA",
    "sparta_atm": "SPARTA_ATM_DATA",
}  # fmt: skip


class ProcessedExposureParameters(ProcessParameters):
    """How an exposure with adaptive optics is processed."""

    MODE = parameter(
        "'awe', or 'aomuse2022' for windows, notch test and constants of the AOMUSE of 2022, with "
        "which the other parameters but the notch do not count", str, "awe",
        choices=("awe", _OF_2022),
    )  # fmt: skip
    WINDOWS = parameter("Number of wavelength windows", int, 10, low=1, high=1000)
    NOTCH_START = parameter("Where the notch of the laser light begins", float, 576.0, unit="nm",
                            low=0)  # fmt: skip
    NOTCH_END = parameter("Where it ends", float, 605.0, unit="nm", low=0)
    INSTRUMENT_FWHM = parameter("What the instrument adds to the width of images, in quadrature",
                                float, 0.3, unit="arcsec", low=0, high=5)  # fmt: skip
    MINIMUM_OUTER_SCALE = parameter("Least outer scale of a laser whose data count", float, 8.0,
                                    unit="m", low=0)  # fmt: skip
    MAXIMUM_OUTER_SCALE = parameter("Greatest outer scale of a laser whose data count", float,
                                    30.0, unit="m", low=0)  # fmt: skip
    MINIMUM_LASERS = parameter("Least number of good lasers in a row of SPARTA_ATM_DATA", int, 3,
                               low=1, high=4)  # fmt: skip


class ProcessedExposure(Inspected, ManyWanted, Product):
    """What was made from an exposure with adaptive optics; an exposure may have several.

    Its `target` is what was observed: products are asked for with ``targets``.
    """

    abstract = False
    inputs = ("exposure",)
    other_names = {
        "insMode": "ins_mode",
        "airMass": "airmass",
        "rawFile": "raw_filename",
        "raw_exposure_filename": "raw_filename",
        "psfParams": "psf_params",
        "id": "object_id",
        "delete": "context.delete(processed_exposure)",
    }
    exposure = persistent("The exposure that it was made from", Exposure, required=True,
                          inverse="processed_exposures")  # fmt: skip
    target = persistent("What was observed", Target, inverse="processed_exposures")
    process_params = persistent("Parameters", ProcessedExposureParameters)
    instrument = persistent("The instrument", Instrument)
    observation_time = persistent("Start (UTC)", datetime.datetime)
    obs_id = persistent("Number of the observing block", int)
    ins_mode = persistent("Mode of the instrument, such as WFM-AO-N", str)
    raw_filename = persistent("Name of the raw file", str)
    ngs_flux = persistent("Flux of the natural guide star", float)
    ttfree = persistent("Whether the tip-tilt loop was open; None where that is unknown", bool)
    degraded = persistent("Whether a laser was simulated or its data cannot be used; None where "
                          "that is unknown", bool)  # fmt: skip
    glf = persistent("Ground-layer fraction of the turbulence", float)
    seeing = persistent("Seeing of the site monitor, mean of start and end", float, unit="arcsec")
    seeing_los = persistent("Seeing along the line of sight", float, unit="arcsec")
    airmass = persistent("Airmass, mean of start and end", float)
    tau0 = persistent("Coherence time", float, unit="s")
    num_sources = persistent("Number of sources of the PSF fit", int)
    sgs_data = persistent("Table SGS_DATA of the raw file", Table)
    ag_data = persistent("Table AG_DATA of the raw file", Table)
    sparta_cn2 = persistent("Table SPARTA_CN2_DATA of the raw file", Table)
    sparta_atm = persistent("Table SPARTA_ATM_DATA of the raw file", Table)
    psf_params = persistent(
        "PSF parameters in wavelength windows: wavelength [nm] and a column <parameter>_means of "
        "each", Table,
    )  # fmt: skip
    sparta_iq_data = persistent(
        "Image quality in wavelength windows: wavelength_means [nm], sparta_iq_l and "
        "sparta_iq_l_nogain [arcsec]", Table,
    )  # fmt: skip
    sparta_iq_los_500nm = persistent(
        "Image quality at 500 nm along the line of sight, with gain", float, unit="arcsec"
    )
    sparta_iq_los_500nm_nogain = persistent(
        "Image quality at 500 nm along the line of sight, without gain", float, unit="arcsec"
    )

    def take_from(self, exposure):
        """Take over what stays the same.

        Parameters
        ----------
        exposure : Exposure
            The exposure.

        Returns
        -------
        ProcessedExposure
            The same object.
        """
        self.raw_filename = exposure.raw_exposure_filename
        for name in ("target", "instrument", "observation_time", "obs_id", "ins_mode"):
            setattr(self, name, getattr(exposure, name))
        return self

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', where it is known.
        """
        return {} if self.instrument is None else {"instrument": self.instrument.name}

    def make(self):
        """Compute everything from headers, tables and PSF parameters of the exposure.

        Raises
        ------
        AweValueError
            The exposure has neither a header nor tables nor PSF parameters.
        """
        exposure = self.exposure
        header = exposure.datacube_header or exposure.raw_exposure_header or {}
        data, psf = exposure.raw_exposure_data or {}, exposure.pampelmuse_params
        if not header and not data and not psf:
            msg = f"{exposure!r} has no header, no tables and no PSF parameters to process."
            raise AweValueError(msg, cause="neither header nor tables nor PSF parameters")
        skipped = []
        self._take_header(header, skipped)
        if exposure.sources is not None:
            self.num_sources = len(np.unique(np.asarray(exposure.sources["source_id"])))
        for name, key in _TABLES.items():
            setattr(self, name, adaptive.table_of(data, key, exposure))
        lasers = self._lasers()
        self.degraded = adaptive.is_degraded(header, lasers)
        windows = self._windows(psf, skipped)
        quality = self._image_quality(lasers, skipped)
        if quality is not None and windows is not None:
            self._take_wavelengths(windows["wavelength"], quality)
        if self._is_2022 and self.ttfree is not True:
            self.sparta_cn2 = self.sparta_atm = self.psf_params = None
        self.steps_not_done = skipped

    @property
    def _is_2022(self):
        return self.process_params.MODE == _OF_2022

    def _take_header(self, header, skipped):
        from awe.pixels import adaptive_optics as optics

        for name, value in values_of_header(header).items():
            # What the header lacks, somebody may have set.
            setattr(self, name, getattr(self.exposure, name) if value is None else value)
        if self.seeing is not None and self.airmass is not None:
            try:
                self.seeing_los = optics.line_of_sight_seeing(self.seeing, self.airmass)
            except AweValueError as err:
                skipped.append(f"seeing_los: {err}")
        loop = adaptive.flag_of(header, "ESO AOS TT LOOP ST")
        self.ttfree = None if loop is None else not loop
        if self._is_2022:
            self.ngs_flux = -1.0

    def _lasers(self):
        """Give the turbulence that each laser saw; None where there is no usable table."""
        given = self.process_params
        if self._is_2022:
            return adaptive.lasers_of(self.sparta_atm, 0.0, np.inf)
        return adaptive.lasers_of(
            self.sparta_atm, given.MINIMUM_OUTER_SCALE, given.MAXIMUM_OUTER_SCALE
        )

    def _windows(self, psf, skipped):
        """Set the PSF parameters in windows, and give them."""
        given = self.process_params
        notch = (given.NOTCH_START, given.NOTCH_END)
        try:
            made = adaptive.windowed(psf, None if self._is_2022 else given.WINDOWS, notch)
        except AweValueError as err:
            skipped.append(f"psf_params: {err}")
            return None
        found, odd = made
        skipped += [f"psf_params: {name} is not as long as wavelength" for name in odd]
        self.psf_params = found
        return found

    def _image_quality(self, lasers, skipped):
        """Set the image quality at 500 nm; give what to compute other wavelengths with."""
        from awe.pixels import adaptive_optics as optics

        why = None
        if self.ttfree is not True:
            why = "the tip-tilt loop was closed" if self.ttfree is False else (
                "whether the tip-tilt loop was open is not known")  # fmt: skip
        elif lasers is None:
            why = "there is no usable SPARTA_ATM_DATA"
        elif self._is_2022 and self.sparta_cn2 is None:
            why = "there is no SPARTA_CN2_DATA"
        turbulence = None
        if why is None:
            if self._is_2022:
                turbulence = lasers.plain_means()
            else:
                turbulence = lasers.good_means(self.process_params.MINIMUM_LASERS)
            if turbulence is None:
                why = "no row of SPARTA_ATM_DATA has enough good lasers"
        if why is not None:
            skipped.append(f"sparta_iq: {why}")
            return None
        quality = optics.AOMUSE_2022
        if not self._is_2022:
            quality = optics.ImageQuality(instrument_fwhm=self.process_params.INSTRUMENT_FWHM)
        self.sparta_iq_los_500nm_nogain = quality.at_500nm(*turbulence)
        if self.glf is None:
            skipped.append("sparta_iq with gain: the ground-layer fraction is not known")
            return quality
        try:
            gain = optics.ground_layer_gain(self.glf)
            self.sparta_iq_los_500nm = quality.at_500nm(*turbulence, gain)
        except AweValueError as err:
            skipped.append(f"sparta_iq with gain: {err}")
        return quality

    def _take_wavelengths(self, wavelength, quality):
        from astropy.table import Table as AstropyTable

        table = AstropyTable({"wavelength_means": wavelength})
        for name, fwhm in (("sparta_iq_l", self.sparta_iq_los_500nm),
                           ("sparta_iq_l_nogain", self.sparta_iq_los_500nm_nogain)):  # fmt: skip
            if fwhm is not None:
                table[name] = quality.at(wavelength, fwhm)
                table[name].unit = "arcsec"
        self.sparta_iq_data = table

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return self.exposure.summary() if self.exposure is not None else ""
