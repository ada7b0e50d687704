"""Tables of queries: how they print, and what files keep of them."""

import datetime

import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time
from astropy.units import UnitsWarning

from awe import view
from awe.base.errors import AweTypeError, AweValueError
from awe.store import DBObject, persistent
from awe.view.tables import table_html, table_text

START = datetime.datetime(2012, 6, 1, 8, 51, 44)


class TableCamera(DBObject):
    """A camera."""

    abstract = False
    name = persistent("Name", str)


class TableShot(DBObject):
    """One row of a table, with something of each kind."""

    abstract = False
    number = persistent("Number", int)
    count = persistent("Pixels kept", int, unit="pix")
    level = persistent("Level of the sky", float, unit="electron/adu")
    good = persistent("Whether it is good", bool)
    bad = persistent("Whether it is bad", bool)
    taken = persistent("When it was taken", datetime.datetime)
    seen = persistent("When it was seen", datetime.datetime)
    label = persistent("What it is", str)
    comment = persistent("What was said", str)
    camera = persistent("Its camera", TableCamera)
    noise = persistent("Noise of each amplifier", [float], unit="adu")
    places = persistent("Columns", [int])
    tags = persistent("Words", [str])
    cameras = persistent("All cameras", [TableCamera])


NUMBERS = ("number", "count", "level", "good", "bad", "taken", "seen", "label", "comment",
           "camera", "noise", "places")  # fmt: skip


@pytest.fixture
def shots(context):
    """Give a query of 40 shots; every third lacks what may be lacking."""
    view.enter()
    camera = TableCamera(name="OMEGACAM")
    made = []
    for k in range(40):
        some = k % 3 != 0
        made.append(
            TableShot(
                number=k, count=999999 if k == 1 else k if some else None,
                level=0.1 + k if some else None, good=bool(k % 2),
                bad=bool(k % 2) if some else None,
                taken=START + datetime.timedelta(seconds=k, microseconds=k),
                seen=START if some else None, label=f"shot {k}", comment="" if some else None,
                camera=camera if some else None, noise=[0.5] * (k % 3), places=[k] * (k % 2),
                tags=["a", "b c"][: k % 3], cameras=[camera] * (k % 2),
            )
        )  # fmt: skip
    context.commit(made)
    return TableShot.select_all()


# --- printing ---


