"""Fixtures of the tests of the pixel steps."""

import gzip

import numpy as np
import pytest

from awe.pixels import Amplifier, use_kernel


@pytest.fixture(params=["numba", "numpy"])
def form(request):
    """Run a test by the compiled kernels and by the definitions."""
    with use_kernel(request.param):
        yield request.param


@pytest.fixture
def rng():
    """Give random numbers that are the same in every run."""
    return np.random.default_rng(20120601)


@pytest.fixture
def two_amplifiers():
    """Give two amplifiers in two arrays of 46 x 40, the first mirrored in x, the second in y."""
    regions = {
        "data": (2, 42, 3, 33),
        "prescan_x": (0, 46, 0, 3),
        "overscan_x": (0, 46, 33, 40),
        "overscan_y": (42, 46, 3, 33),
    }
    return [
        Amplifier(0, **regions, gain=2.0, read_noise=10.0, flip_x=True),
        Amplifier(1, **regions, gain=2.5, read_noise=8.0, flip_y=True, x=30, name="right"),
    ]


@pytest.fixture(scope="session")
def read_images():
    """Give a function that reads all images of a FITS file in memory."""
    fits = pytest.importorskip("astropy.io.fits")

    def read(path):
        with open(path, "rb") as file:
            content = file.read()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        with fits.HDUList.fromstring(content) as hdus:
            return [(hdu.header, hdu.data) for hdu in hdus if hdu.is_image and hdu.data is not None]

    return read
