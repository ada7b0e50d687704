"""Descriptions of instruments, read from YAML files, and how one is recognised."""

import copy
import dataclasses
import fnmatch
import functools
from pathlib import Path

from awe.base.errors import did_you_mean
from awe.base.paths import typed_path
from awe.instruments.cards import Cards
from awe.instruments.errors import HeaderError, InstrumentError

__all__ = [
    "Instrument",
    "ingest_task_of",
    "known",
    "load_folder",
    "matches",
    "mosaic_of",
    "parameters_of",
    "recognise",
]

_FIELDS = {
    *("name", "aliases", "title", "extends", "generic", "translator", "site", "recognise"),
    *("names", "keywords", "scale", "kinds", "geometry", "detector", "filters", "read_mode"),
    *("parameters", "chips", "fringes", "ingest", "mosaic"),
}
_users = {}
# What was joined of them, and of which users' own.
_joined_families = {}


@dataclasses.dataclass(frozen=True)
class Instrument:
    """What is known of the instrument that took a file.

    Parameters
    ----------
    name : str
        Name in the store, such as ``'OMEGACAM'``.
    title : str
        What it is, in words.
    telescope : str
        Name of the telescope, ``''`` where unknown.
    longitude, latitude : float or None
        Degrees, east and north positive.
    elevation : float or None
        Metres above sea level.
    parameters : dict
        Process parameters that differ for this instrument: class, name,
        value.
    description : dict
        The whole description, as its file has it.
    """

    name: str
    title: str
    telescope: str
    longitude: float | None
    latitude: float | None
    elevation: float | None
    parameters: dict
    description: dict = dataclasses.field(repr=False)

    def has_fringes(self, filter_name):
        """Tell whether frames in a filter show fringes.

        Parameters
        ----------
        filter_name : str
            Its name in the store.

        Returns
        -------
        bool or None
            None where the description does not say.
        """
        return self.description.get("fringes", {}).get(filter_name)


@functools.cache
def _built_in():
    """Read the descriptions that come with the package."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        raw = _load(path)
        found[raw["name"]] = raw
    return found


def _families():
    """Give all descriptions, users' own first, those of many instruments last."""
    users = dict(_users)
    # Each product that is planned asks for its defaults.
    if _joined_families.get("users") != users:
        both = {**_built_in(), **users}
        order = sorted(both, key=lambda name: (bool(both[name].get("generic")), name not in users))
        _joined_families["all"] = {name: _extended(both[name], both) for name in order}
        _joined_families["users"] = users
    return _joined_families["all"]


def _extended(raw, others):
    """Fill in what a description takes over from another one."""
    parent = raw.get("extends")
    if parent is None:
        return raw
    # A user's description of an instrument of ours may be that of ours with a few changes.
    described = _built_in() if parent == raw["name"] else others
    merged = copy.deepcopy(_extended(described[parent], others))
    merged.pop("generic", None)
    merged.pop("names", None)
    for key, value in raw.items():
        if key == "parameters":
            merged[key] = _joined(merged.get(key, {}), value)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = {**merged[key], **value}
        elif key == "kinds":
            merged[key] = [*value, *merged.get(key, [])]
        else:
            merged[key] = value
    return merged


def _joined(ours, more):
    """Join tables of parameters, whatever their depth; what comes later counts."""
    joined = dict(ours)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(joined.get(key), dict)
        joined[key] = _joined(joined[key], value) if both else value
    return joined


def _load(path):
    """Read and check one file.

    Raises
    ------
    InstrumentError
        The file is not YAML or does not describe an instrument.
    """
    import yaml

    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as err:
        msg = f"{path} is not a readable YAML file: {' '.join(str(err).split())}"
        raise InstrumentError(msg) from err
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
        msg = f"{path} does not say the name of its instrument (name: ...)."
        raise InstrumentError(msg)
    for key in raw:
        if key not in _FIELDS:
            msg = f"{path}: {key!r} is not a part of a description.{did_you_mean(key, _FIELDS)}"
            raise InstrumentError(msg)
    parts = {"recognise": list, "kinds": list, "keywords": dict, "site": dict, "fringes": dict}
    for key, kind in parts.items():
        if not isinstance(raw.get(key, kind()), kind):
            msg = f"{path}: {key!r} must be a {'list' if kind is list else 'table of names'}."
            raise InstrumentError(msg)
    _check_parameters(raw.get("parameters", {}), path)
    if raw.get("extends") == raw["name"]:
        return raw
    if not raw.get("recognise"):
        msg = f"{path} does not say by which cards its files are known (recognise: ...)."
        raise InstrumentError(msg)
    return raw


