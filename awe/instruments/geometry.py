"""Where amplifiers, prescan and overscan lie in a raw image."""

from awe.instruments.errors import HeaderError
from awe.instruments.frame import assembled_shape

__all__ = ["AMPLIFIER", "METHODS", "fits_images", "skip_edges"]

AMPLIFIER = {
    "name": "",
    "hdu": 0,
    "data": None,
    "prescan_x": None,
    "overscan_x": None,
    "prescan_y": None,
    "overscan_y": None,
    "flip_x": False,
    "flip_y": False,
    "x": 0,
    "y": 0,
    "gain": None,
    "read_noise": None,
    "saturation": None,
}
_REGIONS = {
    "PRSCX": "prescan_x",
    "PRSCY": "prescan_y",
    "OVSCX": "overscan_x",
    "OVSCY": "overscan_y",
}


def whole(description, parts, binning, notes):
    """Take all pixels as data, one amplifier per HDU.

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
    if len(parts) > 1:
        msg = "several HDUs make one CCD, but the headers do not say how they join."
        raise HeaderError(msg)
    hdu, _, (ny, nx) = parts[0]
    return [{**AMPLIFIER, "name": "1", "hdu": hdu, "data": (0, ny, 0, nx)}]


def cover(description, parts, binning, notes):
    """Follow AMPSROW, COVER and ROVER: overscan columns stand behind all data.

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
    count = max(cards.integer("AMPSROW") or 1, 1)
    columns, rows = cards.integer("COVER") or 0, cards.integer("ROVER") or 0
    data_x, data_y = nx - count * columns, ny - rows
    if data_x <= 0 or data_y <= 0 or data_x % count:
        notes.append(f"COVER and AMPSROW do not fit {nx} columns; all pixels are taken as data")
        return whole(description, parts, binning, notes)
    width = data_x // count
    found = []
    for i in range(count):
        x0, over = i * width, data_x + i * columns
        found.append(
            {
                **AMPLIFIER,
                "name": str(i + 1),
                "hdu": hdu,
                "data": (0, data_y, x0, x0 + width),
                "overscan_x": (0, data_y, over, over + columns) if columns else None,
                "overscan_y": (data_y, ny, x0, x0 + width) if rows else None,
                "x": x0,
            }
        )
    return found


