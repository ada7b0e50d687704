"""Owned records: values of several fields that live inside their owner."""

from awe.base.errors import AweAttributeError, NoAttributeError, did_you_mean
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
        _setattr(self, "_held", self._take(**values))

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
        if name not in self._attributes:
            self._refuse([name])
        self._set(self._attributes[name], value)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        self._refuse([name])

    @classmethod
    def _refuse(cls, names):
        name = next(iter(names))

        def tell():
            return f"{cls.__name__} has no field {name!r}.{did_you_mean(name, cls._attributes)}"

        raise NoAttributeError(tell)

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
