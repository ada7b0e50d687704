"""Write the files of a night, one CCD in memory at a time."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from awe.base.progress import track
from awe.simulate.cards import extension_header, primary_header
from awe.simulate.detector import make_detector
from awe.simulate.exposures import WITH_TRUTH
from awe.simulate.layout import mosaic
from awe.simulate.light import expose, star_fields
from awe.simulate.mef import insert_image, write_primary
from awe.simulate.settings import Settings
from awe.simulate.truth import chip_path, chip_values, frame_path, frame_values

__all__ = ["run"]


@dataclass(frozen=True)
class _Job:
    folder: Path
    settings: Settings
    exposures: tuple
    primaries: tuple
    fields: dict
    keep: tuple


def run(folder, settings, exposures, wanted, *, keep, processes):
    """Write raw files of a night.

    Parameters
    ----------
    folder : pathlib.Path
        Where the raw files go; it has a folder ``truth``.
    settings : awe.simulate.settings.Settings
        What the night is made of.
    exposures : sequence of awe.simulate.exposures.Exposure
        All exposures of the night, in the order of time.
    wanted : sequence of awe.simulate.exposures.Exposure
        Those to write.
    keep : sequence of str
        Names of the CCDs whose truth is kept in files.
    processes : int
        How many CCDs are simulated at a time.
    """
    primaries = [
        write_primary(
            _unfinished(folder, exposure),
            primary_header(settings, exposure, exposures.index(exposure) + 1),
        )
        for exposure in wanted
    ]
    kinds = {exposure.kind for exposure in wanted}
    fields = star_fields(settings, [e for e in exposures if e.kind in kinds])
    job = _Job(folder, settings, tuple(wanted), tuple(primaries), fields, tuple(keep))
    ccds = mosaic(settings.ccds, settings.shape)
    if processes == 1:
        # CCD by CCD, not file by file: its flat and defects are made once, and only
        # one CCD is in memory however large the mosaic is.
        frames = (done for ccd in ccds for done in _frames(job, ccd))
        for _ in track(frames, "Simulating the night", total=len(ccds) * len(wanted)):
            pass
    else:
        # A new interpreter: a fork of one that runs threads may hang.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            done = pool.map(partial(_all_frames, job), ccds)
            for _ in track(done, "Simulating the night", total=len(ccds)):
                pass
    for exposure in wanted:
        _unfinished(folder, exposure).replace(folder / exposure.filename)


def _unfinished(folder, exposure):
    return folder / (exposure.filename + ".part")


def _all_frames(job, ccd):
    return len(list(_frames(job, ccd)))


def _frames(job, ccd):
    """Simulate a CCD in each exposure, and yield the exposures that are done."""
    kept = ccd.name in job.keep
    detector = make_detector(ccd, job.settings)
    path = chip_path(job.folder, ccd)
    if kept and not path.exists():
        np.savez_compressed(path, **chip_values(detector))
    for exposure, primary in zip(job.exposures, job.primaries, strict=True):
        frame = expose(job.settings, exposure, detector, job.fields)
        if kept and exposure.kind in WITH_TRUTH:
            np.savez_compressed(frame_path(job.folder, exposure, ccd), **frame_values(frame))
        insert_image(
            _unfinished(job.folder, exposure),
            extension_header(job.settings, exposure, detector),
            frame.raw,
            primary=primary,
            extension=ccd.extension,
        )
        yield exposure
