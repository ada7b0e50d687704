"""Single values of a frame made from cards: angles, airmass, world coordinates."""

from awe.instruments.cards import sexagesimal

__all__ = ["airmass", "angle", "linear_wcs", "positive_pair", "seconds_of_day"]


def positive_pair(x, y):
    """Give a binning of at least 1 in both directions.

    Parameters
    ----------
    x, y : int or None
        What the header says; without y it is that of x.

    Returns
    -------
    tuple of int
        Binning in x and y.
    """
    x = max(x or 1, 1)
    return x, max(y or x, 1)


def seconds_of_day(when):
    """Give the time of day.

    Parameters
    ----------
    when : datetime.datetime
        A time.

    Returns
    -------
    float
        Seconds since midnight.
    """
    return (when - when.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()


def angle(cards, keys, per_unit):
    """Read an angle, as a number of degrees or as a sexagesimal text.

    Parameters
    ----------
    cards : Cards
        The headers.
    keys : list of str
        Keywords, tried in turn.
    per_unit : float
        Degrees per unit of a sexagesimal text: 15 for hours.

    Returns
    -------
    float or None
        Degrees.
    """
    value = cards.get(*keys)
    if isinstance(value, str):
        found = sexagesimal(value)
        if found is not None:
            return found * per_unit
        value = cards.number(*keys)
    return None if value is None else float(value)


def airmass(cards, keys):
    """Read an airmass; less than 1 means that it was not known.

    Parameters
    ----------
    cards : Cards
        The headers.
    keys : list of str
        Keywords, tried in turn.

    Returns
    -------
    float or None
        The airmass.
    """
    value = cards.number(*keys)
    return float(value) if value is not None and value >= 1 else None


def linear_wcs(cards):
    """Read the linear world coordinates of an image.

    Parameters
    ----------
    cards : Cards
        The headers.

    Returns
    -------
    dict or None
        CRVAL, CRPIX, CD and CTYPE; None without a celestial system.
    """
    ctype = [cards.text(f"CTYPE{i}") for i in (1, 2)]
    names = ["CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"]
    values = [cards.number(name) for name in names]
    if None in values or None in ctype or not any(c.startswith("RA") for c in ctype):
        return None
    matrix = {}
    for i in (1, 2):
        for j in (1, 2):
            value = cards.number(f"CD{i}_{j}")
            if value is None:
                step = cards.number(f"CDELT{i}") or 0.0
                turn = cards.number(f"PC{i}_{j}")
                value = step * ((i == j) if turn is None else turn)
            matrix[f"CD{i}_{j}"] = float(value)
    if not any(matrix.values()):
        return None
    linear = dict(zip(names, map(float, values), strict=True))
    return {**linear, **matrix, "CTYPE1": ctype[0], "CTYPE2": ctype[1]}
