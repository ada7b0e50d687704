"""Stores and nights for the tests of recipes."""

import contextlib
import functools

import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DarkTask import DarkTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.FringeFlatTask import FringeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.NightSkyFlatTask import NightSkyFlatTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask
from recipe_lab import linked, open_store

from awe.simulate import open_night, simulate_night


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Give an empty working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def context(tmp_path, work):
    """Give the context of a new store."""
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def night_once(made_once):
    """Give a function that gives a simulated night by a name and its settings."""

    def night_of(name, **settings):
        fill = functools.partial(simulate_night, **settings)
        return open_night(made_once(f"recipes-{name}", fill))

    return night_of


@pytest.fixture(scope="session")
def store_once(made_once):
    """Give a function that fills a store and closes it, so that tests can have copies.

    Its arguments are a name, the tasks, and a store to begin with.
    """

    def store_of(name, steps, begin=None):
        def fill(folder):
            with contextlib.closing(linked(begin, folder) if begin else open_store(folder)):
                for step in steps:
                    step.execute()

        return made_once(f"recipes-{name}", fill)

    return store_of


@pytest.fixture(scope="session")
def night(night_once):
    """Give a night of two small CCDs."""
    return night_once("night", ccds=2, biases=3, domes=2, twilights=2, exposures=2)


@pytest.fixture(scope="session")
def ingested_night(store_once, night):
    """Give a store with the raw frames of the small night."""
    return store_once("ingested", [IngestTask(paths=[night.folder], commit=True)])


@pytest.fixture
def raw_night(tmp_path, work, ingested_night):
    """Give the context of a copy of the store with the raw frames of the small night."""
    opened = linked(ingested_night, tmp_path)
    yield opened
    opened.close()


def reducing(instrument):
    """Give the tasks that make everything of an instrument."""
    common = {"instrument": instrument, "commit": True, "folder": None}
    return [
        BiasTask(**common), DomeFlatTask(**common), TwilightFlatTask(**common),
        MasterFlatTask(**common), ReduceTask(**common),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def made_night(store_once, ingested_night):
    """Give a store with everything made of the small night."""
    return store_once("made", reducing("OMEGACAM"), begin=ingested_night)


@pytest.fixture
def reduced_night(tmp_path, work, made_night):
    """Give the context of a copy of the store with everything made of the small night."""
    opened = linked(made_night, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def made_nickel(store_once, shared_data):
    """Give a store with everything that the frames of the Nickel night allow."""
    tasks = (ReadNoiseTask, BiasTask, HotPixelsTask, TwilightFlatTask, ColdPixelsTask,
             MasterFlatTask, ReduceTask, NightSkyFlatTask, FringeFlatTask)  # fmt: skip
    steps = [task(instrument="NICKEL", folder=None, commit=True) for task in tasks]
    raw = shared_data / "nickel_ccd2_20240513" / "raw"
    return store_once("nickel", [IngestTask(paths=[raw], commit=True), *steps])


@pytest.fixture
def nickel(tmp_path, work, made_nickel):
    """Give the context of a copy of the store with everything made of the Nickel night."""
    opened = linked(made_nickel, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sky_night(night_once):
    """Give a night of two CCDs with fringes, scattered light in the flats, and standards."""
    return night_once(
        "sky", ccds=2, shape=(320, 288), biases=3, domes=2, twilights=2,
        exposures=4, standards=2, fringes=0.04, illumination=0.08, stars=140, twilight_stars=0,
        trail=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def sky_store(store_once, sky_night):
    """Give a store with that night reduced, without corrections."""
    steps = [IngestTask(paths=[sky_night.folder], commit=True), *reducing("OMEGACAM")]
    return store_once("sky-reduced", steps)


@pytest.fixture
def sky(tmp_path, work, sky_store):
    """Give the context of a copy of that store."""
    opened = linked(sky_store, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def detector_night(night_once):
    """Give a night of two CCDs with darks and pairs of flats for the gain."""
    return night_once(
        "detector", ccds=2, shape=(384, 320), biases=4, domes=3,
        twilights=3, exposures=1, darks=3, dark_exptime=600.0, dark_current=0.05,
        gain_pairs=(2.0, 8.0, 20.0, 40.0, 80.0),
    )  # fmt: skip


@pytest.fixture(scope="session")
def detector_raw_store(store_once, detector_night):
    """Give a store with the raw frames of that night."""
    return store_once("detector-raw", [IngestTask(paths=[detector_night.folder], commit=True)])


@pytest.fixture(scope="session")
def detector_made_store(store_once, detector_raw_store):
    """Give a store with all calibrations of the detector."""
    tasks = (ReadNoiseTask, BiasTask, DarkTask, HotPixelsTask, GainTask, DomeFlatTask,
             TwilightFlatTask, ColdPixelsTask)  # fmt: skip
    steps = [task(instrument="OMEGACAM", folder=None, commit=True) for task in tasks]
    return store_once("detector-made", steps, begin=detector_raw_store)


@pytest.fixture
def raw_detector(tmp_path, work, detector_raw_store):
    """Give the context of a copy of the store with the raw frames of the detector's night."""
    opened = linked(detector_raw_store, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def made_detector(tmp_path, work, detector_made_store):
    """Give the context of a copy of the store with all calibrations of the detector."""
    opened = linked(detector_made_store, tmp_path)
    yield opened
    opened.close()
