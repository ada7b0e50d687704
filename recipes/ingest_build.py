"""How the frames of a raw file are built from its headers and pixels."""

import dataclasses
import shutil

import numpy as np
from awe.recipes.ingest_geometry import agrees, key_of

from awe.base.errors import AweValueError
from awe.base.utc import to_utc
from awe.fits.streams import open_stream
from awe.instruments import night_of
from awe.model import (
    Astrom,
    Chip,
    Exposure,
    Filter,
    Instrument,
    Lamp,
    ObservingBlock,
    RawFits,
    Readout,
    Target,
    Template,
)
from awe.model.base import LazyImage
from awe.model.raw import frame_class
from awe.model.records import OverscanStat, amplifier_of_header, imstat_of
from awe.pixels import assemble, imstat

__all__ = ["FrameBuilder"]

_CHUNK = 1 << 20
_REGIONS = ("overscan_x", "overscan_y", "prescan_x", "prescan_y")
_PLAIN = (
    "DATE", "DATE_OBS", "MJD_OBS", "UTC", "LST", "EXPTIME", "OBJECT", "OBSERVER",
    "OVSCX", "OVSCXPRE", "OVSCXPST", "OVSCY", "OVSCYPRE", "OVSCYPST",
    "PRSCX", "PRSCXPRE", "PRSCXPST", "PRSCY", "PRSCYPRE", "PRSCYPST",
)  # fmt: skip


