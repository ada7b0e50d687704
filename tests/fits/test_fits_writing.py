"""Images written with checksums."""

import hashlib

import numpy as np
import pytest
from astropy.io import fits

from awe.fits import FitsError, Image, read_image, sha256, write_hdus, write_image


@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "i2", "u2", "i4", "?"])
def test_image_comes_back_with_checksums(tmp_path, kind):
    path = tmp_path / "image.fits"
    image = (
        np.arange(12).reshape(3, 4) % 2 if kind == "?" else np.arange(12).reshape(3, 4)
    ).astype(kind)
    write_image(path, image, [("OBJECT", "M 13", "the target"), ("GAIN", np.float32(1.5))])
    np.testing.assert_array_equal(read_image(path, 0), image)
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["OBJECT"] == "M 13"
        assert hdus[0].header["GAIN"] == 1.5
        assert "CHECKSUM" in hdus[0].header
        assert "DATASUM" in hdus[0].header


def test_long_keyword_only_with_hierarch(tmp_path):
    path = tmp_path / "image.fits"
    with pytest.raises(FitsError, match=r"image\.fits cannot be written: the keyword LONGKEYWORD"):
        write_image(path, np.zeros((2, 2), np.float32), [("LONGKEYWORD", 1)])
    write_image(path, np.zeros((2, 2), np.float32), [("HIERARCH LONGKEYWORD", 1)])
    assert fits.getheader(path)["LONGKEYWORD"] == 1


@pytest.mark.parametrize("value", [np.nan, float("inf"), "é", [1, 2]])
def test_what_a_header_cannot_hold_is_told(tmp_path, value):
    with pytest.raises(FitsError, match="AIRMASS"):
        write_image(tmp_path / "a.fits", np.zeros((2, 2), np.float32), [("AIRMASS", value)])


def test_several_images_and_compressed_mask(tmp_path):
    path = tmp_path / "set.fits"
    science = np.random.default_rng(3).normal(size=(40, 30)).astype(np.float32)
    mask = np.zeros((40, 30), np.uint8)
    mask[3, 4] = 5
    write_hdus(
        path,
        [
            Image(None, [("OBJECT", "M 13", "")]),
            Image(science, name="SCI", compress="GZIP_2"),
            Image(mask, name="MASK", compress="PLIO_1"),
        ],
    )
    np.testing.assert_array_equal(read_image(path, "SCI"), science)
    np.testing.assert_array_equal(read_image(path, "MASK"), mask)
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")


def test_unknown_compression(tmp_path):
    with pytest.raises(FitsError, match="'ZSTD' is not one of RICE_1"):
        write_image(tmp_path / "a.fits", np.zeros((2, 2), np.int16), compress="ZSTD")


def test_sha256_and_size(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(b"awe" * 1_000_000)
    assert sha256(path) == (hashlib.sha256(b"awe" * 1_000_000).hexdigest(), 3_000_000)
