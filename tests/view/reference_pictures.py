"""Pictures whose greys are kept beside this file, coarse, for the comparison of images."""

import json
from pathlib import Path

import matplotlib
import numpy as np

FILE = Path(__file__).with_name("reference_pictures.json")
_CELLS = (24, 24)


def coarse(figure):
    """Give the mean grey of each of 24 x 24 cells of a figure, 0 to 255."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(float).mean(axis=2)
    rows = np.array_split(pixels, _CELLS[0], axis=0)
    return np.array([[c.mean() for c in np.array_split(r, _CELLS[1], axis=1)] for r in rows])


def difference(figure, name):
    """Give how far a figure is from the one that is kept, as parts of the scale of greys.

    Returns
    -------
    tuple of float
        The mean of the cells and the largest of them.
    """
    kept = np.array(json.loads(FILE.read_text(encoding="utf-8"))[name])
    apart = np.abs(coarse(figure) - kept) / 255
    return apart.mean(), apart.max()


def write(figures):
    """Keep figures by name, after a look at them."""
    matplotlib.use("agg")
    kept = {name: coarse(figure).round().astype(int).tolist() for name, figure in figures.items()}
    lines = [f'"{name}": [\n' + ",\n".join(str(row) for row in rows) + "\n]"
             for name, rows in kept.items()]  # fmt: skip
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
