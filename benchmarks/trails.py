"""Search for satellite trails on many full-size frames, with a trail and without one."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from awe.pixels import find_trails, trail_mask

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "pixels"))

from trail_frames import chord, make_frame, options

__all__ = ["main"]

_FIRST_WITHOUT = 5000


def main(argv=None):
    """Search the frames and print what was found.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 where 95 of 100 trails were found and masked, and none where there is none, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default, words in (
        ("trails", 100, "frames with a trail"), ("without", 200, "frames without one"),
        ("rows", 4100, "rows of a frame"), ("columns", 2048, "columns of a frame"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N",
                            help=f"number of {words}; {default} by default")  # fmt: skip
    parser.add_argument("--peak", type=float, default=0.7, metavar="SIGMA",
                        help="brightness of the trails in standard deviations of a pixel; 0.7 by "
                             "default")  # fmt: skip
    parser.add_argument("--near", type=float, metavar="DEGREES",
                        help="trails cross the frame so near to its rows or columns")  # fmt: skip
    given = parser.parse_args(argv)
    shape, times = (given.rows, given.columns), []
    missed = [k for k in range(given.trails) if not _found(k, shape, given, times)]
    rows = [("with a trail", given.trails, f"{given.trails - len(missed)} found and masked")]
    print(f"not found: {missed or 'none'}", flush=True)
    false = [k for k in range(given.without) if _any(_FIRST_WITHOUT + k, shape, times)]
    rows.append(("without", given.without, f"{len(false)} with a false trail"))
    print(f"\n| frames of {shape[1]} x {shape[0]} | number | result |\n|---|--:|---|")
    for row in rows:
        print("| {} | {} | {} |".format(*row))
    print(
        f"\nCPU time of a search: {np.median(times):.3f} s in the median, {max(times):.3f} at most"
    )
    return 0 if len(missed) <= 0.05 * given.trails and not false else 1


def _search(image, mask, times):
    """Search a frame, and note the CPU time."""
    begin = time.process_time()
    trails = find_trails(image, mask=mask)
    times.append(time.process_time() - begin)
    return trails


def _found(seed, shape, given, times):
    """Tell whether the trail of a frame is found, and masked over 95 % of its pixels."""
    rng = np.random.default_rng([seed, 7])
    ends = chord(rng, shape) if given.near is None else _near(rng, shape, given.near)
    trail = (ends, given.peak, 3.0 + 2.0 * rng.random())
    image, mask, (truth,) = make_frame(seed, shape, trails=[trail], **options(seed))
    marked = trail_mask(shape, _search(image, mask, times))
    return (marked & truth).sum() > 0.95 * truth.sum()


def _near(rng, shape, degrees):
    """Draw a line from edge to edge at less than so many degrees to the rows or the columns."""
    ny, nx = shape
    lean = np.tan(np.radians(degrees)) * rng.uniform(-1, 1)
    if rng.random() < 0.5:
        y = rng.uniform(0.1, 0.9) * ny
        return (0.0, y), (nx - 1.0, y + lean * nx)
    x = rng.uniform(0.1, 0.9) * nx
    return (x, 0.0), (x + lean * ny, ny - 1.0)


def _any(seed, shape, times):
    """Tell whether a trail is found on a frame that has none."""
    image, mask, _ = make_frame(seed, shape, **options(seed))
    return bool(_search(image, mask, times))


if __name__ == "__main__":
    sys.exit(main())
