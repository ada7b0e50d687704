"""The mosaic against what is documented of the real one."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.simulate.layout import FULL_SHAPE, mosaic


def test_order_of_extensions():
    numbers = [ccd.number for ccd in mosaic()]
    assert numbers[:6] == [65, 66, 67, 68, 73, 74]
    assert numbers[16:20] == [69, 70, 71, 72]
    assert sorted(numbers) == list(range(65, 97))
    assert [ccd.extension for ccd in mosaic()] == list(range(1, 33))


def test_full_size_is_the_documented_one(shared_data):
    text = (shared_data / "omegacam_geometry" / "omegacamer_ccd_overscan.yaml").read_text()
    documented = {}
    for line in text.splitlines():
        extension, box = line.split(":")
        documented[int(extension)] = [int(v) for v in box.strip(" []").split(",")]
    for ccd in mosaic(32, FULL_SHAPE):
        assert ccd.raw_shape == (4200, 2144)
        box = [ccd.rows.start, ccd.rows.stop, ccd.columns.start, ccd.columns.stop]
        assert box == documented[ccd.extension]


def test_reference_pixels_of_the_corners():
    ccds = {ccd.number: ccd for ccd in mosaic(32, FULL_SHAPE)}
    assert ccds[65].axis == (8433, 8553)
    assert ccds[72].axis == (-6552, 8553)
    assert ccds[96].axis == (-6552, -4521)
    assert ccds[65].crpix == (8481, 8553)
    assert ccds[96].crpix == (-6504, -4421)


@pytest.mark.parametrize("shape", [(128, 96), (512, 512), FULL_SHAPE])
def test_ccds_do_not_overlap(shape):
    ny, nx = shape
    by_place = {(ccd.column, ccd.row): ccd.axis for ccd in mosaic(32, shape)}
    for (column, row), (x, y) in by_place.items():
        if column < 7:
            assert x - by_place[column + 1, row][0] >= nx
        if row < 3:
            assert y - by_place[column, row + 1][1] >= ny


def test_small_ccds_keep_columns_for_statistics():
    for ccd in mosaic(32, (64, 40)):
        assert ccd.scan_columns >= 8
        assert ccd.scan_rows >= 8
        raw = np.zeros(ccd.raw_shape)
        assert raw[ccd.rows, ccd.columns].shape == (64, 40)


@pytest.mark.parametrize("arguments", [(0, (128, 96)), (33, (128, 96)), (1, (16, 96)), (1, (96,))])
def test_impossible_mosaics(arguments):
    with pytest.raises(AweValueError, match=r"mosaic has 1 to 32|at least 32"):
        mosaic(*arguments)
