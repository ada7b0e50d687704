"""Targets, their exposures, and what is made from an exposure as a whole."""

import datetime
import hashlib

import numpy as np

import awe.model.headers  # noqa: F401  registers how headers are kept
from awe.model.looking import Inspected
from awe.model.sources import SourcesKind
from awe.model.vocabulary import Filter, Instrument, Template
from awe.store import DBObject, Table, persistent
from awe.store.external import ExternalFile

__all__ = ["Exposure", "Target", "values_of_header"]

# What the two AOMUSE databases, of 2020 and 2022, call what has another name here.
_EXPOSURE_NAMES = {
    "insMode": "ins_mode",
    "airMass": "airmass",
    "data": "datacube_header, raw_exposure_header and raw_exposure_data",
    "analysisFile": "prm_filename",
    "rawFile": "raw_exposure_filename",
    "raw_filename": "raw_exposure_filename",
    "psfParams": "pampelmuse_params",
    "id": "object_id",
    "delete": "context.delete(exposure)",
}
_FROM_HEADER = {
    "seeing": ("ESO TEL AMBI FWHM START", "ESO TEL AMBI FWHM END"),
    "airmass": ("ESO TEL AIRM START", "ESO TEL AIRM END"),
    "tau0": ("ESO TEL AMBI TAU0",),
    "glf": ("ESO OCS SGS ASM GL900 AVG",),
    "ngs_flux": ("ESO AOS NGS1 FLUX",),
}
# What products of an exposure are made of.
_MADE_OF = ("datacube_header", "raw_exposure_header", "pampelmuse_params", "sources",
            *_FROM_HEADER)  # fmt: skip
_TABLES = ("SGS_DATA", "AG_DATA", "SPARTA_ATM_DATA", "SPARTA_CN2_DATA")
_STREHL = tuple(f"lgs{i}_strehl" for i in range(1, 5))


class Target(DBObject):
    """What was observed."""

    abstract = False
    other_names = {
        "targetName": "target_name",
        "processed_exposure": "processed_exposures",
        "id": "object_id",
        "delete": "context.delete(target, dependents=True)",
    }
    target_name = persistent("Name, from OBJECT", str, unique=True, required=True, mutable=True)
    exposures = persistent("Its exposures", ["Exposure"], inverse="target")
    processed_exposures = persistent(
        "What was made from its exposures", ["ProcessedExposure"], inverse="target"
    )

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return self.target_name


