"""Images written with checksums."""

import hashlib

import numpy as np
import pytest
from astropy.io import fits

from awe.fits import FitsError, Image, read_image, sha256, write_hdus, write_image

# The same map may be told in more or fewer instructions.
DIFFERENT = {"PCOUNT", "TFORM1", "CHECKSUM", "DATASUM"}


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


@pytest.mark.parametrize(
    ("shape", "share"),
    [((1, 1), 1), ((5, 7), 0.5), ((130, 100), 0.5), ((64, 128), 0), ((64, 128), 1),
     ((200, 5000), 0.001), ((300, 900), 0.5)],
)  # fmt: skip
@pytest.mark.parametrize("kind", [np.uint8, bool])
def test_map_of_zeros_and_ones_is_what_astropy_makes(tmp_path, shape, share, kind):
    mask = (np.random.default_rng(3).random(shape) < share).astype(kind)
    cards = [("BUNIT", "1", "unit"), ("OBJECT", "it's")]
    write_image(tmp_path / "ours.fits", mask, cards, compress="PLIO_1")
    theirs = fits.CompImageHDU(
        mask.astype(np.uint8), fits.Header([fits.Card(*card) for card in cards]),
        compression_type="PLIO_1", tile_shape=(min(64, shape[0]), shape[1]),
    )  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), theirs]).writeto(tmp_path / "theirs.fits")
    np.testing.assert_array_equal(read_image(tmp_path / "ours.fits", 1), mask)
    tables = []
    for name in ("ours.fits", "theirs.fits"):
        with fits.open(tmp_path / name, checksum=True) as hdus:
            hdus.verify("exception")
            np.testing.assert_array_equal(hdus[1].data, mask)
        with fits.open(tmp_path / name, disable_image_compression=True) as hdus:
            tables.append([str(c) for c in hdus[1].header.cards if c.keyword not in DIFFERENT])
    assert tables[0] == tables[1]


def test_unknown_compression(tmp_path):
    with pytest.raises(FitsError, match="'ZSTD' is not one of RICE_1"):
        write_image(tmp_path / "a.fits", np.zeros((2, 2), np.int16), compress="ZSTD")


def test_sha256_and_size(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(b"awe" * 1_000_000)
    assert sha256(path) == (hashlib.sha256(b"awe" * 1_000_000).hexdigest(), 3_000_000)