def _check_parameters(tables, path):
    """Check the form of the parameters; that they exist is checked where a class takes them."""
    fine = isinstance(tables, dict) and all(isinstance(t, dict) for t in tables.values())
    for what in ("filter", "chip"):
        for special in tables.get(what, {}).values() if fine else ():
            fine &= isinstance(special, dict)
            fine = fine and all(isinstance(table, dict) for table in special.values())
    if not fine:
        msg = (
            f"{path}: 'parameters' must be Class: {{NAME: value}}; under 'filter' and 'chip' the "
            "same for each name."
        )
        raise InstrumentError(msg)


def load_folder(path):
    """Add the instruments that a folder of YAML files describes.

    Parameters
    ----------
    path : str or os.PathLike
        The folder; it need not exist. A description replaces one of the same
        name that was there before.

    Returns
    -------
    list of tuple of (str, str)
        File and reason of each that could not be used; it is left out.
    """
    from awe.instruments.translator import check

    problems = []
    folder = typed_path(path)
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            raw = _load(file)
            parent = raw.get("extends")
            if parent is not None and not _may_extend(raw["name"], parent):
                msg = f"{file} extends {parent!r}, which is not known."
                raise InstrumentError(msg + did_you_mean(parent, _built_in()))
            check(_extended(raw, {**_built_in(), **_users}), file)
        except InstrumentError as err:
            problems.append((str(file), str(err)))
            continue
        _users[raw["name"]] = raw
    return problems


def _may_extend(name, parent):
    return parent in _built_in() or (parent in _users and parent != name)


def known():
    """List the instruments that can be recognised.

    Returns
    -------
    list of str
        Names; one that stands for many instruments is told by its title.
    """
    names = []
    for name, raw in _families().items():
        variants = raw.get("names", {}).get("map")
        if raw.get("generic"):
            names.append(raw.get("title", name))
        else:
            names.extend(variants.values() if variants else [name])
    return list(dict.fromkeys(names))


def parameters_of(name):
    """Give the process parameters that an instrument has instead of a class's own.

    Parameters
    ----------
    name : str
        Name of the instrument in the store.

    Returns
    -------
    dict
        Class, name, value; under ``filter`` and ``chip`` the same for single ones by name.
        Empty for an instrument that is described with many others.
    """
    return _part_of(name, "parameters")


def mosaic_of(name):
    """Give where the CCDs of an instrument lie.

    Parameters
    ----------
    name : str
        Name of the instrument in the store.

    Returns
    -------
    dict
        ``shape``: light-sensitive pixels of a CCD, ``[ny, nx]``; ``axis``: for each CCD by name
        the pixel of the optical axis, ``[x, y]`` from 1. Empty where the description does not say.
    """
    return _part_of(name, "mosaic")


def _part_of(name, part):
    for raw in _families().values():
        if name == raw["name"] or name in raw.get("names", {}).get("map", {}).values():
            return raw.get(part, {})
    return {}


def ingest_task_of(name):
    """Give the task that reads the files of an instrument.

    Parameters
    ----------
    name : str
        Name of the instrument in the store, or one of its other names.

    Returns
    -------
    str
        Name of the task: 'IngestTask' where no description names another.
    """
    wanted = name.upper()
    for raw in _families().values():
        variants = raw.get("names", {}).get("map", {}).values()
        for candidate in (raw["name"], *raw.get("aliases", []), *variants):
            if wanted == candidate.upper():
                return raw.get("ingest", "IngestTask")
    # One that is described with many others has no name of its own here.
    return "IngestTask"


def matches(cards, conditions, keywords=None):
    """Tell whether headers fulfil all conditions.

    Parameters
    ----------
    cards : Cards
        The headers.
    conditions : dict
        Keyword, and the pattern or list of patterns of which one must fit.
        ``*`` and ``?`` stand for any letters, large and small letters are the
        same, ``''`` fits what is missing.
    keywords : dict, optional
        Names of the description for lists of keywords.

    Returns
    -------
    bool
        Whether each condition is fulfilled.
    """
    for key, patterns in conditions.items():
        keys = (keywords or {}).get(key, [key])
        value = cards.text(*([keys] if isinstance(keys, str) else keys))
        text = "" if value is None else value.lower().replace(", ", ",")
        patterns = patterns if isinstance(patterns, list) else [patterns]
        if not any(
            text == "" if str(p) == "" else text and fnmatch.fnmatchcase(text, str(p).lower())
            for p in patterns
        ):
            return False
    return True


