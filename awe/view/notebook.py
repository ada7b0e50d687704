"""What a notebook shows: objects, queries and their information as HTML."""

import html
import sys

from awe.store.objects import DBObject
from awe.view.information import information, parts_of

__all__ = ["html_of", "in_notebook", "information_html", "query_html", "show_information"]

_MOST = 10
_CELL = "text-align:left;vertical-align:top;padding:1px 10px"


def in_notebook():
    """Tell whether output goes to a notebook; IPython is not imported for this.

    Returns
    -------
    bool
        False at a prompt, in a script and in a worker.
    """
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def show_information(obj):
    """Print what is known of an object; in a notebook show it as HTML.

    Parameters
    ----------
    obj : DBObject
        Any object, stored or not.
    """
    if not in_notebook():
        print(information(obj))
        return
    from IPython.display import display

    display({"text/plain": information(obj), "text/html": information_html(obj)}, raw=True)


def html_of(thing):
    """Give an object or a query as HTML, for a cell that ends with it.

    Parameters
    ----------
    thing : DBObject or Query
        The object or query.

    Returns
    -------
    str
        Everything in it is escaped.
    """
    return information_html(thing) if isinstance(thing, DBObject) else query_html(thing)


def information_html(obj):
    """Give what is known of an object as HTML.

    Parameters
    ----------
    obj : DBObject
        Any object, stored or not.

    Returns
    -------
    str
        A table of attributes and values; records are folded.
    """
    lines = [f"<p><b>{html.escape(repr(obj))}</b></p>"]
    for part in parts_of(obj):
        if part.headline:
            lines.append(f"<p><b>{html.escape(part.headline)}</b></p>")
        if part.entries:
            lines += _table(part.entries)
    return "\n".join(lines)


def _table(entries):
    rows = []
    for each in entries:
        value = html.escape(each.text)
        if each.inside:
            inside = "\n".join(_table(each.inside))
            value = f"<details><summary>{value}</summary>\n{inside}\n</details>"
        name = html.escape(each.name) + ("*" if each.is_edited else "")
        rows.append(f'<tr><th style="{_CELL}">{name}</th><td style="{_CELL}">{value}</td></tr>')
    return ["<table>", *rows, "</table>"]


def query_html(query):
    """Give a query as HTML: its condition, the number of objects and the first of them.

    Parameters
    ----------
    query : Query
        The query.

    Returns
    -------
    str
        Everything in it is escaped.
    """
    number = len(query)
    lines = [f"<p><b>{html.escape(repr(query))}</b></p>"]
    if number:
        items = "".join(f"<li>{html.escape(repr(obj))}</li>" for obj in query[:_MOST])
        lines.append(f"<ol start='0'>{items}</ol>")
    if number > _MOST:
        lines.append(f"<p>and {number - _MOST:,} more</p>")
    return "\n".join(lines)
