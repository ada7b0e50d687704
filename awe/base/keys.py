"""The hot-keys over a picture: one table for their help, their overlay and their actions."""

import inspect
from typing import NamedTuple

__all__ = ["KEYS", "Key", "key_lines", "with_keys"]


class Key(NamedTuple):
    """A hot-key of an `inspect()` window.

    Parameters
    ----------
    key : str
        What is typed.
    action : str
        Name of what it does.
    words : str
        What it does, in words.
    """

    key: str
    action: str
    words: str


KEYS = (
    Key("w", "wireframe", "wireframe of the values round the pointer"),
    Key("q", "close", "close the plot under the pointer, elsewhere the window"),
    Key("c", "column_cut", "cut along the column"),
    Key("l", "line_cut", "cut along the line (row)"),
    Key("r", "radial_profile", "radial profile of the star, FWHM of a Moffat fit"),
    Key("e", "contours", "contours round the pointer"),
    Key("h", "histogram", "histogram of the part that is shown"),
    Key("m", "statistics", "statistics of the box round the pointer"),
    Key("a", "aperture", "aperture photometry of the star"),
    Key("z", "zoom_in", "zoom in on the pointer"),
    Key("x", "zoom_out", "zoom out"),
    Key("+", "more_contrast", "more contrast"),
    Key("-", "less_contrast", "less contrast"),
    Key("s", "stretch", "next stretch: linear, square root, logarithm, asinh"),
    Key("b", "blink", "blink with the raw frame and the previous version, or the next frame"),
    Key("k", "marks", "mark cosmic rays, saturated and bad pixels by colour"),
    Key("o", "sources", "mark the sources detected in the part that is shown"),
    Key("v", "verdict", "judge: set is_valid, with a reason that you type"),
    Key("i", "information", "what is known of the object"),
    Key("g", "lineage", "what it was made from"),
    Key("p", "picture", "save the picture as a PNG"),
    Key("?", "keys", "this list"),
)
"""All hot-keys, in the order in which they are listed."""


def key_lines():
    """Give the list of the hot-keys.

    Returns
    -------
    list of str
        One line for each.
    """
    return [f"{each.key}  {each.words}" for each in KEYS]


def with_keys(function):
    """Append the list of the hot-keys to the help of a function.

    Parameters
    ----------
    function : callable
        It has a docstring without a section of notes.

    Returns
    -------
    callable
        The same.
    """
    notes = ["", "Notes", "-----", "Keys, with the pointer over the picture::", ""]
    notes += [f"    {line}" for line in key_lines()]
    function.__doc__ = "\n".join([inspect.cleandoc(function.__doc__), *notes, ""])
    return function
