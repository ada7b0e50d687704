"""How long a window takes to open and to redraw: a raw frame of 2144 x 4200 pixels."""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

__all__ = ["main", "measure"]

_SHAPE = (4200, 2144)


class _Frame:
    """A frame of a FITS file, without a store."""

    _attributes = ()
    object_id = "0" * 12

    def __init__(self, path):
        self.path = path

    @property
    def data(self):
        """The pixels, read from the file."""
        from awe.fits import read_image

        return read_image(self.path, 0)


def _write(path, shape):
    from awe.fits import Image, write_hdus

    rng = np.random.default_rng(1)
    pixels = rng.poisson(1000.0, shape).astype(np.uint16)
    for y, x in rng.integers(10, min(shape) - 10, (200, 2)):
        pixels[y - 2 : y + 3, x - 2 : x + 3] += 3000
    write_hdus(path, [Image(pixels)])


def measure(path, times=12):
    """Open a window and zoom and move in it.

    Parameters
    ----------
    path : pathlib.Path
        The frame's file.
    times : int, optional
        How many redraws of each kind.

    Returns
    -------
    dict
        Seconds, by the clock and of this processor: to open, with the imports, and median and
        longest of the redraws.
    """
    began, cpu = time.perf_counter(), time.process_time()
    from awe.view.frames import inspect

    inspect(_Frame(path), block=False)
    from matplotlib import pyplot as plt

    figure = plt.gcf()
    figure.canvas.draw()
    figure.canvas.flush_events()
    found = {"open": time.perf_counter() - began, "open_cpu": time.process_time() - cpu}
    found["backend"] = plt.get_backend()
    view = figure.awe_window.views[0]
    for name, change in (("zoom", _zoom), ("pan", _pan)):
        wall, cpus = [], []
        for number in range(times):
            change(view.axes, view.shape, number, times)
            began, cpu = time.perf_counter(), time.process_time()
            figure.canvas.draw()
            figure.canvas.flush_events()
            wall.append(time.perf_counter() - began)
            cpus.append(time.process_time() - cpu)
        found |= {name: statistics.median(wall), f"{name}_longest": max(wall),
                  f"{name}_cpu": statistics.median(cpus),
                  f"{name}_cpu_longest": max(cpus)}  # fmt: skip
    plt.close(figure)
    return found


def _zoom(axes, shape, number, times):
    factor = 2.0 ** (-6 * number / (times - 1))
    ny, nx = shape
    axes.set_xlim(nx / 2 - nx / 2 * factor, nx / 2 + nx / 2 * factor)
    axes.set_ylim(ny / 2 - ny / 2 * factor, ny / 2 + ny / 2 * factor)


def _pan(axes, shape, number, times):
    ny, nx = shape
    left, bottom = 0.5 * nx * number / times, 0.5 * ny * number / times
    axes.set_xlim(left, left + nx / 3)
    axes.set_ylim(bottom, bottom + ny / 3)


@contextlib.contextmanager
def _screen():
    """Give a screen without glass where there is none of glass."""
    if os.environ.get("DISPLAY") or sys.platform != "linux":
        yield
        return
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1600x1200x24"],
        pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def main(argv=None):
    """Print the measurements.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 where the bars are met: open in 1.5 s, redraw in 0.1 s.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a small frame, to see that it runs")
    given = parser.parse_args(argv)
    with _screen(), tempfile.TemporaryDirectory(prefix="awe-windows-") as folder:
        path = Path(folder) / "frame.fits"
        _write(path, (420, 214) if given.smoke else _SHAPE)
        found = measure(path, 3 if given.smoke else 12)
    print(json.dumps(found, indent=1))
    slow = found["open"] > 1.5 or max(found["zoom"], found["pan"]) > 0.1
    return int(slow and not given.smoke)


if __name__ == "__main__":
    sys.exit(main())
