"""Axes of dates and times."""

__all__ = ["set_dates"]


def set_dates(axis, maxticks=None):
    """Let an axis show dates and times, with the dates of its first and last tick at its end.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
        The axis; its values are matplotlib's days.
    maxticks : int, optional
        How many ticks at most. By default as many as matplotlib has room for.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

    class Formatter(ConciseDateFormatter):
        """Matplotlib's tells the last tick alone, for a night the wrong date of its evening."""

        ends = ()

        def format_ticks(self, values):
            """Give the labels of all ticks."""
            self.ends = tuple(values[:1]) + tuple(values[-1:])
            return super().format_ticks(values)

        def get_offset(self):
            """Give the dates, where the labels do not tell the year."""
            dates = [f"{num2date(value):%Y-%m-%d}" for value in self.ends]
            return " to ".join(dict.fromkeys(dates)) if super().get_offset() else ""

    ticks = AutoDateLocator(minticks=3, maxticks=maxticks)
    axis.set_major_locator(ticks)
    # Seconds never stand alone, since their minute is told nowhere else.
    axis.set_major_formatter(Formatter(
        ticks, formats=["%Y", "%b", "%d", "%H:%M", "%H:%M", "%H:%M:%S.%f"],
        zero_formats=["", "%Y", "%b", "%b-%d", "%H:%M", "%H:%M"],
    ))  # fmt: skip
