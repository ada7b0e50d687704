"""Headers translated to plain values by the keywords of a description."""

import dataclasses
import datetime

from awe.base.errors import AweValueError, did_you_mean
from awe.instruments.cards import Cards, sexagesimal
from awe.instruments.description import matches, recognise
from awe.instruments.errors import HeaderError, InstrumentError
from awe.instruments.frame import CcdFrame
from awe.instruments.geometry import METHODS, skip_edges
from awe.instruments.nights import sidereal_seconds

__all__ = ["KINDS", "Translator", "check", "translate"]

KINDS = ("bias", "dark", "dome", "twilight", "science")
"""Kinds that have a class of their own."""

_OTHER_KINDS = ("arc", "slit flat", "spectrum", "acquisition", "cube", "focus", "unknown")
_NO_LIGHT = ("bias", "dark")
_MJD_EPOCH = datetime.datetime(1858, 11, 17)
_DAY = datetime.timedelta(days=1)
_SPREAD = 60.0 / 86400
_KEYWORDS = {
    "DATE_OBS": ["DATE-OBS"],
    "TIME_OBS": ["TIME-OBS", "UTC-OBS", "UT", "UTC"],
    "MJD_OBS": ["MJD-OBS"],
    "DATE": ["DATE"],
    "UTC": ["UTC"],
    "LST": ["LST", "ST"],
    "EXPTIME": ["EXPTIME", "EXPOSURE"],
    "OBJECT": ["OBJECT"],
    "OBSERVER": ["OBSERVER"],
    "RA": ["RA"],
    "DEC": ["DEC"],
    "AIRMSTRT": ["AIRMASS"],
    "AIRMEND": [],
    "TYPE": ["IMAGETYP", "OBSTYPE"],
    "filter": ["FILTER"],
    "lamp": [],
    "chip": [],
    "gain": [],
    "read_noise": [],
    "saturation": [],
    "telescope": ["TELESCOP"],
    "longitude": [],
    "latitude": [],
    "elevation": [],
}


