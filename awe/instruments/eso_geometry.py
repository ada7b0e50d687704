"""Prescan, data and overscan by the ESO keywords DET OUTn and DET WIN1."""

import re

from awe.instruments.geometry import AMPLIFIER, METHODS, whole

__all__ = ["eso"]


def eso(description, parts, binning, notes):
    """Follow DET OUTn PRSCX, NX, OVSCX and the like of an image.

    The counts are those of the read-out. An output on the right of its chip
    is read towards the right, so its prescan lies on the right; in the same
    way for y. Where several outputs share an image, each has its prescan at
    the outer edge and its overscan towards the middle.

    Parameters
    ----------
    description : dict
        The part `geometry` of the instrument's description, and `chip`.
    parts : list of tuple
        Per HDU of the CCD: its index, its `Cards`, its shape ``(ny, nx)``.
    binning : tuple of int
        Binning in x and y.
    notes : list of str
        What is doubtful; lines are added.

    Returns
    -------
    list of dict
        Amplifiers as in `CcdFrame.amplifiers`, with the whole of prescan and
        overscan.
    """
    hdu, cards, (ny, nx) = parts[0]
    default = description.get("default", {})
    outputs = _outputs(cards, default)
    if not outputs:
        return whole(description, parts, binning, notes)
    if "scan_y_bottom" in description:
        at_bottom = description["chip"] in description["scan_y_bottom"]
        for output in outputs:
            if bool(output["OVSCY"]) != bool(output["PRSCY"]):
                output["high_y"] = at_bottom == bool(output["OVSCY"])
    columns, rows = _axis(outputs, "X"), _axis(outputs, "Y")
    if len(columns) * len(rows) != len(outputs):
        outputs = outputs[:1]
        columns, rows = _axis(outputs, "X"), _axis(outputs, "Y")
    along_x = _fit(nx, columns, "X", binning[0], cards)
    along_y = _fit(ny, rows, "Y", binning[1], cards)
    if along_x is None or along_y is None:
        notes.append(
            f"the sections of the header (DET OUT) do not fit an image of {nx} x {ny}; "
            "all pixels are taken as data"
        )
        found = whole(description, parts, binning, notes)
        found[0]["gain"] = outputs[0]["gain"]
        found[0]["read_noise"] = outputs[0]["read_noise"]
        return found
    return _combine(hdu, outputs, along_x, along_y)


def _outputs(cards, default):
    """Give the outputs of this image as dicts, best known first."""
    pattern = r"ESO DET OUT(\d*) NX"
    own = type(cards)(cards.headers[0])
    numbers = own.matching(pattern) or cards.matching(pattern)
    chip = _chip_index(cards)
    if len(numbers) > 1 and chip is not None:
        mine = [n for n in numbers if cards.integer(f"ESO DET OUT{n} CHIP") in (chip, None)]
        numbers = mine or numbers
    outputs = []
    for number in numbers or ([""] if default else []):
        prefix = f"ESO DET OUT{number} "
        output = {
            key: cards.integer(prefix + key) if numbers else default.get(key, 0)
            for key in ("NX", "NY", "PRSCX", "PRSCY", "OVSCX", "OVSCY")
        }
        if not output["NX"] or not output["NY"]:
            continue
        output = {key: value or 0 for key, value in output.items()}
        output["name"] = cards.text(prefix + "ID", prefix + "NAME") or number or "1"
        output["high_x"] = _is_high(cards, prefix, "X", output["NX"])
        output["high_y"] = _is_high(cards, prefix, "Y", output["NY"])
        output["gain"] = _positive(cards, prefix + "CONAD")
        inverse = _positive(cards, prefix + "GAIN")
        if output["gain"] is None and inverse is not None:
            output["gain"] = 1.0 / inverse
        output["read_noise"] = _positive(cards, prefix + "RON")
        outputs.append(output)
    return outputs


