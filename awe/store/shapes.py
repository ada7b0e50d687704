"""Shapes: names and types of values that a constructor has found good before.

Objects are made by the thousand by the same few lines of code, with the same attributes and types
each time. What can be told from names and types alone is found out once for all of them; what
depends on the values is asked of all values of a kind at a time.
"""

from operator import itemgetter

__all__ = ["Shapes", "getter", "take_one_by_one"]

# Code that leaves out other attributes each time would make a shape of each object.
_MOST_SHAPES = 500


def getter(names):
    """Give the function that takes several items out of a mapping or sequence, as a tuple.

    Parameters
    ----------
    names : sequence
        Keys or places.

    Returns
    -------
    callable
        Takes the mapping or sequence.
    """
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


class _Shape:
    """Some attributes with values of some types.

    Parameters
    ----------
    attributes : dict of str to Attribute
        Those of the class.
    names : sequence of str
        What is given.
    types : sequence of type
        The types of what is given.
    """

    def __init__(self, attributes, names, types):
        # Names of which the values must be coerced one by one.
        self.others = []
        # Names of attributes with a computed other side.
        self.related = [n for n in names if attributes[n].inverse is not None]
        self.is_whole = tuple(names) == tuple(attributes)
        groups = {}
        for name, type_ in zip(names, types, strict=True):
            kind = attributes[name].kind
            if not kind.fits(type_):
                self.others.append(name)
            elif type_ is not type(None) and kind.all_serve is not None:
                groups.setdefault(kind.all_serve, []).append(name)
        # Each tells of some values whether they serve as they are; of one without a detour.
        self.checks = [(f, getter(of)) for f, of in groups.items() if len(of) > 1]
        self.single_checks = [(f, of[0]) for f, of in groups.items() if len(of) == 1]


class Shapes:
    """The shapes in which objects of a class were made.

    Parameters
    ----------
    attributes : dict of str to Attribute
        Those of the class.
    """

    def __init__(self, attributes):
        self._attributes = attributes
        self._known = {}

    def find(self, values):
        """Give the shape of values that need not be looked at one by one.

        Parameters
        ----------
        values : dict
            By attribute.

        Returns
        -------
        Shape or None
            Its values serve as they are, but for those in its ``others``. None where each must be
            looked at, or where the class has no such attribute.
        """
        key = (*values, *map(type, values.values()))
        shape = self._known.get(key)
        if shape is None:
            if len(self._known) >= _MOST_SHAPES or not values.keys() <= self._attributes.keys():
                return None
            shape = _Shape(self._attributes, key[: len(values)], key[len(values) :])
            self._known[key] = shape
        for all_serve, get in shape.checks:
            if not all_serve(get(values)):
                return None
        for all_serve, name in shape.single_checks:
            if not all_serve((values[name],)):
                return None
        return shape


def take_one_by_one(obj, values, new):
    """Coerce the values of a new object, and keep them.

    Parameters
    ----------
    obj : DBObject
        The object.
    values : dict
        What was given, by attribute; also by computed ones, which are left for later.
    new : dict
        Takes the coerced values.

    Returns
    -------
    list of str
        Names of attributes that have another side.
    """
    related = []
    for name, value in values.items():
        if name in obj._takers:
            coerce, where, has_inverse = obj._takers[name]
            new[name] = coerce(value, where)
        elif name in obj._inverses:
            has_inverse = True
        else:
            raise obj._no_attribute(name)
        if has_inverse:
            related.append(name)
    return related
