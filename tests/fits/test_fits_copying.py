"""Copies of single HDUs."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from awe.fits import FitsError, copy_hdus, read_headers, read_image, split_hdus


def test_hdu_is_copied_byte_for_byte(mosaic, tmp_path):
    target = tmp_path / "ccd.fits"
    size = copy_hdus(mosaic, [2], target)
    assert size == target.stat().st_size
    whole, hdu = mosaic.read_bytes(), read_headers(mosaic)[2]
    assert whole[hdu.header_offset : hdu.offset + hdu.size] in target.read_bytes()
    assert target.read_bytes()[:2880] == whole[:2880]
    with fits.open(target, checksum=True) as copy:
        copy.verify("exception")
        assert len(copy) == 2
        np.testing.assert_array_equal(copy[1].data, fits.getdata(mosaic, 2))


def test_file_of_one_hdu_is_copied_as_it_is(tmp_path):
    source, packed, target = (tmp_path / name for name in ("a.fits", "a.fits.gz", "b.fits"))
    fits.PrimaryHDU(np.arange(6, dtype=np.int16).reshape(2, 3)).writeto(source)
    packed.write_bytes(gzip.compress(source.read_bytes()))
    for path in (source, packed):
        copy_hdus(path, [0], target)
        assert target.read_bytes() == source.read_bytes()


def test_compressed_hdu_stays_compressed(tmp_path):
    source, target = tmp_path / "a.fits.fz", tmp_path / "b.fits"
    images = [np.full((9, 9), n, np.int16) for n in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *map(fits.CompImageHDU, images)]).writeto(source)
    copy_hdus(source, [2], target)
    assert read_headers(target)[1].compressed
    np.testing.assert_array_equal(read_image(target, 1), images[1])


def test_primary_image_that_is_not_wanted_stays_behind(tmp_path):
    source, target = tmp_path / "a.fits", tmp_path / "b.fits"
    primary = fits.PrimaryHDU(np.ones((8, 8), np.uint16))
    primary.header["NEXTEND"] = 2
    extensions = [fits.ImageHDU(np.full((4, 4), n, np.float32)) for n in (1, 2)]
    fits.HDUList([primary, *extensions]).writeto(source, checksum=True)
    copy_hdus(source, [2], target)
    with fits.open(target, checksum=True) as copy:
        copy.verify("exception")
        assert copy[0].data is None
        assert copy[0].header["NEXTEND"] == 1
        assert copy[0].header["EXTEND"] is True
        assert (copy[1].data == 2).all()
    copy_hdus(source, [0], target)
    with fits.open(target) as copy:
        copy.verify("exception")
        assert len(copy) == 1
        assert copy[0].data.sum() == 64


def test_extra_cards_are_added_to_the_primary_header(mosaic, tmp_path):
    target = tmp_path / "ccd.fits"
    extra = [("AWEFILE", "mosaic.fits", "where it came from"), ("AWEEXT", 1, "")]
    copy_hdus(mosaic, [1], target, extra)
    with fits.open(target, checksum=True) as copy:
        copy.verify("exception")
        assert copy[0].header["AWEFILE"] == "mosaic.fits"
        assert copy[0].header["AWEEXT"] == 1
        assert copy[0].header["ESO TPL ID"] == "IMG"


def test_illegal_cards_survive(with_cards, tmp_path):
    source, target = with_cards("GAIN    = 1.2.3"), tmp_path / "b.fits"
    copy_hdus(source, [0], target, [("NOTE", "x", "")])
    assert b"GAIN    = 1.2.3" in target.read_bytes()
    assert len(target.read_bytes()) == len(source.read_bytes())


def test_failure_to_write_is_not_blamed_on_the_source(mosaic, tmp_path):
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(mosaic.read_bytes()))
    for source in (mosaic, packed):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            copy_hdus(source, [1], tmp_path / "nowhere" / "b.fits")


def test_absent_hdu_and_impossible_card(mosaic, tmp_path):
    with pytest.raises(FitsError, match=r"mosaic\.fits has no HDU 7; it has 4"):
        copy_hdus(mosaic, [7], tmp_path / "b.fits")
    with pytest.raises(FitsError, match=r"No HDU of .* was named"):
        copy_hdus(mosaic, [], tmp_path / "b.fits")
    with pytest.raises(FitsError, match="FITS cannot hold the card NOTE"):
        copy_hdus(mosaic, [1], tmp_path / "b.fits", [("NOTE", "é", "")])


@pytest.mark.parametrize("packed", [False, True])
def test_split_is_the_same_as_single_copies(mosaic, tmp_path, packed):
    source = mosaic
    if packed:
        source = tmp_path / "a.fits.gz"
        source.write_bytes(gzip.compress(mosaic.read_bytes()))
    sets = [[1], [3], [2, 3], [0, 1, 2, 3], [0]]
    targets = [tmp_path / f"part{i}.fits" for i in range(len(sets))]
    extra = [("NOTE", "x", "")]
    sizes = split_hdus(source, zip(sets, targets, strict=True), extra)
    for hdus, target, size in zip(sets, targets, sizes, strict=True):
        copy_hdus(mosaic, hdus, tmp_path / "single.fits", extra)
        assert target.read_bytes() == (tmp_path / "single.fits").read_bytes()
        assert target.stat().st_size == size
        with fits.open(target, checksum=True) as copy:
            copy.verify("exception")
            assert len(copy) == len(set(hdus) | {0})
