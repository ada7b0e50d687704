"""The whole unit of work in the benchmark of the reduction: a science frame as ReduceTask does it.

Maps of saturated pixels, cosmic rays and trails, seeing, weights with the error planes of the
calibrations, files with checksums and lineage, SHA-256, and the commit into a store.
"""

import contextlib
import importlib
import io
import time

__all__ = ["measure_unit", "prepare_unit"]

_CALIBRATIONS = ("Bias", "HotPixels", "DomeFlat", "ColdPixels", "TwilightFlat", "MasterFlat")


def prepare_unit(folder, shape):
    """Simulate the exposures of one CCD and make its calibrations.

    Parameters
    ----------
    folder : pathlib.Path
        Where to, with the store.
    shape : tuple of int
        Shape ``(ny, nx)`` of the lit pixels.
    """
    from awe.simulate import simulate_night

    context = _open(folder)
    simulate_night(
        folder / "night", truth=False, processes=1, ccds=1, biases=3, domes=2, twilights=2,
        exposures=1, shape=shape,
    )  # fmt: skip
    _run("Ingest", paths=[folder / "night"], commit=True)
    for name in _CALIBRATIONS:
        _run(name, instrument="OMEGACAM", commit=True, folder=None)
    context.close()


def measure_unit(folder, runs):
    """Reduce the science frame some times.

    Parameters
    ----------
    folder : pathlib.Path
        As for `prepare_unit`.
    runs : int
        How often; the first, in which modules are loaded, does not count.

    Returns
    -------
    float
        CPU time in seconds, the best.
    """
    context = _open(folder)
    times = []
    for _ in range(runs + 1):
        start = time.process_time()
        _run("Reduce", instrument="OMEGACAM", commit=True, folder=None)
        times.append(time.process_time() - start)
    context.close()
    return min(times[1:])


def _open(folder):
    import awe.model  # noqa: F401  declares the classes that a store holds
    from awe.store.context import Context

    return Context(folder / "store", folder / "data", "benchmark")


def _run(name, **arguments):
    task = getattr(importlib.import_module(f"awe.recipes.{name}Task"), f"{name}Task")
    with contextlib.redirect_stdout(io.StringIO()):
        task(**arguments).execute()
