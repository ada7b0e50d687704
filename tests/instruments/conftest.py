"""Headers for the tests of this folder."""

import pytest

from awe.instruments import description


@pytest.fixture(autouse=True)
def no_instruments_of_users(monkeypatch):
    """Keep what one test adds from the others."""
    monkeypatch.setattr(description, "_users", {})


@pytest.fixture
def eso_header():
    """Give a function that makes a primary header of an ESO camera."""

    def make(instrument="FORS2", **cards):
        header = {
            "TELESCOP": "ESO-VLT-U1",
            "INSTRUME": instrument,
            "OBJECT": "NGC 1365",
            "DATE-OBS": "2015-01-02T03:04:05.678",
            "MJD-OBS": 57024.12784349,
            "EXPTIME": 30.0,
            "HIERARCH ESO DPR CATG": "SCIENCE",
            "HIERARCH ESO DPR TYPE": "OBJECT",
            "HIERARCH ESO DPR TECH": "IMAGE",
            "HIERARCH ESO TEL GEOLON": -70.4051,
            "HIERARCH ESO TEL GEOLAT": -24.6276,
        }
        for key, value in cards.items():
            header["HIERARCH ESO " + key.replace("_", " ")] = value
        return header

    return make
