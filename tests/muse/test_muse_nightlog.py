"""The sky condition before and after an exposure, from the night log."""

import pytest
from awe.recipes.muse_nightlog import NightLogError, condition_at, read_nightlog, seconds_of_night
from awe.recipes.muse_read import read_sky

from awe.simulate.muse_files import nightlog

_GOLDEN = (("23:10", "CLR", ""), ("00:40", "PHO", ""), ("01:10", "THN", ""), ("01:35", "THK", ""))


@pytest.fixture
def log(tmp_path):
    """Give the night log of the reference."""
    path = tmp_path / "MUSE.2019-05-31T01:00:00.123.NL.txt"
    path.write_bytes(nightlog(_GOLDEN))
    return path


@pytest.mark.parametrize(("start", "end", "expected"), [
    ("01:00", "01:20", (2400.0, "PHO", 4200.0, "THN")),
    ("01:25", "01:45", (4200.0, "THN", 5700.0, "THK")),
    # Over midnight, before it, and where the log begins only during the exposure.
    ("23:50", "00:45", (-3000.0, "CLR", 2400.0, "PHO")),
    ("23:15", "23:40", (-3000.0, "CLR", -3000.0, "CLR")),
    ("23:00", "23:20", (None, None, -3000.0, "CLR")),
    # An entry of the very second counts as before.
    ("00:40", "01:10", (2400.0, "PHO", 4200.0, "THN")),
])  # fmt: skip
def test_the_last_entry_before_counts(log, start, end, expected):
    """The golden values of the reference, and what its original got wrong around midnight."""
    begin, stop = (60.0 * (60 * int(t[:2]) + int(t[3:])) for t in (start, end))
    values, problems = read_sky(log, {"UTC": begin, "EXPTIME": (stop - begin) % 86400})
    found = [values[f"sky_condition_{n}"] for n in ("start_time", "start", "end_time", "end")]
    assert tuple(found) == expected
    assert bool(problems) == (None in expected)


def test_the_log_ends_at_the_dashes_and_lines_without_a_time_are_left_out(log):
    """What stands after 51 dashes is no part of it; neither is a line of the observer."""
    text = log.read_text().replace("00:40\tPHO\t", "Grade: B\n25:61\tXXX\t\n00:40\tPHO\tcalm")
    log.write_text(text)
    entries = read_nightlog(log)
    assert [e.condition for e in entries] == ["CLR", "PHO", "THN", "THK"]
    assert entries[1].comment == "calm"
    assert condition_at(entries, -4000.0) is None


def test_a_log_without_entries_is_refused(tmp_path):
    """The reason is told."""
    path = tmp_path / "x.NL.txt"
    path.write_text("nothing\n" * 30)
    with pytest.raises(NightLogError, match="no line with a time"):
        read_nightlog(path)


def test_noon_parts_the_nights():
    """What is after noon belongs to the evening before midnight."""
    assert [seconds_of_night(s) for s in (0, 43200, 43201, 86399, 86400 + 60)] == [
        0, 43200, -43199, -1, 60,
    ]  # fmt: skip


def test_a_header_without_utc_takes_the_time_of_date_obs(log):
    """Cubes of some pipelines have no UTC."""
    header = {"DATE-OBS": "2019-05-31T01:00:00.123", "EXPTIME": 1200}
    assert read_sky(log, header)[0]["sky_condition_end"] == "THN"