class Translator:
    """Translate headers by the keywords of a description; what most need.

    A camera whose headers need more than keywords has a subclass with a
    `name`, which its description names as `translator`; methods are replaced
    one by one.

    Parameters
    ----------
    instrument : Instrument
        What is known of the instrument.
    """

    name = "keywords"
    registry = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Translator.registry[cls.name] = cls

    def __init__(self, instrument):
        self.instrument = instrument
        self.description = instrument.description
        self.keywords = {**_KEYWORDS, **self.description.get("keywords", {})}

    def keys(self, what):
        """List the keywords that hold one thing."""
        listed = self.keywords.get(what, [])
        return [listed] if isinstance(listed, str) else listed

    def group(self, headers, shapes):
        """List the HDUs of each CCD.

        Parameters
        ----------
        headers : list of mapping
            The headers of all HDUs.
        shapes : list of tuple or None
            The shapes of their images.

        Returns
        -------
        list of tuple of int
            Indices of HDUs, one tuple for each CCD.
        """
        images = [i for i, shape in enumerate(shapes) if shape]
        if self.description.get("geometry", {}).get("group") == "file" and images:
            return [tuple(i for i in images if shapes[i] == shapes[images[0]])]
        return [(i,) for i in images]

    def chip(self, cards):
        """Give the name of the CCD, or None where it has none."""
        return cards.text(*self.keys("chip"))

    def kind(self, cards):
        """Give the kind of frame, or None where no rule and no keyword tells."""
        for rule in self.description.get("kinds", []):
            if matches(cards, rule["when"], self.keywords):
                return rule["kind"]
        text = cards.text(*self.keys("TYPE"))
        return None if text is None else text.lower()

    def filter(self, cards):
        """Give the name of the filter in the beam, or None."""
        return cards.text(*self.keys("filter"))

    def lamp(self, cards):
        """Give the name of the lamp that was lit, or None."""
        return cards.text(*self.keys("lamp"))

    def template(self, cards):
        """Give the observing template as a dict, or None."""
        return None

    def observing_block(self, cards):
        """Give the observing block as a dict, or None."""
        return None

    def binning(self, cards):
        """Give the binning in x and y."""
        both = (cards.text("CCDSUM") or "").split()
        if len(both) == 2 and all(part.isdigit() for part in both):
            return int(both[0]), int(both[1])
        x = cards.integer("BINX", "XBINNING") or 1
        return x, cards.integer("BINY", "YBINNING") or x

    def read_mode(self, cards, binning, shape):
        """Give a text that differs between read-out modes."""
        parts = [cards.text(key) for key in self.description.get("read_mode", [])]
        size = "x".join(str(n) for n in reversed(shape))
        return ",".join([*(p for p in parts if p), f"{binning[0]}x{binning[1]}", size])

    def amplifiers(self, parts, chip, binning, notes):
        """Give the amplifiers of a CCD, whole sections of scan included."""
        description = {**self.description.get("geometry", {}), "chip": chip}
        method = METHODS[description.get("method", "sections")]
        if len(parts[0][2]) != 2:
            method = METHODS["whole"]
            parts = [(hdu, cards, (1, 1, *shape)[-2:]) for hdu, cards, shape in parts]
        found = method(description, parts, binning, notes)
        known = self.description.get("detector", {})
        by_hdu = {hdu: cards for hdu, cards, _ in parts}
        for amplifier in found:
            own = known.get("amplifiers", {}).get(amplifier["name"], {})
            for what in ("gain", "read_noise", "saturation"):
                if amplifier[what] is None:
                    value = by_hdu[amplifier["hdu"]].number(*self.keys(what))
                    value = value if value and value > 0 else own.get(what, known.get(what))
                    amplifier[what] = None if value is None else float(value)
        return found

    def frames(self, headers, shapes, purpose=None, filename=""):
        """Translate the headers of a file.

        Parameters
        ----------
        headers : list of mapping
            The headers of all HDUs.
        shapes : list of tuple or None
            The shapes of their images.
        purpose : str, optional
            Kind of frame, instead of what the header says.
        filename : str, optional
            Name for messages.

        Returns
        -------
        list of CcdFrame
            One for each CCD.

        Raises
        ------
        HeaderError
            There is no image, no date, or the parts of a CCD do not join.
        """
        groups = self.group(headers, shapes)
        if not groups:
            msg = f"{filename or 'The file'} holds no image."
            raise HeaderError(msg)
        found = []
        for indices in groups:
            parts = []
            for i in indices:
                own = (headers[i], headers[0]) if i else (headers[0],)
                parts.append((i, Cards(*own), tuple(shapes[i])))
            found.append(self.frame(parts, purpose, filename))
        names = [Cards(headers[frame.extensions[0]]).text("EXTNAME") for frame in found]
        return _with_distinct_chips(found, names, self.instrument.name)

    def frame(self, parts, purpose, filename):
        """Translate the headers of one CCD; parameters as in `frames`."""
        _, cards, shape = parts[0]
        notes = []
        when = self.when(cards, filename, notes)
        exptime = self.exptime(cards)
        kind = self._kind(cards, purpose, exptime, shape, notes)
        chip = self.chip(cards) or ""
        binning = self.binning(cards)
        amplifiers = self.amplifiers(parts, chip, binning, notes)
        skips = self.description.get("geometry", {}).get("skip", {})
        counts = skip_edges(amplifiers, skips)
        instrument = self.instrument
        longitude = instrument.longitude
        utc, lst = cards.seconds(*self.keys("UTC")), cards.seconds(*self.keys("LST"))
        if lst is None and longitude is not None:
            lst = sidereal_seconds(when, longitude)
        return CcdFrame(
            instrument=instrument.name,
            telescope=instrument.telescope,
            chip=chip,
            kind=kind,
            extensions=tuple(part[0] for part in parts),
            raw_shape=shape,
            DATE_OBS=when,
            MJD_OBS=self.mjd(cards, when, notes),
            UTC=_seconds_of_day(when) if utc is None else utc,
            LST=lst,
            EXPTIME=exptime,
            DATE=cards.time(*self.keys("DATE")),
            OBJECT=cards.text(*self.keys("OBJECT")) or "",
            OBSERVER=cards.text(*self.keys("OBSERVER")) or "",
            RA=_angle(cards, self.keys("RA"), 15.0),
            DEC=_angle(cards, self.keys("DEC"), 1.0),
            filter=None if kind in _NO_LIGHT else self._filter_name(cards),
            lamp=None if kind in _NO_LIGHT else self.lamp(cards),
            template=self.template(cards),
            observing_block=self.observing_block(cards),
            AIRMSTRT=_airmass(cards, self.keys("AIRMSTRT")),
            AIRMEND=_airmass(cards, self.keys("AIRMEND")),
            binning=binning,
            read_mode=self.read_mode(cards, binning, shape),
            amplifiers=tuple(amplifiers),
            astrom=_astrom(cards),
            warnings=tuple(notes),
            **counts,
        )

    def exptime(self, cards):
        """Give the exposure time in seconds, or None."""
        value = cards.number(*self.keys("EXPTIME"))
        scale = self.description.get("scale", {}).get("EXPTIME", 1)
        return None if value is None else float(value * scale)

    def when(self, cards, filename, notes):
        """Give the start of the exposure in UTC, or raise a HeaderError."""
        names = [self.keys(what) for what in ("DATE_OBS", "TIME_OBS", "MJD_OBS")]
        when, exact = cards.date_and_time(*names)
        if when is None:
            looked = ", ".join(names[0] + names[2])
            msg = f"{filename or 'The header'}: no date of observation; looked for {looked}."
            raise HeaderError(msg)
        if not exact:
            notes.append("the header has no time of day; midnight UTC is taken")
        scale = (cards.text("TIMESYS") or "UTC").lower()
        if scale in ("tai", "tt", "tdb"):
            from astropy.time import Time

            when = Time(when, scale=scale).utc.to_datetime()
        return when

    def mjd(self, cards, when, notes):
        """Give the modified Julian date; the header's where it agrees."""
        computed = (when - _MJD_EPOCH) / _DAY
        says = cards.number(*self.keys("MJD_OBS"))
        if says is None or cards.text("TIMESYS") not in (None, "UTC"):
            return computed
        if abs(says - computed) > _SPREAD:
            notes.append(f"MJD-OBS = {says} contradicts the date; computed anew")
            return computed
        return float(says)

    def _filter_name(self, cards):
        name = self.filter(cards)
        return self.description.get("filters", {}).get(name, name)

    def _kind(self, cards, purpose, exptime, shape, notes):
        kind = self.kind(cards) if purpose is None else check_purpose(purpose)
        if kind is None:
            notes.append("the header does not say the kind of frame; give it as purpose")
            return "unknown"
        if purpose is None and kind == "dark" and exptime == 0:
            return "bias"
        if kind in KINDS and len(shape) != 2:
            return "cube" if len(shape) == 3 else f"{len(shape)}-d"
        return kind