def test_table_is_as_large_as_the_screen_and_gives_the_total(shots, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("LINES", "15")
    table = shots.table("taken", "level", "label", "camera.name", "comment", "count")
    lines = repr(table).splitlines()
    assert max(map(len, lines)) <= 70
    # The prompt has a line of its own.
    assert len(lines) == 14
    assert lines[0].split() == ["taken", "level", "label", "camera.name"]
    assert lines[1].split() == ["UTC", "electron", "/", "adu"]
    assert lines[3].startswith("2012-06-01 08:51:44")
    assert lines[-2].startswith("2012-06-01 08:52:23")
    assert lines[-1] == "40 rows; no room for comment, count"
    assert str(table) == repr(table)
    assert len(table_text(table, 200, 15).splitlines()) == 14
    assert table_text(table, 200, 60).count("\n") == 43


def test_total_has_commas_and_is_there_without_rows(shots):
    many = shots.table("number")
    assert table_text(many[:1]).endswith("\n1 row")
    assert table_text(many[:0]).endswith("\n0 rows")
    big = type(many)({"x": np.arange(1234)})
    assert table_text(big).endswith("\n1,234 rows")


def test_missing_values_lists_and_links_are_told_briefly(shots):
    lines = table_text(shots.table("camera", "noise", "level", "tags"), 120, 50).splitlines()
    assert lines[3].split() == ["--", "[]", "--", "[]"]
    assert "<TableCamera" in lines[4]
    assert "[0.5]" in lines[4]
    assert "1.1" in lines[4].split()
    assert "[a, b c]" in lines[5]


def test_times_have_no_more_digits_than_they_need(shots):
    table = shots.table("taken", "seen")
    assert "2012-06-01 08:51:45.000001  2012-06-01 08:51:44" in table_text(table)
    days = type(table)({"night": np.array(["2012-06-01", "NaT"], "datetime64[us]")})
    assert table_text(days).splitlines()[3:5] == ["2012-06-01", "--"]


def test_a_format_of_the_user_is_kept(shots):
    table = shots.table("level", "number")
    table["level"].info.format = ".3f"
    assert "1.100" in table_text(table)


def test_texts_do_not_command_the_terminal_or_the_page(shots):
    table = type(shots.table("number"))({"<i>x</i>": ["\x1b[31m<b>red</b>\nnew line"]})
    assert "\x1b" not in table_text(table)
    assert "<b>" not in table_html(table)
    assert "&lt;b&gt;red" in table_html(table)
    assert "<i>" not in table_html(table)


def test_html_has_units_ends_and_total(shots):
    text = shots.table("taken", "level")._repr_html_()
    assert text.count("<tr>") == 2 + 20 + (1 if "..." in text else 0) - 1
    assert ">UTC<" in text
    assert "2012-06-01 08:52:23" in text
    assert text.endswith("<p>40 rows</p>")


def test_parts_of_a_table_print_alike_and_columns_stay_columns(shots):
    table = shots.table("taken", "number")
    assert table_text(table[:2]) == repr(table[:2])
    assert repr(table["number", "taken"]).splitlines()[0].split() == ["number", "taken"]
    assert isinstance(table, Table)
    assert table["taken"].dtype == "datetime64[us]"


# --- files ---


def _same(read, table, name):
    """Compare a plain column of numbers or texts, and its mask."""
    mask = np.zeros(len(table), bool) | getattr(table[name], "mask", False)
    there = np.zeros(len(read), bool) | getattr(read[name], "mask", False)
    assert (mask == there).all(), name
    assert (np.asarray(read[name])[~mask] == np.asarray(table[name])[~mask]).all(), name


def _same_times(times, table, name):
    """Compare times read as astropy's Time."""
    assert isinstance(times, Time)
    assert times.scale == "utc"
    mask = np.zeros(len(table), bool) | getattr(table[name], "mask", False)
    assert (np.asarray(times.mask) == mask).all()
    apart = np.asarray(times[~mask].datetime64 - np.asarray(table[name])[~mask])
    assert (np.abs(apart) <= np.timedelta64(1, "us")).all()


def _check_lists_and_links(read, table):
    assert [list(v) for v in read["noise"]] == [list(v) for v in table["noise"]]
    assert [list(v) for v in read["places"]] == [list(v) for v in table["places"]]
    ids = [getattr(c, "object_id", None) for c in table["camera"]]
    found = [None if v is np.ma.masked or not v else str(v) for v in read["camera"]]
    assert found == ids
    assert TableCamera[found[1]].name == "OMEGACAM"


def test_ecsv_keeps_everything(shots, tmp_path):
    table = shots.table(*NUMBERS, "tags", "cameras")
    path = table.write(tmp_path / "t.ecsv")
    assert path == tmp_path / "t.ecsv"
    read = Table.read(path)
    for name in ("number", "count", "level", "good", "bad", "label", "comment"):
        _same(read, table, name)
    for name in ("taken", "seen"):
        _same_times(read[name], table, name)
    _check_lists_and_links(read, table)
    assert [list(v) for v in read["tags"]] == [list(v) for v in table["tags"]]
    assert [len(v) for v in read["cameras"]] == [len(v) for v in table["cameras"]]
    assert read["level"].unit == table["level"].unit
    assert read["count"].unit == "pix"
    assert read["level"].description == "Level of the sky"


def test_fits_keeps_numbers_times_texts_and_lists_of_numbers(shots, tmp_path):
    from astropy.io import fits

    table = shots.table(*NUMBERS)
    path = table.write(tmp_path / "t.fits")
    with pytest.warns(UnitsWarning, match="electron/adu"):
        read = Table.read(path, astropy_native=True)
    assert [str(label) for label in read["label"]] == table["label"].tolist()
    for name in ("number", "count", "level", "good"):
        _same(read, table, name)
    for name in ("taken", "seen"):
        _same_times(read[name], table, name)
    _check_lists_and_links(read, table)
    assert str(read["level"].unit) == "electron/adu"
    assert read["count"].unit == "pix"
    # A logical that is missing becomes null of a whole number.
    assert (read["bad"].mask == table["bad"].mask).all()
    assert read["bad"][1:3].tolist() == [1, 0]
    header = fits.getheader(path, 1)
    assert header["TIMESYS"] == "UTC"
    assert header["TCTYP6"] == "UTC"
    assert header.comments["TTYPE3"] == "Level of the sky"


def test_votable_keeps_numbers_times_texts_and_lists_of_numbers(shots, tmp_path):
    from astropy.io.votable import parse, validate

    table = shots.table(*NUMBERS)
    table.remove_columns(["level"])
    path = table.write(tmp_path / "t.vot")
    read = Table.read(path)
    for name in ("number", "count", "good", "bad", "label"):
        _same(read, table, name)
    iso = [str(v) for v in np.asarray(read["taken"])]
    assert iso == [str(v) for v in np.asarray(table["taken"])]
    assert [not v for v in read["seen"]] == list(table["seen"].mask)
    _check_lists_and_links(read, table)
    assert read["count"].unit == "pix"
    votable = parse(path)
    assert votable.resources[0].time_systems[0].timescale == "UTC"
    field = votable.get_first_table().get_field_by_id("taken")
    assert field.xtype == "timestamp"
    assert field.ref == votable.resources[0].time_systems[0].ID
    assert validate(str(path), output=None)


def test_votable_writes_units_that_the_standard_does_not_know(shots, tmp_path):
    path = shots.table("level").write(tmp_path / "t.vot")
    assert 'unit="electron.adu**-1"' in path.read_text()


def test_parquet_keeps_everything(shots, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = shots.table(*NUMBERS, "tags", "cameras")
    read = parquet.read_table(table.write(tmp_path / "t.parquet"))
    for name in ("number", "count", "level", "good", "bad", "label", "comment"):
        mask = np.zeros(len(table), bool) | getattr(table[name], "mask", False)
        plain = [None if m else v for v, m in zip(table[name].tolist(), mask, strict=True)]
        assert read[name].to_pylist() == plain, name
    assert str(read.schema.field("taken").type) == "timestamp[us, tz=UTC]"
    taken = [None if t is None else np.datetime64(t.replace(tzinfo=None))
             for t in read["taken"].to_pylist()]  # fmt: skip
    assert taken == list(np.asarray(table["taken"]))
    assert read.schema.field("level").metadata[b"unit"] == b"electron / adu"
    assert read["tags"].to_pylist() == [list(v) for v in table["tags"]]
    assert read["camera"].to_pylist()[:2] == [None, table["camera"][1].object_id]


def test_other_formats_of_astropy_work_too(shots, tmp_path):
    table = shots.table("taken", "noise", "camera", "label")
    read = Table.read(table.write(tmp_path / "t.csv"))
    assert read["taken"][1] == "2012-06-01T08:51:45.000001"
    assert read["label"][3] == "shot 3"


@pytest.mark.parametrize(
    ("ending", "names", "words"),
    [
        (".fits", ("number", "tags"), "'tags' has lists of texts, which FITS cannot hold"),
        (".vot", ("number", "cameras"), "'cameras' has lists of texts, which VOTable cannot hold"),
    ],
)
def test_what_a_format_cannot_hold_is_named(shots, tmp_path, ending, names, words):
    with pytest.raises(AweTypeError, match=words) as info:
        shots.table(*names).write(tmp_path / f"t{ending}")
    assert f"table.remove_column('{names[1]}')" in str(info.value)
    assert ".ecsv or .parquet" in str(info.value)
    assert list(tmp_path.glob("*t.*")) == []


def test_texts_that_a_format_cannot_hold_are_named(context, tmp_path):
    view.enter()
    context.commit([TableShot(label="größe"), TableShot(label="a\x01b")])
    table = TableShot.select_all().table("label")
    with pytest.raises(AweTypeError, match="'label' has texts that are not ASCII"):
        table.write(tmp_path / "t.fits")
    with pytest.raises(AweTypeError, match="'label' has control characters"):
        table.write(tmp_path / "t.vot")
    assert Table.read(table.write(tmp_path / "t.ecsv"))["label"].tolist() == ["größe", "a\x01b"]


def test_a_file_that_is_there_stays_unless_one_says_so(shots, tmp_path):
    table = shots.table("number", "tags")
    path = table["number",].write(tmp_path / "t.fits")
    before = path.read_bytes()
    with pytest.raises(AweValueError, match=r"overwrite=True"):
        table.write(path)
    with pytest.raises(AweTypeError, match="tags"):
        table.write(path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.glob("*t.fits")] == ["t.fits"]
    assert table["number",][:3].write(path, overwrite=True) == path
    assert len(Table.read(path)) == 3


def test_files_that_cannot_be_written_are_refused(shots, tmp_path):
    table = shots.table("number")
    with pytest.raises(AweValueError, match="No such file or directory"):
        table.write(tmp_path / "absent" / "t.fits")
    with pytest.raises(AweValueError, match=r"cannot be written as \.xyz.*\n.*\.parquet"):
        table.write(tmp_path / "t.xyz")


def test_empty_tables_can_be_written(shots, tmp_path):
    pytest.importorskip("pyarrow")
    table = shots.table(*NUMBERS)[:0]
    for ending in ("ecsv", "fits", "vot", "parquet"):
        assert table.write(tmp_path / f"t.{ending}").exists()
    assert Table.read(tmp_path / "t.ecsv").colnames == list(NUMBERS)