class FrameBuilder:
    """Builds the objects of one raw file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    hdus : list of awe.fits.Hdu
        Its HDUs.
    ccds : list of awe.instruments.CcdFrame
        What its headers say of each CCD.
    instrument : awe.instruments.Instrument
        What is known of the instrument.
    geometries : dict of tuple to LitGeometry
        Where the flats of the batch are lit.
    """

    def __init__(self, path, hdus, ccds, instrument, geometries):
        self.path = path
        self.source = path
        self.hdus = hdus
        self.ccds = ccds
        self.instrument_data = instrument
        self.geometries = geometries
        self.notes = []
        self.reason = None
        self._corrected = []
        self.instrument = Instrument.get_or_create(
            name=ccds[0].instrument,
            telescope_name=instrument.telescope or ccds[0].telescope,
            latitude=instrument.latitude,
            longitude=instrument.longitude,
            elevation=instrument.elevation,
        )

    def raw_fits(self):
        """Give the object of the file itself; a stored one where it was ingested before.

        Returns
        -------
        RawFits
            With name, size, checksum and headers.
        """
        from awe.fits import sha256

        digest, size = sha256(self.path)
        texts = {str(h.index): h.text for h in self.hdus}
        return RawFits.get_or_create(
            sha256=digest, size=size, filename=self.path.name, instrument=self.instrument,
            DATE_OBS=self.ccds[0].DATE_OBS, headers=texts,
        )  # fmt: skip

    def frames(self, raw_fits, folder, *, write):
        """Build a frame for each CCD.

        Parameters
        ----------
        raw_fits : RawFits
            The object of the file.
        folder : pathlib.Path
            For files that are needed until the commit.
        write : bool
            Whether to write the file of each CCD there.

        Returns
        -------
        list of RawFrame
            Not committed.
        """
        self._unpack(folder)
        frames = [self._frame(n, ccd, raw_fits) for n, ccd in enumerate(self.ccds, start=1)]
        if write:
            self._split(frames, folder)
        return frames

    def _unpack(self, folder):
        """Decompress a packed file of several images once, not for each of them."""
        if not self.hdus[0].packed or sum(h.shape is not None for h in self.hdus) < 2:
            return
        self.source = folder / "unpacked"
        with open_stream(self.path) as (stream, _), open(self.source, "wb") as plain:
            shutil.copyfileobj(stream, plain, _CHUNK)
        self.hdus = [dataclasses.replace(h, packed=False) for h in self.hdus]

    def _split(self, frames, folder):
        from awe.fits import split_hdus

        parts = []
        for frame, ccd in zip(frames, self.ccds, strict=True):
            parts.append((ccd.extensions, folder / frame.filename))
        split_hdus(self.source, parts)
        for frame, (_, part) in zip(frames, parts, strict=True):
            frame.attach(part)

    def _frame(self, number, ccd, raw_fits):
        cls = frame_class(ccd.kind)
        chip = Chip.get_or_create(instrument=self.instrument, name=ccd.chip)
        fringes = self.instrument_data.has_fringes(ccd.filter)
        filter_ = self._named(Filter, ccd.filter, has_fringes=fringes)
        template = self._template(ccd.template)
        frame = cls(
            kind=ccd.kind, instrument=self.instrument, chip=chip, filter=filter_,
            lamp=self._named(Lamp, ccd.lamp), template=template,
            observing_block=self._block(ccd.observing_block), raw_fits=raw_fits,
            extension=ccd.extensions[0], NAXIS1=ccd.NAXIS1, NAXIS2=ccd.NAXIS2,
            **{name: getattr(ccd, name) for name in _PLAIN},
        )  # fmt: skip
        frame.filename = _filename(ccd, number)
        frame.night = to_utc(night_of(ccd.DATE_OBS, self.instrument.longitude or 0.0))
        frame.exposure = self._exposure(ccd, filter_, template)
        frame.readout, amplifiers = self._readout(frame, ccd, chip)
        if ccd.kind == "science":
            frame.AIRMSTRT, frame.AIRMEND = ccd.AIRMSTRT, ccd.AIRMEND
            frame.astrom = _astrom(ccd.astrom)
        self._measure(frame, ccd, amplifiers)
        frame.set_parameters()
        frame.quality_flags = frame.verify()
        return frame

    def _named(self, cls, name, **values):
        if not name:
            return None
        return cls.get_or_create(instrument=self.instrument, name=name, **values)

    def _template(self, values):
        if not values or values.get("start") is None:
            return None
        known = {n: v for n, v in values.items() if n in Template._attributes}
        return Template.get_or_create(instrument=self.instrument, **known)

    def _block(self, values):
        if not values or values.get("id") is None:
            return None
        known = {n: v for n, v in values.items() if n in ObservingBlock._attributes}
        if known.get("start") is None:
            known["start"] = to_utc("1858-11-17")
        return ObservingBlock.get_or_create(instrument=self.instrument, **known)

    def _exposure(self, ccd, filter_, template):
        target = None
        if ccd.kind == "science" and ccd.OBJECT:
            target = Target.get_or_create(target_name=ccd.OBJECT)
        return Exposure.get_or_create(
            instrument=self.instrument, observation_time=ccd.DATE_OBS, kind=ccd.kind,
            target=target, EXPTIME=ccd.EXPTIME, filter=filter_, template=template,
        )  # fmt: skip

    # --- geometry ---

    def _readout(self, frame, ccd, chip):
        """Give how the CCD was read out, and its amplifiers."""
        if not ccd.amplifiers:
            return None, []
        geometry = self.geometries.get(key_of(ccd)) if len(ccd.amplifiers) == 1 else None
        corrected = None if geometry is None else geometry.correct(ccd.amplifiers[0])
        values = ccd.amplifiers if corrected is None else (corrected,)
        hdus = {n: at for at, n in enumerate(sorted({a["hdu"] for a in ccd.amplifiers}))}
        # In the file of one CCD its HDUs follow the primary one, which may be among them.
        first = 0 if 0 in hdus else 1
        amplifiers = [amplifier_of_header(a, hdus[a["hdu"]] + first) for a in values]
        if corrected is None:
            return self._of_header(chip, ccd, amplifiers)
        self.reason = geometry.reason
        frame.comments = [f"Geometry: {geometry.reason}."]
        self.notes.append(f"{chip.name}: {geometry.reason}")
        return self._of_light(chip, ccd, amplifiers, geometry)

    def _of_header(self, chip, ccd, amplifiers):
        for readout in self._modes(chip, ccd, amplifiers, "header"):
            if _sections(readout.amplifiers) == _sections(amplifiers):
                return readout, amplifiers
            if readout.source == "lit frames":
                # The header was found wrong before.
                return readout, readout.amplifiers
            self.notes.append(
                f"{chip.name}: other pre- and overscan than frames before in {readout.mode!r}"
            )

    def _of_light(self, chip, ccd, amplifiers, geometry):
        for readout in self._modes(chip, ccd, amplifiers, "lit frames"):
            stored = {n: tuple(getattr(readout.amplifiers[0], n)) for n in ("data", *_REGIONS)}
            if agrees(geometry.lit, stored):
                return readout, readout.amplifiers
            if readout.source == "header":
                self._corrected.append((readout, amplifiers))
                return readout, amplifiers

    def _modes(self, chip, ccd, amplifiers, source):
        """Give the read-out modes of one name; a new one where all that are stored are used up."""
        for attempt in range(1, 100):
            mode = ccd.read_mode if attempt == 1 else f"{ccd.read_mode} ({attempt})"
            yield Readout.get_or_create(
                chip=chip, mode=mode, amplifiers=amplifiers, source=source,
                binning_x=ccd.binning[0], binning_y=ccd.binning[1],
            )  # fmt: skip
        msg = f"{self.path.name}: chip {ccd.chip} has too many geometries in {ccd.read_mode!r}."
        raise AweValueError(msg)

    def correct_readouts(self):
        """Stage the corrections of read-out modes that lit frames have shown to be wrong.

        Returns
        -------
        list of Readout
            Those that have changed, to be committed with the frames.
        """
        for readout, amplifiers in self._corrected:
            readout.amplifiers = amplifiers
            readout.source = "lit frames"
        return [readout for readout, _ in self._corrected]

    # --- pixels ---

    def _measure(self, frame, ccd, amplifiers):
        images = {n: LazyImage(self.source, self.hdus[n]) for n in ccd.extensions}
        if not amplifiers or len(ccd.raw_shape) != 2:
            whole = np.asarray(images[ccd.extensions[0]])
            frame.measure(whole.reshape(-1, whole.shape[-1]))
            return
        hdus = sorted({a.hdu for a in amplifiers})
        arrays = [np.asarray(images[n]) for n in sorted(images)]
        amplifiers = [a.for_pixels(hdus.index(a.hdu)) for a in amplifiers]
        if len(amplifiers) == 1 and not (amplifiers[0].flip_x or amplifiers[0].flip_y):
            y0, y1, x0, x1 = amplifiers[0].data
            light = arrays[0][y0:y1, x0:x1]
        else:
            light = assemble(arrays, amplifiers)
        frame.measure(light)
        for region in _REGIONS:
            parts = [_cut(arrays[a.hdu], getattr(a, region)) for a in amplifiers]
            values = np.concatenate([p.ravel() for p in parts])
            if len(values):
                stat = imstat_of(imstat(values.reshape(1, -1)), OverscanStat)
                setattr(frame, f"{region}_stat", stat)


def _cut(array, section):
    if section is None:
        return array[:0]
    y0, y1, x0, x1 = section
    return array[y0:y1, x0:x1]


def _sections(amplifiers):
    """Give what decides whether two geometries are the same."""
    names = ("hdu", "data", *_REGIONS, "flip_x", "flip_y", "x", "y")
    return [tuple(getattr(a, n) for n in names) for a in amplifiers]


def _astrom(values):
    if not values:
        return None
    known = {n: v for n, v in values.items() if n in Astrom._attributes}
    return Astrom(**known) if known else None


def _filename(ccd, number):
    """Give the name of the file of one CCD, such as WFI.2000-01-01T08:57:15.410_3.fits."""
    when = ccd.DATE_OBS.isoformat(timespec="milliseconds")
    return f"{ccd.instrument}.{when}_{number}.fits"