def recognise(headers, instrument=None):
    """Find which instrument took a file.

    Parameters
    ----------
    headers : list of mapping
        The headers of all HDUs, the primary first.
    instrument : str, optional
        What the user says it is; needed only where the headers do not tell.

    Returns
    -------
    Instrument
        What is known of it.

    Raises
    ------
    InstrumentError
        The headers belong to no known instrument, or to another one than the
        user named.
    """
    # The first extensions say whatever the primary header does not.
    cards = Cards(*headers[:3])
    families = _families()
    found = None
    for raw in families.values():
        if any(matches(cards, conditions) for conditions in raw["recognise"]):
            found = raw
            break
    if instrument is not None:
        return _named(str(instrument), found, cards, families)
    if found is None:
        raise InstrumentError(_unknown(cards), remedy=_REMEDY)
    return _instance(found, cards)


_REMEDY = (
    "Say which one it is with instrument='NAME', or describe a new one "
    "(docs/howto_new_instrument.md)."
)


def _unknown(cards):
    says = cards.text("INSTRUME")
    what = f"INSTRUME = {says!r}" if says else "no INSTRUME"
    names = known()
    hint = did_you_mean(says, names) if says else ""
    msg = f"The header ({what}) is of no known instrument.{hint} Known: {', '.join(names)}."
    for raw in _families().values():
        keys = list(dict.fromkeys(key for rule in raw["recognise"] for key in rule))
        # Products have keywords of the same family as raw frames, but not those.
        if raw.get("generic") and cards.matching(f"({keys[0].split()[0]}) .*"):
            msg += f" This one has none of {', '.join(keys)}, which raw frames have."
    return msg


def _named(instrument, found, cards, families):
    """Give the instrument that the user named, if the headers allow it."""
    wanted = instrument.upper()
    nameless = found is not None and "names" in found and cards.text(found["names"]["from"]) is None
    if found is not None and not nameless:
        told = _instance(found, cards)
        if wanted in {told.name.upper(), *(a.upper() for a in found.get("aliases", []))}:
            return told
        msg = f"The file was taken with {told.name}, not with {instrument}."
        raise InstrumentError(msg)
    for name, raw in families.items():
        variants = raw.get("names", {}).get("map", {}).values()
        for candidate in (name, *raw.get("aliases", []), *variants):
            if wanted == candidate.upper() and not raw.get("generic"):
                chosen = candidate if candidate in variants else None
                return _instance(raw, cards, chosen)
    if nameless:
        return _instance(found, cards, wanted)
    msg = f"There is no instrument {instrument!r}.{did_you_mean(instrument, known())}"
    raise InstrumentError(f"{msg} Known: {', '.join(known())}.", remedy=_REMEDY)


def _instance(raw, cards, chosen=None):
    """Make the description of one instrument from that of its family."""
    name = chosen or _name(raw, cards)
    site = raw.get("site", {})
    keys = {"telescope": "TELESCOP", **raw.get("keywords", {})}

    def say(what, getter):
        """Give what the site says, else the header."""
        return site[what] if what in site else getter(*_listed(keys.get(what, ())))

    return Instrument(
        name=name,
        title=raw.get("title", name),
        telescope=say("telescope", cards.text) or "",
        longitude=say("longitude", cards.number),
        latitude=say("latitude", cards.number),
        elevation=say("elevation", cards.number),
        parameters=raw.get("parameters", {}),
        description=raw,
    )


def _listed(keys):
    return [keys] if isinstance(keys, str) else list(keys)


def _name(raw, cards):
    """Give the name of the instrument, from the header where it stands there."""
    rule = raw.get("names")
    if rule is None:
        return raw["name"]
    says = cards.text(rule["from"])
    by_header = {key.upper(): value for key, value in rule.get("map", {}).items()}
    if says is None:
        msg = f"The header does not name its instrument ({rule['from']})."
        raise HeaderError(msg)
    name = by_header.get(says.upper())
    return name or "".join(c if c.isalnum() else "_" for c in says.upper())
