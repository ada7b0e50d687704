"""Frames with known stars, for the tests of windows."""

import datetime

import numpy as np

from awe.model import (
    Amplifier,
    Astrom,
    BiasFrame,
    Chip,
    Exposure,
    Filter,
    Instrument,
    MasterFlatFrame,
    RawDomeFlatFrame,
    RawScienceFrame,
    ReducedScienceFrame,
)
from awe.model.vocabulary import Readout

FWHM = 4.0
SKY = 1000.0
STARS = ((100.3, 60.7, 40000.0), (40.0, 120.0, 20000.0), (150.2, 150.0, 9000.0))
WHEN = datetime.datetime(2012, 6, 1, 8, 51, 44)


def star_field(shape=(200, 180), fwhm=FWHM, seed=1):
    """Give an image with noise and Moffat stars of known width, exponent 3."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    gamma2 = (fwhm / 2) ** 2 / (2 ** (1 / 3) - 1)
    image = np.full(shape, SKY)
    for column, row, peak in STARS:
        image += peak * (1 + ((x - column) ** 2 + (y - row) ** 2) / gamma2) ** -3.0
    return rng.poisson(image).astype(np.float32)


def astrom(shape=(200, 180), x=0.0, y=0.0):
    """Give world coordinates: 0.2 arcseconds per pixel, the reference pixel at (x, y) from 0."""
    step = 0.2 / 3600
    return Astrom(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=180.0, CRVAL2=-30.0,
                  CRPIX1=x + 1, CRPIX2=y + 1, CD1_1=-step, CD1_2=0.0, CD2_1=0.0,
                  CD2_2=step)  # fmt: skip


def vocabulary():
    """Give instrument, chip and filter."""
    camera = Instrument.get_or_create(name="CAMERA")
    return {"instrument": camera,
            "chip": Chip.get_or_create(instrument=camera, name="CCD_1"),
            "filter": Filter.get_or_create(instrument=camera, name="R")}  # fmt: skip


def _write(folder, name, data):
    from astropy.io import fits

    path = folder / name
    fits.PrimaryHDU(data).writeto(path)
    return path


def raw_frame(folder, data=None, *, name="raw.fits", sky=None, chip=None, exposure=None, when=WHEN,
              overscan=0):  # fmt: skip
    """Give a stored raw science frame; its first rows and columns may be overscan."""
    data = star_field() if data is None else data
    words = vocabulary()
    if chip is not None:
        words["chip"] = Chip.get_or_create(instrument=words["instrument"], name=chip)
    ny, nx = data.shape
    amplifier = Amplifier(name="A", hdu=0, data=[overscan, ny, overscan, nx], prescan_x=[],
                          overscan_x=[], prescan_y=[], overscan_y=[], gain=1.0,
                          saturation=35000.0)  # fmt: skip
    readout = Readout.get_or_create(chip=words["chip"], mode=f"{ny}x{nx}-{overscan}")
    if not readout.amplifiers:
        readout.amplifiers = [amplifier]
        readout.commit()
    frame = RawScienceFrame(
        filename=name, DATE_OBS=when, EXPTIME=30.0, OBJECT="FIELD", readout=readout,
        NAXIS1=nx, NAXIS2=ny, astrom=sky or astrom(), exposure=exposure, kind="science", **words,
    )  # fmt: skip
    frame.attach(_write(folder, name, data))
    frame.commit()
    return frame


def raw_flat(folder, data, *, name, when):
    """Give a stored raw dome flat."""
    flat = RawDomeFlatFrame(filename=name, DATE_OBS=when, EXPTIME=5.0, NAXIS1=data.shape[1],
                            NAXIS2=data.shape[0], kind="dome", **vocabulary())  # fmt: skip
    flat.attach(_write(folder, name, data))
    flat.commit()
    return flat


def exposure(when=WHEN):
    """Give a stored exposure without frames yet."""
    one = Exposure(instrument=vocabulary()["instrument"], observation_time=when, kind="science")
    one.commit()
    return one


def product(cls, data, **values):
    """Give a product with pixels in memory, as after make()."""
    words = vocabulary()
    if cls is BiasFrame:
        words.pop("filter")
    one = cls(creation_date=WHEN, **words, **values)
    one.keep(data)
    return one


def bias(noise=3.0, level=0.0, seed=2, **values):
    """Give a bias with a slope in its rows."""
    rng = np.random.default_rng(seed)
    data = rng.normal(level, noise, (120, 100)) + np.linspace(0, 2, 120)[:, None]
    return product(BiasFrame, data.astype(np.float32), **values)


def flat(seed=3, **values):
    """Give a flat."""
    data = np.random.default_rng(seed).normal(1.0, 0.01, (120, 100)).astype(np.float32)
    return product(MasterFlatFrame, data, **values)


def reduced(raw, data=None, **values):
    """Give a reduced frame of a raw frame."""
    data = np.asarray(raw.data, dtype=np.float32) - 200 if data is None else data
    return product(ReducedScienceFrame, data, raw=raw, DATE_OBS=WHEN, EXPTIME=30.0,
                   astrom=astrom(), gain=1.0, **values)  # fmt: skip
