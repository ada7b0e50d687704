"""Small FITS files for the tests of this folder."""

import numpy as np
import pytest
from astropy.io import fits


@pytest.fixture
def mosaic(tmp_path):
    """Give a file of a primary header and three images of unsigned integers."""
    random = np.random.default_rng(1)
    hdus = [fits.PrimaryHDU()]
    hdus[0].header["OBJECT"] = "M 13"
    hdus[0].header["HIERARCH ESO TPL ID"] = "IMG"
    for number in range(3):
        image = random.integers(0, 65536, (20 + number, 30), dtype=np.uint16)
        hdus.append(fits.ImageHDU(image, name=f"CCD{number}"))
    path = tmp_path / "mosaic.fits"
    fits.HDUList(hdus).writeto(path, checksum=True)
    return path


def header_block(*cards):
    """Give a header of these cards as bytes."""
    text = "".join(card.ljust(80) for card in (*cards, "END"))
    return text.ljust(-(-len(text) // 2880) * 2880).encode("latin-1")


@pytest.fixture
def with_cards(tmp_path):
    """Give a function that writes an image of 2 x 3 bytes with given cards."""

    def write(*cards, data=bytes(2880)):
        path = tmp_path / "cards.fits"
        frame = ["SIMPLE  =                    T", "BITPIX  =                    8"]
        axes = [f"NAXIS{i:<3}= {n:>20}" for i, n in (("", 2), (1, 3), (2, 2))]
        path.write_bytes(header_block(*frame, *axes, *cards) + data)
        return path

    return write
