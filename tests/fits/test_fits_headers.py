"""Headers of good, doubtful and broken files."""

import bz2
import gzip
import pickle
import warnings
import zlib

import numpy as np
import pytest
from astropy.io import fits

from awe.base.errors import AweError
from awe.fits import FitsError, FitsFileError, read_headers


class TestGoodFiles:
    def test_describes_each_hdu(self, mosaic):
        hdus = read_headers(mosaic)
        assert [hdu.index for hdu in hdus] == [0, 1, 2, 3]
        assert [hdu.name for hdu in hdus] == ["", "CCD0", "CCD1", "CCD2"]
        assert [hdu.shape for hdu in hdus] == [None, (20, 30), (21, 30), (22, 30)]
        assert hdus[1].dtype == np.uint16
        assert hdus[0].dtype is None
        assert hdus[0].header["ESO TPL ID"] == "IMG"
        assert all(hdu.warnings == () for hdu in hdus)

    def test_offsets_are_those_of_astropy(self, mosaic):
        with fits.open(mosaic) as reference:
            expected = [hdu.fileinfo()["datLoc"] for hdu in reference]
        assert [hdu.offset for hdu in read_headers(mosaic)] == expected

    def test_gzipped_file_is_described_like_the_plain_one(self, mosaic, tmp_path):
        packed = tmp_path / "mosaic.fits.gz"
        packed.write_bytes(gzip.compress(mosaic.read_bytes()))
        for plain, other in zip(read_headers(mosaic), read_headers(packed), strict=True):
            assert other.packed
            assert (other.shape, other.offset, other.dtype) == (
                plain.shape,
                plain.offset,
                plain.dtype,
            )
            assert other.header.tostring() == plain.header.tostring()

    def test_compressed_image_has_the_header_of_the_image(self, tmp_path):
        path = tmp_path / "packed.fits.fz"
        image = np.arange(600, dtype=np.uint16).reshape(20, 30)
        fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, name="A")]).writeto(path)
        hdu = read_headers(path)[1]
        assert hdu.compressed
        assert hdu.shape == (20, 30)
        assert hdu.dtype == np.uint16
        assert hdu.header["NAXIS1"] == 30

    def test_table_has_no_shape(self, tmp_path):
        path = tmp_path / "table.fits"
        table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])])
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
        assert read_headers(path)[1].shape is None
        assert read_headers(path)[1].kind == "table"

    def test_description_can_be_pickled(self, mosaic):
        hdu = read_headers(mosaic)[1]
        assert pickle.loads(pickle.dumps(hdu)) == hdu  # noqa: S301

    # What is small is read each time, the rest, which takes long to unpack, with the heavy ones.
    @pytest.mark.parametrize(
        ("least", "most"), [(0, 400_000), pytest.param(400_000, 1e9, marks=pytest.mark.heavy)]
    )
    def test_real_files_agree_with_astropy(self, shared_data, least, most):
        folders = ("kast_blue_2015/raw", "lsst_16amp_mef", "misc_images", "eso_misc_headers")
        paths = [path for folder in folders for path in (shared_data / folder).glob("*.f*")]
        assert len(paths) > 20
        paths = [path for path in paths if least <= path.stat().st_size < most]
        assert len(paths) >= 5
        for path in paths:
            hdus = read_headers(path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with fits.open(path) as reference:
                    assert len(reference) == len(hdus)
                    for hdu, other in zip(hdus, reference, strict=True):
                        if other.is_image:
                            assert hdu.shape == (other.shape or None)
                        assert hdu.header.get("EXTNAME") == other.header.get("EXTNAME")


class TestDoubtfulFiles:
    def test_illegal_number_is_read_as_text(self, with_cards):
        hdu = read_headers(with_cards("GAIN    = 1.2.3", "OBJECT  = 'M 13    '"))[0]
        assert hdu.header["GAIN"] == "1.2.3"
        assert hdu.header["OBJECT"] == "M 13"
        assert len(hdu.warnings) == 1
        assert "GAIN = 1.2.3" in hdu.warnings[0]

    def test_nan_is_read_as_undefined(self, with_cards):
        hdu = read_headers(with_cards("AIRMASS = NaN", "HIERARCH ESO TEL AIRM START = -Inf"))[0]
        assert hdu.header["AIRMASS"] is None
        assert hdu.header["ESO TEL AIRM START"] is None
        assert len(hdu.warnings) == 2

    def test_characters_outside_ascii_are_replaced(self, with_cards):
        hdu = read_headers(with_cards("OBSERVER= 'Müller  '"))[0]
        assert hdu.header["OBSERVER"] == "M?ller"
        assert len(hdu.warnings) == 1

    def test_text_without_closing_quote_is_read(self, with_cards):
        hdu = read_headers(with_cards("OBJECT  = 'M 13", "FILTER  = 'V       '"))[0]
        assert str(hdu.header["OBJECT"]).startswith("M 13")
        assert hdu.header["FILTER"] == "V"
        assert hdu.warnings

    def test_every_value_can_be_asked_for(self, with_cards):
        cards = ["bad-key = 5", "A?B     = 3", "X       = T / c", "Y =", "Z       = (1, 2", "= 5"]
        header = read_headers(with_cards(*cards))[0].header
        assert [value for value in header.values() if value == 5] == [5]
        assert header["X"] is True

    def test_missing_padding_is_told(self, with_cards):
        hdu = read_headers(with_cards(data=bytes(6)))[0]
        assert "2880" in hdu.warnings[0]

    def test_rubbish_after_the_last_hdu_is_left_out(self, mosaic):
        with mosaic.open("ab") as file:
            file.write(b"special record".ljust(2880))
        assert len(read_headers(mosaic)) == 4


def unpacked(packed):
    """Give what a gzipped file holds, or None where it is damaged."""
    try:
        return gzip.decompress(packed)
    except (EOFError, OSError, zlib.error):
        return None


class TestBrokenFiles:
    def test_empty(self, tmp_path):
        path = tmp_path / "empty.fits"
        path.write_bytes(b"")
        with pytest.raises(FitsError, match=r"empty\.fits is empty"):
            read_headers(path)

    def test_not_fits(self, tmp_path):
        path = tmp_path / "notes.fits"
        path.write_bytes(b"Dear observer,\n" * 400)
        with pytest.raises(FitsError, match=r"notes\.fits is not a FITS file"):
            read_headers(path)

    def test_absent(self, tmp_path):
        with pytest.raises(FitsFileError, match=r"absent\.fits cannot be read: No such file"):
            read_headers(tmp_path / "absent.fits")
        assert issubclass(FitsFileError, OSError)
        assert issubclass(FitsFileError, AweError)

    def test_folder(self, tmp_path):
        with pytest.raises(FitsFileError, match="cannot be read"):
            read_headers(tmp_path)

    def test_every_truncation_is_seen(self, mosaic, tmp_path):
        whole = mosaic.read_bytes()
        hdus = read_headers(mosaic)
        path = tmp_path / "cut.fits"
        for hdu in hdus[1:]:
            for size in (hdu.header_offset + 80, hdu.offset, hdu.offset + hdu.size - 1):
                path.write_bytes(whole[:size])
                with pytest.raises(FitsError, match=r"cut\.fits is truncated"):
                    read_headers(path)

    def test_truncated_gzip(self, mosaic, tmp_path):
        path = tmp_path / "cut.fits.gz"
        packed = gzip.compress(mosaic.read_bytes())
        for size in (5, 300, len(packed) // 2, len(packed) - 1):
            path.write_bytes(packed[:size])
            with pytest.raises(FitsError, match=r"cut\.fits\.gz is damaged or truncated"):
                read_headers(path)

    def test_damaged_gzip(self, mosaic, tmp_path):
        plain = mosaic.read_bytes()
        packed = bytearray(gzip.compress(plain))
        path = tmp_path / "bad.fits.gz"
        harmless = 0
        # Also where the keyword of an extension is hit, so that the HDUs seem to end there.
        for place in range(20, len(packed) - 8, 29):
            packed[place] ^= 0xFF
            path.write_bytes(packed)
            if unpacked(packed) == plain:
                # It refers to other blanks than before, and blanks are alike.
                harmless += 1
            else:
                with pytest.raises(FitsError, match=r"damaged|is truncated|cannot|is not"):
                    read_headers(path)
            packed[place] ^= 0xFF
        assert harmless <= 3

    def test_damaged_bzip2(self, mosaic, tmp_path):
        packed = bz2.compress(mosaic.read_bytes())
        path = tmp_path / "a.fits.bz2"
        path.write_bytes(packed)
        assert len(read_headers(path)) == 4
        path.write_bytes(packed[:-10])
        with pytest.raises(FitsError, match="damaged or truncated"):
            read_headers(path)

    def test_unknown_packing(self, tmp_path):
        path = tmp_path / "a.fits.Z"
        path.write_bytes(b"\x1f\x9d\x90" + bytes(100))
        with pytest.raises(FitsError, match="compress"):
            read_headers(path)

    @pytest.mark.parametrize(
        "card",
        ["NAXIS1  = NaN", "NAXIS1  =                   -3", "BITPIX  =                   12"],
    )
    def test_impossible_structure(self, tmp_path, card):
        cards = {"SIMPLE": "T", "BITPIX": "8", "NAXIS": "2", "NAXIS1": "3", "NAXIS2": "2"}
        lines = [
            f"{key:<8}= {value:>20}" for key, value in cards.items() if key != card[:6].strip()
        ]
        text = "".join(line.ljust(80) for line in [*lines, card, "END"]).ljust(2880)
        path = tmp_path / "odd.fits"
        path.write_bytes(text.encode() + bytes(2880))
        with pytest.raises(FitsError, match=r"odd\.fits"):
            read_headers(path)

    def test_text_dump_of_a_header(self, shared_data):
        for path in (shared_data / "megaprime_mef_headers").glob("*.gz"):
            with pytest.raises(FitsError, match=path.name):
                read_headers(path)
