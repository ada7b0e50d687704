"""Stores and nights for the tests of recipes."""

import os
import shutil

import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ColdPixelsTask import ColdPixelsTask
from awe.recipes.DarkTask import DarkTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

import awe.model  # noqa: F401  declares the classes that a store holds
from awe.simulate import simulate_night
from awe.store.context import Context


def open_store(folder, user="me", **options):
    """Open the store of a test."""
    return Context(folder / "store", folder / "data", user, **options)


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
def night32(tmp_path_factory):
    """Give the night of the tutorial: 32 small CCDs, 5 science exposures."""
    return simulate_night(tmp_path_factory.mktemp("night32"), biases=3, domes=2, twilights=2)


@pytest.fixture(scope="session")
def night(tmp_path_factory):
    """Give a night of two small CCDs."""
    return simulate_night(
        tmp_path_factory.mktemp("night"), ccds=2, biases=3, domes=2, twilights=2, exposures=2
    )


def _template(folder, steps):
    """Fill a store and close it, so that tests can have copies."""
    context = open_store(folder)
    for task in steps:
        task.execute()
    context.close()
    return folder


def _copied(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True)
    return open_store(target)


@pytest.fixture(scope="session")
def ingested_night(tmp_path_factory, night):
    """Give a store with the raw frames of the small night."""
    folder = tmp_path_factory.mktemp("ingested")
    return _template(folder, [IngestTask(paths=[night.folder], commit=True)])


@pytest.fixture
def raw_night(tmp_path, work, ingested_night):
    """Give the context of a copy of the store with the raw frames of the small night."""
    opened = _copied(ingested_night, tmp_path)
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
def made_night(tmp_path_factory, ingested_night):
    """Give a store with everything made of the small night."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(ingested_night, folder, dirs_exist_ok=True)
    return _template(folder, reducing("OMEGACAM"))


@pytest.fixture
def reduced_night(tmp_path, work, made_night):
    """Give the context of a copy of the store with everything made of the small night."""
    opened = _copied(made_night, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def made_nickel(tmp_path_factory, shared_data):
    """Give a store with everything made of the Nickel night."""
    folder = tmp_path_factory.mktemp("nickel")
    steps = reducing("NICKEL")
    del steps[1]
    raw = shared_data / "nickel_ccd2_20240513" / "raw"
    return _template(folder, [IngestTask(paths=[raw], commit=True), *steps])


@pytest.fixture
def nickel(tmp_path, work, made_nickel):
    """Give the context of a copy of the store with everything made of the Nickel night."""
    opened = _copied(made_nickel, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sky_night(tmp_path_factory):
    """Give a night of two CCDs with fringes, scattered light in the flats, and standards."""
    return simulate_night(
        tmp_path_factory.mktemp("sky"), ccds=2, shape=(320, 288), biases=3, domes=2, twilights=2,
        exposures=4, standards=2, fringes=0.04, illumination=0.08, stars=140, twilight_stars=0,
        trail=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def sky_store(tmp_path_factory, sky_night):
    """Give a store with that night reduced, without corrections."""
    folder = tmp_path_factory.mktemp("sky_store")
    steps = [IngestTask(paths=[sky_night.folder], commit=True), *reducing("OMEGACAM")]
    return _template(folder, steps)


@pytest.fixture
def sky(tmp_path, work, sky_store):
    """Give the context of a copy of that store."""
    opened = _copied(sky_store, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def detector_night(tmp_path_factory):
    """Give a night of two CCDs with darks and pairs of flats for the gain."""
    return simulate_night(
        tmp_path_factory.mktemp("detector"), ccds=2, shape=(512, 400), biases=4, domes=3,
        twilights=3, exposures=1, darks=3, dark_exptime=600.0, dark_current=0.05,
        gain_pairs=(2.0, 8.0, 20.0, 40.0, 80.0),
    )  # fmt: skip


def _linked(source, target):
    """Open a copy of a store; its files, which are never changed, are shared."""
    shutil.copytree(source / "store", target / "store")
    shutil.copytree(source / "data", target / "data", copy_function=os.link)
    return open_store(target)


@pytest.fixture(scope="session")
def detector_raw_store(tmp_path_factory, detector_night):
    """Give a store with the raw frames of that night."""
    folder = tmp_path_factory.mktemp("detector_raw")
    return _template(folder, [IngestTask(paths=[detector_night.folder], commit=True)])


@pytest.fixture(scope="session")
def detector_made_store(tmp_path_factory, detector_raw_store):
    """Give a store with all calibrations of the detector."""
    folder = tmp_path_factory.mktemp("detector_made")
    _linked(detector_raw_store, folder).close()
    tasks = (ReadNoiseTask, BiasTask, DarkTask, HotPixelsTask, GainTask, DomeFlatTask,
             TwilightFlatTask, ColdPixelsTask)  # fmt: skip
    steps = [task(instrument="OMEGACAM", folder=None, commit=True) for task in tasks]
    return _template(folder, steps)


@pytest.fixture
def raw_detector(tmp_path, work, detector_raw_store):
    """Give the context of a copy of the store with the raw frames of the detector's night."""
    opened = _linked(detector_raw_store, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def made_detector(tmp_path, work, detector_made_store):
    """Give the context of a copy of the store with all calibrations of the detector."""
    opened = _linked(detector_made_store, tmp_path)
    yield opened
    opened.close()