Translator.registry[Translator.name] = Translator


def check_purpose(purpose):
    """Give the kind of frame that a user's purpose means."""
    kind = str(purpose).strip().lower()
    if kind not in KINDS + _OTHER_KINDS:
        known = ", ".join(KINDS + _OTHER_KINDS)
        msg = f"There is no purpose {purpose!r}.{did_you_mean(kind, KINDS + _OTHER_KINDS)}"
        raise AweValueError(f"{msg} Known: {known}.")
    return kind


def check(description, file):
    """Check what a description says against what there is.

    Parameters
    ----------
    description : dict
        A description with what it takes over from others.
    file : str or os.PathLike
        Its file, for the message.

    Raises
    ------
    InstrumentError
        A translator, a method of geometry or a rule is not known.
    """
    asked = {
        "translator": (description.get("translator", "keywords"), Translator.registry),
        "geometry method": (description.get("geometry", {}).get("method", "sections"), METHODS),
        **{f"keyword {k!r}": (k, _KEYWORDS) for k in description.get("keywords", {})},
    }
    for what, (name, known) in asked.items():
        if name not in known:
            hint = did_you_mean(name, known)
            raise InstrumentError(f"{file}: the {what} {name!r} is not known.{hint}")
    for rule in description.get("kinds", []):
        if not isinstance(rule, dict) or set(rule) != {"kind", "when"}:
            raise InstrumentError(f"{file}: a rule of kinds has 'kind' and 'when', not {rule!r}.")


def translate(headers, shapes, *, instrument=None, purpose=None, filename=""):
    """Translate the headers of a raw file.

    Parameters
    ----------
    headers : list of mapping
        The headers of all HDUs, the primary first.
    shapes : list of tuple or None
        The shapes ``(ny, nx)`` of their images, None without.
    instrument : str, optional
        Name of the instrument, where the headers do not tell.
    purpose : str, optional
        Kind of frame, instead of what the headers say.
    filename : str, optional
        Name of the file, for messages.

    Returns
    -------
    list of CcdFrame
        One for each CCD.

    Raises
    ------
    InstrumentError
        The instrument is not known, or another one than the user named.
    HeaderError
        There is no image or no date, or the headers contradict themselves.
    """
    found = recognise(headers, instrument)
    translator = Translator.registry[found.description.get("translator", "keywords")]
    return translator(found).frames(headers, shapes, purpose, filename)


def _with_distinct_chips(frames, extnames, instrument):
    """Give each CCD of a file a name of its own."""
    chips = [frame.chip for frame in frames]
    named = []
    for number, (frame, extname) in enumerate(zip(frames, extnames, strict=True), 1):
        chip = frame.chip
        if chips.count(chip) > 1 and extname and extnames.count(extname) == 1:
            chip = extname
        elif not chip or chips.count(chip) > 1:
            chip = f"{chip or instrument}_{number}"
        named.append(dataclasses.replace(frame, chip=chip))
    return named


def _seconds_of_day(when):
    return (when - when.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()


def _angle(cards, keys, per_hour):
    value = cards.get(*keys)
    if isinstance(value, str):
        found = sexagesimal(value)
        return None if found is None else found * per_hour
    return None if value is None else float(value)


def _airmass(cards, keys):
    value = cards.number(*keys)
    return float(value) if value is not None and value >= 1 else None


def _astrom(cards):
    """Give the linear world coordinates, or None without a celestial system."""
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