def sections(description, parts, binning, notes):
    """Follow DATASEC or TRIMSEC, BIASSEC and DETSEC of each HDU.

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
    keys = description.get("sections", {})
    found = []
    for hdu, cards, (ny, nx) in parts:
        box = cards.section(*keys.get("data", ["TRIMSEC", "DATASEC"])) or (0, ny, 0, nx, 0, 0)
        y0, y1, x0, x1 = box[:4]
        if y1 > ny or x1 > nx:
            notes.append(f"DATASEC of HDU {hdu} is larger than its image; all pixels are data")
            y0, y1, x0, x1 = 0, ny, 0, nx
        amplifier = {**AMPLIFIER, "name": cards.text("EXTNAME") or str(hdu), "hdu": hdu}
        amplifier["data"] = (y0, y1, x0, x1)
        if description.get("around_data_is_scan"):
            amplifier["prescan_x"] = (y0, y1, 0, x0) if x0 else None
            amplifier["overscan_x"] = (y0, y1, x1, nx) if x1 < nx else None
            amplifier["prescan_y"] = (0, y0, x0, x1) if y0 else None
            amplifier["overscan_y"] = (y1, ny, x0, x1) if y1 < ny else None
        bias = cards.section(*keys.get("bias", ["BIASSEC"]))
        if bias and bias[1] <= ny and bias[3] <= nx:
            amplifier.update(_bias_section(bias[:4], (y0, y1, x0, x1)))
        found.append(amplifier)
    _place(found, parts, keys.get("detector", ["DETSEC"]), binning)
    if description.get("rows_from_top"):
        _turn_over(found)
    return found


def _bias_section(bias, data):
    """Say which scan a BIASSEC is by where it lies beside the data."""
    y0, y1, x0, x1 = data
    if bias[2] >= x1:
        return {"overscan_x": (y0, y1, *bias[2:])}
    if bias[3] <= x0:
        return {"prescan_x": (y0, y1, *bias[2:])}
    if bias[0] >= y1:
        return {"overscan_y": (*bias[:2], x0, x1)}
    if bias[1] <= y0:
        return {"prescan_y": (*bias[:2], x0, x1)}
    return {}


def _place(amplifiers, parts, keys, binning):
    """Set place and flips from the detector sections of several HDUs."""
    if len(parts) == 1:
        return
    places = [cards.section(*keys) for _, cards, _ in parts]
    if None in places:
        msg = "several HDUs make one CCD, but not each has a DETSEC that says where it lies."
        raise HeaderError(msg)
    bottom, left = min(p[0] for p in places), min(p[2] for p in places)
    for amplifier, place in zip(amplifiers, places, strict=True):
        amplifier["y"] = (place[0] - bottom) // binning[1]
        amplifier["x"] = (place[2] - left) // binning[0]
        amplifier["flip_x"], amplifier["flip_y"] = bool(place[4]), bool(place[5])


def _turn_over(amplifiers):
    """Count rows of the CCD from the other end."""
    ny, _ = assembled_shape(amplifiers)
    for amplifier in amplifiers:
        y0, y1 = amplifier["data"][:2]
        amplifier["y"] = ny - amplifier["y"] - (y1 - y0)
        amplifier["flip_y"] = not amplifier["flip_y"]


def fits_images(amplifiers, parts):
    """Tell whether all sections lie in their images and none is empty.

    Parameters
    ----------
    amplifiers : list of dict
        As in `CcdFrame.amplifiers`.
    parts : list of tuple
        Per HDU: its index, its `Cards`, its shape ``(ny, nx)``.

    Returns
    -------
    bool
        False where a section of one amplifier cannot be.
    """
    shapes = {hdu: shape for hdu, _, shape in parts}
    for amplifier in amplifiers:
        ny, nx = shapes[amplifier["hdu"]]
        for region in ("data", *_REGIONS.values()):
            if amplifier[region] is not None:
                y0, y1, x0, x1 = amplifier[region]
                if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
                    return False
    return True


def skip_edges(amplifiers, skips):
    """Leave out the pixels of prescan and overscan that are not to be used.

    Parameters
    ----------
    amplifiers : list of dict
        Amplifiers with whole sections; changed in place.
    skips : dict
        For PRSCX, PRSCY, OVSCX, OVSCY: pixels to skip at the edge of the chip
        and at the data. Where less than half of a section would stay, nothing
        is skipped.

    Returns
    -------
    dict
        PRSCX, PRSCXPRE, PRSCXPST and so on, of the first amplifier.
    """
    counts = {}
    for name, region in _REGIONS.items():
        for number, amplifier in enumerate(amplifiers):
            box = amplifier[region]
            edge, inner = skips.get(name, (0, 0))
            size = 0 if box is None else _length(box, name)
            if (edge + inner) * 2 > size:
                edge = inner = 0
            if box is not None and (edge or inner):
                amplifier[region] = _shrunk(box, amplifier["data"], name, edge, inner)
            if number == 0:
                counts[name], counts[name + "PRE"], counts[name + "PST"] = size, edge, inner
    return counts


def _length(box, name):
    return box[3] - box[2] if name.endswith("X") else box[1] - box[0]


def _shrunk(box, data, name, edge, inner):
    axis = 2 if name.endswith("X") else 0
    low, high = (edge, inner) if box[axis + 1] <= data[axis] else (inner, edge)
    box = list(box)
    box[axis] += low
    box[axis + 1] -= high
    return tuple(box)


METHODS = {"whole": whole, "cover": cover, "sections": sections}
