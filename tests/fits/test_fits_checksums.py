"""Checksums written in one pass, as astropy verifies them, and rows as they are stored."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy.io import fits

from awe.fits import (
    FitsError,
    Image,
    StoredRows,
    find_hdu,
    read_image,
    read_rows,
    write_hdus,
    write_image,
)
from awe.fits.checksums import encode_checksum, ones_sum


def verified(path):
    """Open a file whose checksums must be right, and give all it holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in hdus)
            return [(hdu.header.copy(), None if hdu.data is None else hdu.data.copy())
                    for hdu in hdus]  # fmt: skip


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8", "u2", "u4", "bool"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (300, 333)])
def test_checksums_of_every_kind_of_number(tmp_path, kind, shape):
    values = np.random.default_rng(3).integers(0, 2 if kind == "bool" else 100, shape)
    array = values.astype(kind)
    write_image(tmp_path / "a.fits", array, [("OBJECT", "M 31", "name")])
    ((header, data),) = verified(tmp_path / "a.fits")
    np.testing.assert_array_equal(data, values)
    assert header["OBJECT"] == "M 31"


@pytest.mark.parametrize("seed", range(20))
def test_checksums_of_any_bytes(tmp_path, seed):
    words = np.random.default_rng(seed).integers(0, 2**32, (50, 60), dtype=np.uint32)
    write_image(tmp_path / "a.fits", words.view(np.int32))
    ((_, data),) = verified(tmp_path / "a.fits")
    np.testing.assert_array_equal(data, words.view(np.int32))


def test_planes_without_contiguous_rows_or_native_order(tmp_path):
    array = np.random.default_rng(1).normal(size=(70, 80))
    planes = [array[::2, ::-1].astype("f4"), array.T.astype(">f4"), array[:, 5:50]]
    write_hdus(tmp_path / "a.fits", [Image(None), *(Image(p, name=f"P{i}")
                                                    for i, p in enumerate(planes))])  # fmt: skip
    found = verified(tmp_path / "a.fits")
    assert found[0][0]["EXTEND"]
    for plane, (header, data) in zip(planes, found[1:], strict=True):
        assert header["EXTNAME"].startswith("P")
        np.testing.assert_array_equal(data, plane)


def test_not_a_number_keeps_its_bits(tmp_path):
    array = np.array([[np.nan, np.inf, -0.0, 1.5]], dtype=np.float32)
    write_image(tmp_path / "a.fits", array)
    verified(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_image(tmp_path / "a.fits", 0).view("u4"), array.view("u4"))


def test_a_file_that_exists_is_replaced(tmp_path):
    path = tmp_path / "a.fits"
    write_image(path, np.zeros((200, 200)))
    other = tmp_path / "linked.fits"
    other.hardlink_to(path)
    write_image(path, np.ones((2, 2), dtype=np.float32))
    assert path.stat().st_size == 5760
    assert read_image(other, 0).shape == (200, 200)


def test_sum_and_letters_of_the_standard():
    assert ones_sum(b"\xff\xff\xff\xff\x00\x00\x00\x02") == 2
    # The complement of the word of all bits is 0: sixteen times "0".
    assert encode_checksum(0xFFFFFFFF) == "0" * 16
    assert all(c.isalnum() for total in range(0, 2**32, 2**26 + 7) for c in encode_checksum(total))


SCRIPT = """
import sys, numpy as np
sys.modules["numba"] = None
from awe.fits import write_image, read_image
write_image(sys.argv[1], np.arange(12, dtype=np.float32).reshape(3, 4))
assert read_image(sys.argv[1], 0)[2, 3] == 11
"""


def test_all_works_without_numba(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "a.fits")]
    subprocess.run(command, check=True, capture_output=True)
    write_image(tmp_path / "b.fits", np.arange(12, dtype=np.float32).reshape(3, 4))
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    verified(tmp_path / "a.fits")


@pytest.fixture
def raw(tmp_path):
    """Give an image of 16-bit integers without a sign, and its file."""
    array = np.random.default_rng(5).integers(0, 65536, (40, 50)).astype(np.uint16)
    write_image(tmp_path / "raw.fits", array)
    return array, tmp_path / "raw.fits"


@pytest.mark.parametrize("columns", [(0, 50), (3, 9), (0, 1), (44, 50), (5, 49), (7, 7)])
@pytest.mark.parametrize("rows", [(0, 40), (11, 12), (39, 40), (5, 5)])
def test_parts_of_rows(raw, rows, columns):
    array, path = raw
    part = read_rows(path, 0, *rows, *columns)
    np.testing.assert_array_equal(part, array[slice(*rows), slice(*columns)])
    assert part.dtype == np.uint16


def test_parts_that_do_not_exist_are_refused(raw):
    _, path = raw
    with pytest.raises(FitsError, match="columns 40 to 51 do not exist"):
        read_rows(path, 0, 0, 5, 40, 51)
    with pytest.raises(FitsError, match="rows 0 to 41 do not exist"):
        read_rows(path, 0, 0, 41, 3, 5)


@pytest.mark.parametrize("keep_open", [False, True])
def test_rows_as_they_are_stored(raw, keep_open):
    array, path = raw
    hdu = find_hdu(path, 0)
    assert StoredRows.possible(hdu)
    stored = StoredRows(path, hdu, keep_open)
    buffer = np.zeros(40 * 50, dtype=np.uint16)
    for y0, y1 in ((0, 40), (17, 19)):
        rows = stored.read(y0, y1, buffer)
        values = rows.view(">i2").astype(int) + stored.zero
        np.testing.assert_array_equal(values, array[y0:y1])
    stored.close()


def test_rows_of_a_truncated_or_absent_file_are_refused(raw):
    _, path = raw
    hdu = find_hdu(path, 0)
    buffer = np.zeros(40 * 50, dtype=np.uint16)
    path.write_bytes(path.read_bytes()[:3500])
    with pytest.raises(FitsError, match="truncated"):
        StoredRows(path, hdu).read(0, 40, buffer)
    with pytest.raises(FitsError, match="truncated"):
        read_rows(path, hdu, 0, 40, 3, 5)
    path.unlink()
    with pytest.raises(FitsError, match="cannot be read"):
        StoredRows(path, hdu).read(0, 40, buffer)


def test_other_images_are_not_read_as_they_are_stored(tmp_path):
    write_image(tmp_path / "f.fits", np.zeros((3, 3), dtype=np.float32))
    write_image(tmp_path / "c.fits", np.zeros((3, 3), dtype=np.int16), compress="RICE_1")
    assert not StoredRows.possible(find_hdu(tmp_path / "f.fits", 0))
    assert not StoredRows.possible(find_hdu(tmp_path / "c.fits", 0))
    assert not StoredRows.possible(find_hdu(tmp_path / "c.fits", 1))
