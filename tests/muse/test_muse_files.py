"""The simulated tree, and reading tables as bytes."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from awe.base.errors import AweValueError
from awe.fits import FitsError, HeaderText, TableBytes, read_parts
from awe.simulate.muse import FLAWS, MuseSize, simulate_muse


def test_the_files_of_a_tree_are_legal(tree):
    """Astropy finds nothing to complain of, and the layout is that of the originals."""
    for path in tree.files():
        if ".fits" in path.name:
            with fits.open(path) as hdus:
                hdus.verify("exception")
    narrow = next(e for e in tree.exposures if e.has_maoppy)
    assert sorted(narrow.files) == sorted(
        ["raw", "nightlog", "single", "catalog", "raman", "prm", "psf", "maoppy prm", "maoppy psf"]
    )
    folders = {p.relative_to(tree.root).parts[0] for p in tree.files()}
    assert folders == {"raw", "single", "analysis", "catalogs", "raman"}
    log, raw = narrow.files["nightlog"], narrow.files["raw"]
    assert str(log) == str(raw).removesuffix("fits.fz") + "NL.txt"


def test_two_nights_modes_and_midnight(tmp_path):
    """What the trees of tests need is in eight exposures."""
    tree = simulate_muse(tmp_path, exposures=8)
    assert {e.ins_mode for e in tree.exposures} == {
        "WFM-AO-N", "WFM-NOAO-N", "NFM-AO-N", "WFM-AO-E",
    }  # fmt: skip
    assert len({p.parent for e in tree.exposures for k, p in e.files.items() if k == "raw"}) == 2
    hours = {e.observation_time.hour for e in tree.exposures}
    assert hours == {22, 23, 0}
    assert len({e.observation_time for e in tree.exposures}) == 8


def test_every_kind_of_file_can_be_missing_empty_or_broken(flawed):
    """The flaw is in the file, and in no other."""
    assert len(FLAWS) == len(set(FLAWS))
    sound = flawed.exposures[0]
    assert sound.flaw is None
    sizes = {kind: path.stat().st_size for kind, path in sound.files.items()}
    for exposure in flawed.exposures[1:]:
        word, _, kind = exposure.flaw.partition(" ")
        if kind not in sizes:
            continue
        if word == "no":
            assert set(sizes) - set(exposure.files) == {kind}
        else:
            found = {k: p.stat().st_size for k, p in exposure.files.items()}
            assert {k for k in sizes if found[k] != sizes[k]} <= {kind}
            assert found[kind] < sizes[kind] or word == "unreadable"


def test_a_flaw_that_is_none(tmp_path):
    """The nearest one is named."""
    with pytest.raises(AweValueError, match="Did you mean 'no nightlog'"):
        simulate_muse(tmp_path, exposures=1, flaws={0: "no nightlg"})


def test_files_of_real_size(tmp_path):
    """24 channels of 200 cards, and primary headers of 1700."""
    tree = simulate_muse(tmp_path, exposures=1, size=MuseSize.real())
    with fits.open(tree.exposures[0].files["raw"]) as hdus:
        channels = [h for h in hdus if "CHAN" in h.name]
        assert len(channels) == 24
        assert len(channels[0].header) == pytest.approx(200, abs=20)
        assert len(hdus[0].header) == pytest.approx(1700, abs=30)


def _written(path, table):
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(table, name="T")]).writeto(path)
    return next((text, data) for hdu, text, data in read_parts(path, lambda h: h.name == "T")
                if data is not None)  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
def test_tables_of_all_kinds_of_columns(tmp_path, packed):
    """Values, shapes, texts and units as astropy reads them, also of a gzipped file."""
    table = Table({
        "i": np.array([1, -2], np.int32), "f": [0.5, np.nan], "s": ["abc", "d"],
        "b": [True, False], "v": np.arange(6.0).reshape(2, 3), "c": [1 + 2j, 3j],
    })  # fmt: skip
    table["f"].unit = "arcsec"
    found = TableBytes(*_written(tmp_path / ("t.fits.gz" if packed else "t.fits"), table))
    assert len(found) == 2
    assert found.names == tuple(table.colnames)
    assert found.unit("f") == "arcsec"
    again = found.table()
    assert str(again["f"].unit) == "arcsec"
    for name in table.colnames:
        np.testing.assert_array_equal(again[name], table[name])
        assert again[name].dtype.isnative
    with pytest.raises(KeyError):
        found.column("nothing")


def test_tables_that_need_astropy(tmp_path):
    """Scaled columns, columns of bits, of two axes and of any length are left to it."""
    columns = [
        fits.Column("u", "I", bzero=32768, array=np.array([40000, 1], np.uint16)),
        fits.Column("m", "4E", dim="(2,2)", array=np.arange(8.0).reshape(2, 2, 2)),
        fits.Column("l", "PD()", array=np.array([[1.0], [2.0, 3.0]], object)),
    ]
    for number, column in enumerate(columns):
        path = tmp_path / f"{number}.fits"
        hdu = fits.BinTableHDU.from_columns([column], name="T")
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
        text, data = next(p[1:] for p in read_parts(path, lambda h: h.name == "T") if p[2])
        values = TableBytes(text, data).table()[column.name]
        for row in range(2):
            np.testing.assert_array_equal(values[row], column.array[row])


@pytest.mark.parametrize(("wrong", "by"), [
    ("TFIELDS =                    1", "TFIELDS =                    2"),
    ("NAXIS1  =                    8", "NAXIS1  =                    7"),
    ("NAXIS2  =                    2", "NAXIS2  =                    9"),
])  # fmt: skip
def test_tables_that_contradict_themselves(tmp_path, wrong, by):
    """They are refused when they are read, not when they are touched."""
    text, data = _written(tmp_path / "t.fits", Table({"f": [0.5, 1.0]}))
    assert wrong in text
    with pytest.raises(FitsError):
        TableBytes(text.replace(wrong, by), data)


def test_the_header_of_a_packed_image_is_that_of_the_image(tmp_path):
    """As astropy gives it; what belongs to the table around it is left out."""
    path = tmp_path / "x.fits.fz"
    image = fits.CompImageHDU(np.arange(100, dtype=np.int16).reshape(10, 10), name="CHAN01")
    image.header["HIERARCH ESO DET CHIP1 ID"] = "x"
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    text = list(read_parts(path))[1][1]
    true = fits.getheader(path, "CHAN01")
    assert dict(HeaderText(text)) == {k: v for k, v in true.items() if k not in ("COMMENT", "")}
