"""Tables of queries as they are printed: as large as the screen, with units, times in UTC."""

import html
import shutil

import numpy as np
from astropy.table import Column, Table

__all__ = ["QueryTable", "table_html", "table_text"]

_PRECISIONS = ("D", "s", "ms", "us")
_MOST_ITEMS = 6
_WIDEST = 48
_HTML_ROWS = 20
_STYLE = "text-align:{0};padding:1px 8px;white-space:nowrap"


class QueryTable(Table):
    """What ``query.table(...)`` gives: an astropy table that prints as large as the screen.

    Everything else is astropy's: columns, masks, sorting, joins, conversions.
    """

    def __repr__(self):
        return table_text(self)

    __str__ = __repr__

    def _repr_html_(self):
        return table_html(self)

    def write(self, file, format=None, *, overwrite=False, **options):
        """Write the table to a file, with units and times in UTC.

        Parameters
        ----------
        file : str or os.PathLike
            Its ending decides the format: .ecsv, .fits, .vot or .parquet, or another one that
            astropy knows, such as .csv or .tex.
        format : str, optional
            Name of the format, for another ending.
        overwrite : bool, optional
            Whether a file that is there may be replaced. The default is False.
        **options
            Handed to astropy.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        AweTypeError
            The format cannot hold a column; it is named.
        AweValueError
            There is such a file, its folder is not there, or the format is not known.

        Notes
        -----
        A link is written as the object_id of what it points to: ``Class[object_id]`` gives the
        object again.
        """
        from awe.view.table_files import write_table

        return write_table(self, file, format, overwrite=overwrite, **options)


class _Shown:
    """A column as it is printed.

    Parameters
    ----------
    name, unit : str
        Its head.
    texts : list of str
        Of the rows that are shown, None for those between.
    right : bool
        Whether it stands to the right.
    """

    def __init__(self, name, unit, texts, right):
        self.name = name
        self.unit = unit
        self.right = right
        self.texts = texts
        self.width = max(len(name), len(unit), max((len(t) for t in texts), default=0))

    def cell(self, text):
        """Give a text as wide as the column."""
        return text.rjust(self.width) if self.right else text.ljust(self.width)


def table_text(table, width=None, height=None):
    """Give a table as text that fits the screen.

    Parameters
    ----------
    table : astropy.table.Table
        The table.
    width, height : int, optional
        Columns and lines of the screen. By default those of the terminal, 80 and 24 where there
        is none.

    Returns
    -------
    str
        Names, units, the first and the last rows, and how many there are.
    """
    screen = shutil.get_terminal_size()
    width, height = width or screen.columns, height or screen.lines
    # Beside the rows: names, units, a rule, the total, and the prompt.
    at, gap = _chosen(len(table), max(height - 5, 4))
    shown, used = [], -2
    for column in table.itercols():
        made = _shown(column, at, min(_WIDEST, width))
        if shown and used + 2 + made.width > width:
            break
        shown.append(made)
        used += 2 + made.width
    heads = [[c.cell(c.name) for c in shown]]
    if any(c.unit for c in shown):
        heads.append([c.cell(c.unit) for c in shown])
    heads.append(["-" * c.width for c in shown])
    rows = [[c.cell(c.texts[row]) for c in shown] for row in range(len(at))]
    if gap is not None:
        rows.insert(gap, [c.cell("...") for c in shown])
    lines = ["  ".join(row)[:width].rstrip() for row in (*heads, *rows)]
    return "\n".join([*lines, _total(table, len(shown), width)])


def _total(table, shown, width):
    """Give the last line: the number of rows, and which columns had no room."""
    text = _rows_text(len(table))
    hidden = table.colnames[shown:]
    if not hidden:
        return text
    text = f"{text}; no room for {', '.join(hidden)}"
    return text if len(text) <= width else text[: width - 3] + "..."


def _rows_text(number):
    return "1 row" if number == 1 else f"{number:,} rows"


def _chosen(number, room):
    """Give which rows are shown, and where others are left out, or None."""
    if number <= room:
        return np.arange(number), None
    head = room // 2
    return np.concatenate([np.arange(head), np.arange(number - (room - 1 - head), number)]), head


def table_html(table):
    """Give a table as HTML, for a notebook.

    Parameters
    ----------
    table : astropy.table.Table
        The table.

    Returns
    -------
    str
        Names, units, the first and the last rows, and how many there are; everything is escaped.
    """
    at, gap = _chosen(len(table), _HTML_ROWS)
    shown = [_shown(column, at, 200) for column in table.itercols()]
    lines = ["<table>", "<thead>", _html_row([(c, c.name) for c in shown], "th")]
    if any(c.unit for c in shown):
        lines.append(_html_row([(c, c.unit) for c in shown], "th", ";font-weight:normal"))
    lines.append("</thead><tbody>")
    rows = [_html_row([(c, c.texts[row]) for c in shown], "td") for row in range(len(at))]
    if gap is not None:
        rows.insert(gap, _html_row([(c, "...") for c in shown], "td"))
    return "\n".join([*lines, *rows, "</tbody></table>", f"<p>{_rows_text(len(table))}</p>"])


def _html_row(cells, tag, more=""):
    parts = []
    for column, text in cells:
        style = _STYLE.format("right" if column.right else "left") + more
        parts.append(f'<{tag} style="{style}">{html.escape(text)}</{tag}>')
    return f"<tr>{''.join(parts)}</tr>"


def _shown(column, at, widest):
    """Give a column as it is printed."""
    name, unit = column.info.name, column.info.unit
    dtype = getattr(column, "dtype", None)
    if dtype is not None and dtype.kind == "M":
        texts, unit = _times(column, at), "UTC"
    elif isinstance(column, Column) and column.info.format is not None:
        # As the user wants it.
        texts = column[at].pformat(max_lines=-1, show_name=False, show_unit=False)[: len(at)]
    else:
        values = column[at]
        if isinstance(values, np.ndarray) and dtype.kind in "biufO" and values.ndim == 1:
            values = values.tolist()
        texts = ["--" if v is None or v is np.ma.masked else _text(v) for v in values]
    texts = [_cut(text.strip(), widest) for text in texts]
    right = dtype is None or dtype.kind not in "OUSM"
    return _Shown(_cut(_clean(name), widest), "" if unit is None else str(unit), texts, right)


def _times(column, at):
    """Give times as text: dates where all are midnights, fractions of a second where any has."""
    values = np.asarray(column)[at]
    missing = np.isnat(values) | getattr(column, "mask", np.zeros(len(column), bool))[at]
    there = values[~missing]
    unit = next(u for u in _PRECISIONS if (there == there.astype(f"datetime64[{u}]")).all())
    texts = np.datetime_as_string(values, unit=unit, casting="unsafe")
    return ["--" if m else t.replace("T", " ") for t, m in zip(texts, missing, strict=True)]


def _text(value):
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, (tuple, list)):
        shown = [_text(each) for each in value[:_MOST_ITEMS]]
        return f"[{', '.join(shown + ['...'] * (len(value) > _MOST_ITEMS))}]"
    return _clean(str(value))


def _clean(text):
    """Give a text on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _cut(text, widest):
    return text if len(text) <= widest else text[: widest - 3] + "..."