def _chip_index(cards):
    name = re.search(r"CHIP(\d+)", cards.text("EXTNAME") or "")
    if name:
        return int(name.group(1))
    return cards.integer(*(f"ESO DET CHIP{n} INDEX" for n in ("", *range(1, 9))))


def _is_high(cards, prefix, axis, size):
    """Whether an output sits at the right (or top) edge of its chip."""
    place = cards.integer(prefix + axis)
    keys = [f"ESO DET CHIP{n} N{axis}" for n in ("", 1)]
    full = cards.integer(*keys) or size
    # Mosaics count the place over all chips.
    return place is not None and (place - 1) % full >= full / 2


def _positive(cards, key):
    value = cards.number(key)
    return float(value) if value is not None and value > 0 else None


def _axis(outputs, axis):
    """Give one output for each place along an axis, left (bottom) first."""
    found = {}
    for output in outputs:
        found.setdefault(output["high_" + axis.lower()], output)
    return [found[high] for high in sorted(found)]


def _fit(size, outputs, axis, binning, cards):
    """Lay the outputs out along an axis so that they fill its pixels.

    The header counts pixels before or after binning, depending on the camera:
    the way that fills the image is the right one. A window is a part of the
    whole read-out, prescan and overscan included.
    """
    for scan, light in ((1, 1), (binning, binning), (1, binning), (binning, 1)):
        pieces = _pieces(outputs, axis, scan, light)
        if pieces[-1][-1] == size:
            return _sorted_out(pieces, 0, size)
    pieces = _pieces(outputs, axis, binning, binning)
    start = cards.integer(f"ESO DET WIN1 STR{axis}")
    window = cards.integer(f"ESO DET WIN1 N{axis}")
    if start is not None and window in (size, size * binning):
        first = (start - 1) // binning
        if first + size <= pieces[-1][-1]:
            return _sorted_out(pieces, first, size)
    return None


def _pieces(outputs, axis, scan, light):
    """List ``(output, kind, start, end)`` from the first pixel to the last."""
    pieces, position = [], 0
    for number, output in enumerate(outputs):
        order = [("prescan", "PRSC", scan), ("data", "N", light), ("overscan", "OVSC", scan)]
        if output["high_" + axis.lower()]:
            order.reverse()
        for kind, key, factor in order:
            end = position + output[key + axis] // factor
            pieces.append((number, kind, position, end))
            position = end
    return pieces


def _sorted_out(pieces, first, size):
    """Give per output its kinds and intervals, cut to what was read."""
    outputs = {}
    for number, kind, start, end in pieces:
        start, end = max(start - first, 0), min(end - first, size)
        outputs.setdefault(number, {})[kind] = (start, end) if end > start else None
    kept = [found for _, found in sorted(outputs.items()) if found["data"]]
    return kept or None


def _combine(hdu, outputs, along_x, along_y):
    """Make an amplifier of each pair of intervals."""
    by_place = {(output["high_x"], output["high_y"]): output for output in outputs}
    rights = sorted({output["high_x"] for output in outputs})
    tops = sorted({output["high_y"] for output in outputs})
    found, y = [], 0
    for top, rows in zip(tops, along_y, strict=False):
        x = 0
        for right, columns in zip(rights, along_x, strict=False):
            output = by_place[right, top]
            data_y, data_x = rows["data"], columns["data"]
            amplifier = {**AMPLIFIER, "name": str(output["name"]), "hdu": hdu, "x": x, "y": y}
            amplifier["data"] = (*data_y, *data_x)
            for kind in ("prescan", "overscan"):
                if columns[kind]:
                    amplifier[kind + "_x"] = (*data_y, *columns[kind])
                if rows[kind]:
                    amplifier[kind + "_y"] = (*rows[kind], *data_x)
            amplifier["gain"], amplifier["read_noise"] = output["gain"], output["read_noise"]
            found.append(amplifier)
            x += data_x[1] - data_x[0]
        y += found[-1]["data"][1] - found[-1]["data"][0]
    return found


METHODS["eso"] = eso
