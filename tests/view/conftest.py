"""Fixtures: a context on a fresh store in this process."""

import datetime

import pytest
from plots_made import COUNT, START, PlotChip, PlotFrame, PlotStat

from awe import view
from awe.base.environment import Environment
from awe.store import current, open_context
from awe.view import inspect_screen


@pytest.fixture
def context(tmp_path):
    """Give a context on a fresh store in this process."""
    settings = Environment(tmp_path, str(tmp_path / "store"), str(tmp_path / "data"), "ada")
    opened = open_context(settings)
    yield opened
    if current.has_context():
        current.context().close()


@pytest.fixture
def frames(context, tmp_path, monkeypatch):
    """Give a query of frames; pictures are kept as figures as well."""
    view.enter()
    monkeypatch.chdir(tmp_path)
    chips = [PlotChip(name=f"CCD {k}") for k in range(3)]
    made = [
        PlotFrame(
            DATE_OBS=START + datetime.timedelta(hours=k), EXPTIME=float(10 ** (k % 4)),
            imstat=PlotStat(median=100.0 + k) if k % 5 else None, chip=chips[k % 3],
            OBJECT=f"field {k % 2}", good=None if k % 4 == 0 else bool(k % 2),
            level=float("nan") if k == 7 else float(k), header={"AIRM": 1.0 + k / 100},
            RA=(k * 7.0) % 360, DEC=-80 + 2.0 * k,
        )
        for k in range(COUNT)
    ]  # fmt: skip
    context.commit(made)
    return PlotFrame.select_all()


@pytest.fixture
def figures(monkeypatch):
    """Give the list of the figures that are written."""
    kept, write = [], inspect_screen.write_picture

    def keep(figure, path):
        kept.append(figure)
        return write(figure, path)

    monkeypatch.setattr(inspect_screen, "write_picture", keep)
    return kept
