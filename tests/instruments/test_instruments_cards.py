"""Values looked up in headers."""

import datetime

import pytest

from awe.instruments import night_interval, night_of, sidereal_seconds
from awe.instruments.cards import Cards, parse_section, sexagesimal

_DATES = (["DATE-OBS"], ["UT", "UTC"], ["MJD-OBS"])


class TestCards:
    def test_first_value_counts(self):
        cards = Cards({"A": " ", "B": float("nan"), "HIERARCH ESO C": 3}, {"A": "x ", "B": 2.5})
        assert cards.get("A") == "x"
        assert cards.get("B") == 2.5
        assert cards.get("ESO C") == 3
        assert cards.get("D") is None
        assert cards.get("D", "A") == "x"

    def test_numbers_from_texts(self):
        cards = Cards({"A": "1.5", "B": "none", "C": "inf", "D": True})
        assert cards.number("A") == 1.5
        assert cards.number("B") is None
        assert cards.number("B", "A") == 1.5
        assert cards.number("C") is None
        assert cards.integer("A") == 2


@pytest.mark.parametrize(
    ("header", "expected", "exact"),
    [
        ({"DATE-OBS": "2012-06-01T08:51:44"}, (2012, 6, 1, 8, 51, 44), True),
        ({"DATE-OBS": "2012-06-01T08:51:44.123456789"}, (2012, 6, 1, 8, 51, 44, 123456), True),
        ({"DATE-OBS": "2012-06-01T08:51:44+02:00"}, (2012, 6, 1, 6, 51, 44), True),
        ({"DATE-OBS": "2012-06-01", "UT": "08:51:44.5"}, (2012, 6, 1, 8, 51, 44, 500000), True),
        ({"DATE-OBS": "2012-06-01", "UTC": 31904.5}, (2012, 6, 1, 8, 51, 44, 500000), True),
        ({"DATE-OBS": "2012-06-01", "MJD-OBS": 56079.25}, (2012, 6, 1, 6), True),
        ({"DATE-OBS": "2012-06-01", "MJD-OBS": 50000.25}, (2012, 6, 1), False),
        ({"DATE-OBS": "01/06/98", "UT": "08:00:00"}, (1998, 6, 1, 8), True),
        ({"DATE-OBS": "26/07/102", "UT": "19:36:37"}, (2002, 7, 26, 19, 36, 37), True),
        ({"MJD-OBS": 56079.5}, (2012, 6, 1, 12), True),
        ({"DATE-OBS": "2012-06-01"}, (2012, 6, 1), False),
    ],
)
def test_time_of_observation(header, expected, exact):
    assert Cards(header).date_and_time(*_DATES) == (datetime.datetime(*expected), exact)


@pytest.mark.parametrize("text", ["yesterday", "2012-13-01", "2012-02-31T00:00:00", "", "1/2/3"])
def test_what_is_no_time(text):
    assert Cards({"DATE-OBS": text}).date_and_time(*_DATES) == (None, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1:1024,1:512]", (0, 512, 0, 1024, False, False)),
        (" [ 17: 528,   1: 520] ", (0, 520, 16, 528, False, False)),
        ("[512:1,4004:2003]", (2002, 4004, 0, 512, True, True)),
        ("[0:0,0:0]", None),
        ("1:2,3:4", None),
        ("", None),
    ],
)
def test_sections(text, expected):
    assert parse_section(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12:30:00", 12.5),
        ("-0:30:00", -0.5),
        (" 09 15 36.0", 9.26),
        ("x", None),
        ("1:2", 1 + 2 / 60),
    ],
)
def test_sexagesimal(text, expected):
    assert sexagesimal(text) == (None if expected is None else pytest.approx(expected))


class TestNights:
    @pytest.mark.parametrize("longitude", [-155.47, -70.4, 0.0, 20.81, 149.06, 180.0])
    def test_night_of_its_own_interval(self, longitude):
        date = datetime.date(2012, 5, 31)
        start, end = night_interval(date, longitude)
        step = datetime.timedelta(microseconds=1)
        assert end - start == datetime.timedelta(days=1)
        assert night_of(start, longitude) == night_of(end - step, longitude) == date
        assert night_of(start - step, longitude) == date - datetime.timedelta(days=1)
        assert night_of(end, longitude) == date + datetime.timedelta(days=1)

    def test_morning_at_paranal_belongs_to_the_evening_before(self):
        assert night_of("2012-06-01T08:51:44", -70.4) == datetime.date(2012, 5, 31)
        start, _ = night_interval("2012-05-31", -70.4)
        assert start == datetime.datetime(2012, 5, 31, 16, 41, 36)

    def test_sidereal_time_of_a_real_header(self):
        # VISIR 2004-09-30: LST 83578.046 s at UTC 11864 s.
        when = datetime.datetime(2004, 9, 30) + datetime.timedelta(seconds=11864)
        assert sidereal_seconds(when, -70.4027) == pytest.approx(83578.0, abs=2)
