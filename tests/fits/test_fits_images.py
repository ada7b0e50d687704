"""Pixels read from files of every kind."""

import gzip
import os
import warnings

import numpy as np
import pytest
from astropy.io import fits

from awe.fits import FitsError, find_hdu, images, read_headers, read_image, read_rows

_TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def _image(kind):
    random = np.random.default_rng(7)
    if kind[0] == "f":
        return random.normal(0, 1e3, (17, 23)).astype(kind)
    limits = np.iinfo(kind)
    image = random.integers(limits.min, limits.max, (17, 23), dtype=kind, endpoint=True)
    image[0, :2] = limits.min, limits.max
    return image


@pytest.mark.parametrize("kind", _TYPES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_kind_of_number_comes_back(tmp_path, kind, packed):
    path = tmp_path / "image.fits"
    image = _image(kind)
    fits.PrimaryHDU(image).writeto(path)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = read_image(path, 0)
    assert found.dtype == image.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, image)
    np.testing.assert_array_equal(read_rows(path, 0, 5, 11), image[5:11])
    assert read_rows(path, 0, 5, 5).shape == (0, 23)


@pytest.mark.parametrize("method", ["RICE_1", "GZIP_2", "PLIO_1"])
def test_tile_compressed_images_come_back(tmp_path, method):
    path = tmp_path / "image.fits.fz"
    image = np.arange(17 * 23, dtype=np.uint16 if method != "PLIO_1" else np.int32).reshape(17, 23)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type=method)]).writeto(
        path
    )
    np.testing.assert_array_equal(read_image(path, 1), image)
    np.testing.assert_array_equal(read_rows(path, 1, 3, 9), image[3:9])
    assert read_image(path, 1).dtype == image.dtype == find_hdu(path, 1).dtype


def test_scale_and_blank_give_floats(tmp_path):
    path = tmp_path / "scaled.fits"
    hdu = fits.PrimaryHDU(np.array([[1, 2], [3, -99]], dtype=np.int16))
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 2.0, 10.0, -99
    # Written as it stands: astropy would scale back.
    text = hdu.header.tostring().encode() + hdu.data.astype(">i2").tobytes().ljust(2880, b"\0")
    path.write_bytes(text)
    np.testing.assert_array_equal(read_image(path, 0), [[12, 14], [16, np.nan]])
    assert read_image(path, 0).dtype == np.float32


@pytest.mark.parametrize("shape", [(5,), (3, 4, 5)])
def test_other_axes_are_read_as_they_are(tmp_path, shape):
    path = tmp_path / "cube.fits"
    cube = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    fits.PrimaryHDU(cube).writeto(path)
    np.testing.assert_array_equal(read_image(path, 0), cube)
    with pytest.raises(FitsError, match="rows 0 to 1 do not exist"):
        read_rows(path, 0, 0, 1)


def test_hdu_by_index_name_and_description(mosaic):
    expected = fits.getdata(mosaic, "CCD1")
    hdu = read_headers(mosaic)[2]
    for which in (2, "CCD1", hdu):
        np.testing.assert_array_equal(read_image(mosaic, which), expected)


def test_errors_name_the_file_and_the_reason(mosaic):
    with pytest.raises(FitsError, match=r"mosaic\.fits: HDU 0 has no image"):
        read_image(mosaic, 0)
    with pytest.raises(FitsError, match=r"no HDU 'CCD9'.*Did you mean 'CCD2'"):
        read_image(mosaic, "CCD9")
    with pytest.raises(FitsError, match="rows 10 to 99 do not exist"):
        read_rows(mosaic, 1, 10, 99)


def test_file_that_shrank_since_is_seen(mosaic):
    hdu = read_headers(mosaic)[3]
    mosaic.write_bytes(mosaic.read_bytes()[: hdu.offset + 100])
    with pytest.raises(FitsError, match="truncated"):
        read_image(mosaic, hdu)


def test_rows_of_a_plain_file_need_only_their_bytes(mosaic):
    hdu = read_headers(mosaic)[1]
    expected = read_rows(mosaic, hdu, 4, 6)
    data = bytearray(mosaic.read_bytes())
    row = hdu.shape[1] * 2
    for start, end in ((0, hdu.offset + 4 * row), (hdu.offset + 6 * row, len(data))):
        data[start:end] = bytes(end - start)
    data[:1] = b"?"
    mosaic.write_bytes(data)
    np.testing.assert_array_equal(read_rows(mosaic, hdu, 4, 6), expected)


def test_a_system_that_reads_little_at_once_and_not_into_place(mosaic, monkeypatch):
    """As macOS: not more than 2 GiB in one call, and before its version 11 no `preadv`."""
    hdu = read_headers(mosaic)[1]
    expected = read_rows(mosaic, hdu, 0, hdu.shape[0])
    monkeypatch.delattr(os, "preadv", raising=False)
    monkeypatch.setattr(images, "_AT_ONCE", 7)
    np.testing.assert_array_equal(read_rows(mosaic, hdu, 0, hdu.shape[0]), expected)


def test_real_files_agree_with_astropy(shared_data):
    folders = ("nickel_ccd2_20240513/raw", "kast_blue_2015/raw", "misc_images", "muse")
    paths = [path for folder in folders for path in (shared_data / folder).glob("*.f*")]
    assert len(paths) > 25
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path) as reference:
                for hdu in read_headers(path):
                    if hdu.shape:
                        np.testing.assert_array_equal(
                            read_image(path, hdu), reference[hdu.index].data
                        )


def test_damaged_compressed_image_is_told(tmp_path):
    path = tmp_path / "image.fits.fz"
    image = np.random.default_rng(5).integers(0, 999, (40, 40)).astype(np.int16)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image)]).writeto(path)
    hdu = read_headers(path)[1]
    data = bytearray(path.read_bytes())
    data[hdu.offset : hdu.offset + 320] = b"\xff" * 320
    path.write_bytes(data)
    with pytest.raises(
        FitsError, match=r"image\.fits\.fz: the tile-compressed HDU 1 cannot be read"
    ):
        read_image(path, hdu)
