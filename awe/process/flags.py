"""Quality flags: a registry of bits that the system sets, with their meaning."""

import dataclasses

from awe.base.errors import AweValueError

__all__ = [
    "QualityFlag",
    "all_flags",
    "decode",
    "disqualifying_bits",
    "flag",
    "flags_table",
    "register_flag",
]

_flags = {}


@dataclasses.dataclass(frozen=True)
class QualityFlag:
    """One bit of ``quality_flags``.

    Attributes
    ----------
    name : str
        Its name.
    bit : int
        Its value, a power of two.
    description : str
        What it means.
    disqualifies : bool
        Whether a calibration that has it is not chosen.
    """

    name: str
    bit: int
    description: str
    disqualifies: bool = True


def register_flag(name, bit, description, *, disqualifies=True):
    """Enter a bit.

    Parameters
    ----------
    name : str
        Its name.
    bit : int
        Its value, a power of two.
    description : str
        What it means.
    disqualifies : bool, optional
        Whether a calibration that has it is not chosen. The default is True.

    Returns
    -------
    int
        The bit.
    """
    taken = next((f for f in _flags.values() if f.bit == bit and f.name != name), None)
    if taken is not None or bit <= 0 or bit & (bit - 1):
        msg = f"The quality flag {name} cannot have the bit {bit}."
        raise AweValueError(msg)
    _flags[name] = QualityFlag(name, bit, description, disqualifies)
    return bit


def flag(name):
    """Give the bit of a name.

    Parameters
    ----------
    name : str
        The flag's name.

    Returns
    -------
    int
        Its bit.
    """
    return _flags[name].bit


def decode(value):
    """Give the flags that are set in a value.

    Parameters
    ----------
    value : int
        A sum of bits.

    Returns
    -------
    list of QualityFlag
        By bit; an unknown bit is called 'unknown'.
    """
    known = {f.bit: f for f in _flags.values()}
    bits = [1 << n for n in range(value.bit_length()) if value >> n & 1]
    return [known.get(b, QualityFlag("unknown", b, "a flag of another version")) for b in bits]


def disqualifying_bits():
    """Give the sum of all bits with which a frame or calibration is not used.

    Returns
    -------
    int
        The sum.
    """
    return sum(f.bit for f in _flags.values() if f.disqualifies)


def all_flags():
    """Give all flags.

    Returns
    -------
    list of QualityFlag
        By bit.
    """
    return sorted(_flags.values(), key=lambda f: f.bit)


def flags_table():
    """Give all flags as text.

    Returns
    -------
    str
        A line each: bit, name, meaning.
    """
    rows = all_flags()
    return "\n".join(f"{f.bit:>6}  {f.name:<22} {f.description}" for f in rows)
