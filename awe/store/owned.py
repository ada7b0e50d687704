"""Owned records: values of several fields that live inside their owner."""

from awe.base.errors import AweAttributeError, did_you_mean
from awe.store.meta import RecordMeta

__all__ = ["OwnedRecord"]


# The class's own would refuse.
_setattr = object.__setattr__


class OwnedRecord(metaclass=RecordMeta):
    """A record that lives inside its owner, such as image statistics.

    Parameters
    ----------
    **values
        The fields; those not given have their default.
    """

    _is_owned_record = True

    def __init__(self, **values):
        shape = self._shapes.find(values)
        if shape is not None and shape.is_whole and not shape.others:
            _setattr(self, "_held", tuple(values.values()))
            return
        known = self._attributes
        if not values.keys() <= known.keys():
            name = next(n for n in values if n not in known)
            msg = f"{type(self).__name__} has no field {name!r}.{did_you_mean(name, known)}"
            raise AweAttributeError(msg)
        made = [
            coerce(values[name], where) if name in values else initial()
            for name, coerce, where, initial in self._takers
        ]
        _setattr(self, "_held", tuple(made))

    @classmethod
    def _from_values(cls, values):
        record = object.__new__(cls)
        _setattr(record, "_held", values)
        return record

    @property
    def _values(self):
        return dict(zip(self._attributes, self._held, strict=True))

    def _value_of(self, attribute):
        return self._held[self._places[attribute.name]]

    def _set(self, attribute, value):
        msg = (
            f"{attribute.where(type(self))} is part of its owner and read-only: assign a new "
            f"{type(self).__name__} to the owner's attribute."
        )
        raise AweAttributeError(msg)

    def __setattr__(self, name, value):
        attribute = self._attributes.get(name)
        if attribute is None:
            hint = did_you_mean(name, self._attributes)
            msg = f"{type(self).__name__} has no field {name!r}.{hint}"
            raise AweAttributeError(msg)
        self._set(attribute, value)

    def replace(self, **values):
        """Give a copy with other values in some fields.

        Parameters
        ----------
        **values
            The fields that differ.

        Returns
        -------
        OwnedRecord
            The copy.
        """
        return type(self)(**{**self._values, **values})

    def __eq__(self, other):
        return type(other) is type(self) and other._held == self._held

    def __hash__(self):
        return hash((type(self), self._held))

    def __repr__(self):
        fields = ", ".join(f"{n}={v!r}" for n, v in self._values.items() if v is not None)
        return f"{type(self).__name__}({fields})"