class Exposure(Inspected, DBObject):
    """One exposure of an instrument, all CCDs together."""

    abstract = False
    unique_together = (("instrument", "observation_time"),)
    other_names = _EXPOSURE_NAMES
    instrument = persistent("The instrument", Instrument, required=True)
    observation_time = persistent("Start (UTC)", datetime.datetime, required=True)
    target = persistent("What was observed", Target, inverse="exposures", mutable=True)
    kind = persistent("bias, dark, dome, twilight, science or what the header says", str,
                      mutable=True)  # fmt: skip
    EXPTIME = persistent("Exposure time", float, unit="s", mutable=True)
    filter = persistent("Filter in the beam", Filter, mutable=True)
    template = persistent("Observing template", Template, mutable=True)
    frames = persistent("Its frames, one for each CCD", ["RawFrame"], inverse="exposure")

    obs_id = persistent("Number of the observing block", int, mutable=True)
    ins_mode = persistent("Mode of the instrument, such as WFM-AO-N", str, mutable=True)
    datacube_header = persistent("Primary header of the reduced cube", dict, mutable=True)
    raw_exposure_header = persistent("Primary header of the raw file", dict, mutable=True)
    raw_exposure_data = persistent(
        "Headers of the channels (CHAN01 ...) and tables (SGS_DATA, AG_DATA, ASM_DATA, "
        "SPARTA_ATM_DATA, SPARTA_CN2_DATA) of the raw file", dict, mutable=True,
    )  # fmt: skip
    raw_exposure_filename = persistent("Name of the raw file", str, unique=True, mutable=True)
    prm_filename = persistent("Name of the file with the PSF parameters", str, unique=True,
                              mutable=True)  # fmt: skip
    pampelmuse_params = persistent(
        "PSF parameters (fwhm, beta, e, theta ...) along wavelength [nm], arrays of equal length",
        dict, mutable=True,
    )  # fmt: skip
    sources = persistent("Sources of the PSF fit, a source id in each row", SourcesKind,
                         mutable=True)  # fmt: skip
    pampelmuse_catalog = persistent("Catalogue of the sources", Table, mutable=True)
    raman_image_header = persistent("Primary header of the Raman image", dict, mutable=True)
    maoppy_data = persistent(
        "Of a maoppy model of the PSF the pampelmuse_params, sources and pampelmuse_catalog",
        dict, mutable=True,
    )  # fmt: skip
    sky_condition_start_time = persistent(
        "Time of day of the last entry of the night log before the exposure began (UTC); of the "
        "evening negative", float, unit="s", mutable=True,
    )  # fmt: skip
    sky_condition_start = persistent("Sky condition when it began", str, mutable=True)
    sky_comment_start = persistent("Comment to it", str, mutable=True)
    sky_condition_end_time = persistent(
        "Time of day of the last entry of the night log before the exposure ended (UTC); of the "
        "evening negative", float, unit="s", mutable=True,
    )  # fmt: skip
    sky_condition_end = persistent("Sky condition when it ended", str, mutable=True)
    sky_comment_end = persistent("Comment to it", str, mutable=True)

    seeing = persistent("Seeing of the site monitor, mean of start and end", float,
                        unit="arcsec", mutable=True)  # fmt: skip
    airmass = persistent("Airmass, mean of start and end", float, mutable=True)
    tau0 = persistent("Coherence time", float, unit="s", mutable=True)
    glf = persistent("Ground-layer fraction of the turbulence", float, mutable=True)
    ngs_flux = persistent("Flux of the natural guide star", float, mutable=True)
    lgs1_strehl = persistent("Mean Strehl ratio of laser guide star 1", float, mutable=True)
    lgs2_strehl = persistent("Mean Strehl ratio of laser guide star 2", float, mutable=True)
    lgs3_strehl = persistent("Mean Strehl ratio of laser guide star 3", float, mutable=True)
    lgs4_strehl = persistent("Mean Strehl ratio of laser guide star 4", float, mutable=True)

    files = persistent("The files that it was collected from", [ExternalFile], mutable=True)
    problems = persistent("What was missing or unreadable when it was collected", [str],
                          mutable=True)  # fmt: skip
    processed_exposures = persistent(
        "What was made from it", ["ProcessedExposure"], inverse="exposure"
    )

    @property
    def processed_exposure(self):
        """The newest valid ProcessedExposure; None where there is none."""
        valid = [p for p in self.processed_exposures if getattr(p, "is_valid", 0)]
        return max(valid, key=lambda p: (p.creation_date, p.object_id), default=None)

    @property
    def content_key(self):
        """SHA-256 over what products are made of: it changes when the exposure is corrected."""
        digest = hashlib.sha256(f"{self.instrument.name} {self.observation_time}".encode())
        values = {name: getattr(self, name) for name in _MADE_OF}
        data = self.raw_exposure_data or {}
        kept = getattr(data, "kept", data.get)
        values.update({name: kept(name) for name in _TABLES if name in data})
        for name, value in values.items():
            if value is not None:
                digest.update(name.encode())
                _feed(digest, value)
        return digest.hexdigest()

    def derive(self):
        """Set seeing, airmass, tau0, glf, ngs_flux and the Strehl ratios from header and tables.

        Returns
        -------
        Exposure
            The exposure itself; what its header or tables do not have becomes None.
        """
        header = self.datacube_header or self.raw_exposure_header or {}
        for name, value in values_of_header(header).items():
            setattr(self, name, value)
        data = self.raw_exposure_data or {}
        table = None
        if "SPARTA_ATM_DATA" in data:
            table = getattr(data, "kept", data.get)("SPARTA_ATM_DATA")
        for name in _STREHL:
            setattr(self, name, _mean_of_column(table, name.upper()))
        return self

    def input_objects(self):
        """Give the files that it was collected from.

        Returns
        -------
        list of (str, ExternalFile)
            Each with its kind, such as 'raw'.
        """
        return [(getattr(file, "kind", None) or "file", file) for file in self.files]

    def lineage(self):
        """Give the tree of what the exposure came from.

        Returns
        -------
        Lineage
            Printing it shows it.
        """
        from awe.process.lineage import Lineage

        return Lineage(self)

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        target = "" if self.target is None else f" {self.target.target_name}"
        when = f"{self.observation_time:%Y-%m-%dT%H:%M:%S}"
        return f"{self.instrument.name} {when} {self.kind or self.ins_mode or ''}{target}"


def _feed(digest, value):
    """Take a header, a table, an array or a plain value into a checksum."""
    if hasattr(value, "text"):
        digest.update(value.text.encode() + bytes(getattr(value, "data", b"")))
    elif hasattr(value, "colnames") or hasattr(value, "items"):
        for key in getattr(value, "colnames", value):
            digest.update(f"/{key}=".encode())
            _feed(digest, value[key])
    elif isinstance(value, (str, int, float, bool, type(None))):
        digest.update(repr(value).encode())
    else:
        array = np.ascontiguousarray(np.ma.filled(value) if np.ma.isMA(value) else value)
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())


def values_of_header(header):
    """Give the values of an exposure that its header tells.

    Parameters
    ----------
    header : mapping
        Of the cube or the raw file.

    Returns
    -------
    dict of str to (float or None)
        seeing, airmass, tau0, glf and ngs_flux; None where the header has no number.
    """
    return {name: _mean_of(header, *keys) for name, keys in _FROM_HEADER.items()}


def _mean_of(header, *keys):
    """Give the mean of numbers in a header; None where one is missing or is no finite number."""
    values = [header.get(key) for key in keys]
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in values):
        return None
    mean = sum(map(float, values)) / len(values)
    return mean if np.isfinite(mean) else None


def _mean_of_column(table, name):
    """Give the mean of the finite values of a column; None where there are none."""
    if table is None or name not in getattr(table, "colnames", getattr(table, "names", table)):
        return None
    values = np.asarray(table.column(name) if hasattr(table, "names") else table[name])
    values = values[np.isfinite(values)] if values.dtype.kind in "iuf" else values[:0]
    return float(values.mean()) if values.size else None
