"""`awe demo`: a simulated night with known truth, from raw files to judged reduced frames."""

import datetime
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from awe.base.environment import home

__all__ = ["run_demo"]

_PROJECT = "DEMO"
# A night and a template of its own, so that the frames of the tutorial's night stay apart.
_START = datetime.datetime(2012, 6, 15, 3, 10, 0)
_DATE = "2012-06-14"
_OBJECT = "DEMO_FIELD"
_STEPS = (
    "BiasTask", "HotPixelsTask", "DomeFlatTask", "ColdPixelsTask", "TwilightFlatTask",
    "MasterFlatTask",
)  # fmt: skip


def run_demo(folder=None):
    """Simulate a small night, ingest it, reduce it and compare the result with the truth.

    Parameters
    ----------
    folder : str or pathlib.Path, optional
        Where the night and the picture go. The default is ``AWE_HOME/demo``.

    Returns
    -------
    int
        0, as an exit status.
    """
    from awe.pixels import compile_all
    from awe.store import current

    began = time.perf_counter()
    context = current.context()
    folder = Path(folder or home() / "demo")
    print("Compiling the pixel code (the first time after an installation, half a minute) ...")
    compile_all()
    _enter_project(context)
    night = _night(folder)
    frames = _ingest(night)
    _calibrate()
    reduced = _reduce()
    best = reduced[0]
    print(f"\nThe lineage of {best.filename}:\n")
    print(best.lineage())
    _compare(night, reduced)
    pictures = [
        best.inspect(save=folder / "reduced.png", mask=True),
        best.raw.exposure.inspect(save=folder / "exposure.png"),
    ]
    print(f"\n{len(frames)} raw and {len(reduced)} reduced frames in project {_PROJECT},")
    print(f"store {context.session.where}, files {context.files.folder},")
    print(f"raw files and truth {night.folder}, pictures in {pictures[0].parent}.")
    print(f"All in {time.perf_counter() - began:.0f} s. Now type:\n")
    # In an environment that is not activated the command has to be typed with its folder.
    print(f"    {'awe' if shutil.which('awe') else sys.argv[0]}")
    print(_NEXT)
    return 0


_NEXT = """\
    awe> context.set_project('DEMO')
    awe> query = (RawScienceFrame.OBJECT == 'DEMO_FIELD') & (RawScienceFrame.is_valid > 0)
    awe> len(query)
    awe> raw = query.max('DATE_OBS')
    awe> raw.info()
    awe> red = (ReducedScienceFrame.raw == raw).max('creation_date')
    awe> red.inspect()
    awe> red.lineage(graph=True)
    awe> help(ReduceTask)"""


def _enter_project(context):
    if _PROJECT not in [p.name for p in context.projects()]:
        context.create_project(_PROJECT, "Simulated OmegaCAM night of awe demo")
    context.set_project(_PROJECT)


def _night(folder):
    """Give the simulated night; that of an earlier demo serves again."""
    from awe.base.errors import AweError
    from awe.simulate import open_night, simulate_night

    place = folder / "night"
    try:
        night = open_night(place)
        print(f"The night of an earlier demo is there: {place}")
    except (AweError, OSError):
        print("Simulating a night of OmegaCAM: 2 CCDs of 512 x 512 pixels, 2 exposures ...")
        night = simulate_night(
            place,
            ccds=2,
            shape=(512, 512),
            exposures=2,
            start=_START,
            object=_OBJECT,
            project=_PROJECT,
            overwrite=True,
        )
    return night


def _ingest(night):
    from awe.model import RawFrame
    from awe.recipes.IngestTask import IngestTask

    IngestTask(paths=night.files, commit=True).execute()
    return list(RawFrame.select_all().project_only())


def _calibrate():
    import importlib

    print("Making bias, flats and maps of bad pixels ...")
    for name in _STEPS:
        task = getattr(importlib.import_module(f"awe.recipes.{name}"), name)
        task(instrument="OMEGACAM", date=_DATE, commit=True, folder=None).execute()


def _reduce():
    from awe.recipes.ReduceTask import ReduceTask

    task = ReduceTask(instrument="OMEGACAM", template=_START, commit=True, folder=None)
    return task.execute()


def _compare(night, reduced):
    """Print how the reduced frames compare with the noiseless scene that was simulated."""
    print("\nReduced frames against the truth, (reduced - truth) x sqrt(weight) over good pixels:")
    print(f"  {'CCD':<12} {'exposure':<20} {'mean':>7} {'stdev':>7} {'sky [ADU]':>10} "
          f"{'true':>8} {'seeing':>7} {'cosmic rays':>12} {'bad pixels':>11}")  # fmt: skip
    for frame in reduced:
        truth = night.truth(frame.chip.name, frame.raw.raw_fits.filename)
        weight = frame.weight.data
        good = weight > 0
        pull = ((frame.data - truth.scene_adu) * np.sqrt(weight))[good]
        true_sky = float(np.median(truth.scene_adu))
        print(
            f"  {frame.chip.name:<12} {frame.DATE_OBS:%Y-%m-%dT%H:%M:%S} "
            f"{pull.mean():>8.3f} {pull.std():>7.3f} {frame.sky:>10.2f} {true_sky:>8.2f} "
            f'{frame.psf_radius:>6.2f}" {frame.weight.cosmic.cosmic_count:>12} '
            f"{frame.weight.bad_count:>11}"
        )
    seeing = night.settings.seeing
    print(f'  The night has a seeing of {seeing:.2f}"; good pixels are those of weight above 0.')
