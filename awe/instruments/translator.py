"""Headers translated to plain values by the keywords of a description."""

import dataclasses
import datetime

from awe.base.errors import did_you_mean
from awe.instruments.cards import Cards
from awe.instruments.description import matches, recognise
from awe.instruments.errors import HeaderError, InstrumentError
from awe.instruments.frame import CcdFrame
from awe.instruments.geometry import METHODS, fits_images, skip_edges
from awe.instruments.keywords import KEYWORDS, KINDS, check_purpose
from awe.instruments.nights import sidereal_seconds
from awe.instruments.values import airmass, angle, linear_wcs, positive_pair, seconds_of_day

__all__ = ["Translator", "check", "translate"]

_NO_LIGHT = ("bias", "dark")
_MJD_EPOCH = datetime.datetime(1858, 11, 17)
_DAY = datetime.timedelta(days=1)
_SPREAD = 60.0 / 86400


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
        self.keywords = {**KEYWORDS, **self.description.get("keywords", {})}

    def keys(self, what):
        """List the keywords that hold one thing.

        Parameters
        ----------
        what : str
            Name of the thing, such as ``'filter'``.

        Returns
        -------
        list of str
            Keywords, to be tried in turn.
        """
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
        """Give the name of the CCD, or None where it has none.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        return cards.text(*self.keys("chip"))

    def kind(self, cards):
        """Give the kind of frame, or None where no rule and no keyword tells.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The kind.
        """
        for rule in self.description.get("kinds", []):
            if matches(cards, rule["when"], self.keywords):
                return rule["kind"]
        text = cards.text(*self.keys("TYPE"))
        return None if text is None else text.lower()

    def filter(self, cards):
        """Give the name of the filter in the beam, or None.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        return cards.text(*self.keys("filter"))

    def lamp(self, cards):
        """Give the name of the lamp that was lit, or None.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        return cards.text(*self.keys("lamp"))

    def template(self, cards):
        """Give the observing template as a dict, or None.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        dict or None
            As in `CcdFrame.template`.
        """
        return None

    def observing_block(self, cards):
        """Give the observing block as a dict, or None.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        dict or None
            As in `CcdFrame.observing_block`.
        """
        return None

    def binning(self, cards):
        """Give the binning in x and y.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        tuple of int
            Binning in x and y.
        """
        both = (cards.text("CCDSUM") or "").split()
        if len(both) == 2 and all(part.isdigit() for part in both):
            return max(int(both[0]), 1), max(int(both[1]), 1)
        return positive_pair(cards.integer("BINX", "XBINNING"), cards.integer("BINY", "YBINNING"))

    def read_mode(self, cards, binning, shape):
        """Give a text that differs between read-out modes.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.
        binning : tuple of int
            Binning in x and y.
        shape : tuple of int
            Shape of the image as it is read.

        Returns
        -------
        str
            The same for all frames that fit together.
        """
        parts = [cards.text(key) for key in self.description.get("read_mode", [])]
        size = "x".join(str(n) for n in reversed(shape))
        return ",".join([*(p for p in parts if p), f"{binning[0]}x{binning[1]}", size])

    def amplifiers(self, parts, chip, binning, notes):
        """Give the amplifiers of a CCD, whole sections of scan included.

        Parameters
        ----------
        parts : list of tuple
            Per HDU of the CCD: its index, its `Cards`, its shape.
        chip : str
            Name of the CCD.
        binning : tuple of int
            Binning in x and y.
        notes : list of str
            What is doubtful; lines are added.

        Returns
        -------
        list of dict
            As in `CcdFrame.amplifiers`.
        """
        description = {**self.description.get("geometry", {}), "chip": chip}
        method = METHODS[description.get("method", "sections")]
        if len(parts[0][2]) != 2:
            method = METHODS["whole"]
            parts = [(hdu, cards, (1, 1, *shape)[-2:]) for hdu, cards, shape in parts]
        found = method(description, parts, binning, notes)
        if not fits_images(found, parts):
            notes.append("the sections of the header lie outside the image; all pixels are data")
            found = METHODS["whole"](description, parts, binning, notes)
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
            found.append(self._frame(parts, purpose, filename))
        names = [Cards(headers[frame.extensions[0]]).text("EXTNAME") for frame in found]
        return _with_distinct_chips(found, names, self.instrument.name)

    def _frame(self, parts, purpose, filename):
        """Translate the headers of one CCD."""
        _, cards, shape = parts[0]
        notes = []
        when = self._when(cards, filename, notes)
        exptime = self._exptime(cards)
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
            MJD_OBS=self._mjd(cards, when, notes),
            UTC=seconds_of_day(when) if utc is None else utc,
            LST=lst,
            EXPTIME=exptime,
            DATE=cards.time(*self.keys("DATE")),
            OBJECT=cards.text(*self.keys("OBJECT")) or "",
            OBSERVER=cards.text(*self.keys("OBSERVER")) or "",
            RA=angle(cards, self.keys("RA"), 15.0),
            DEC=angle(cards, self.keys("DEC"), 1.0),
            filter=None if kind in _NO_LIGHT else self._filter_name(cards),
            lamp=None if kind in _NO_LIGHT else self.lamp(cards),
            template=self.template(cards),
            observing_block=self.observing_block(cards),
            AIRMSTRT=airmass(cards, self.keys("AIRMSTRT")),
            AIRMEND=airmass(cards, self.keys("AIRMEND")),
            binning=binning,
            read_mode=self.read_mode(cards, binning, shape),
            amplifiers=tuple(amplifiers),
            astrom=linear_wcs(cards),
            # The last argument: what was no number is known once all others were looked up.
            warnings=(*notes, *_bad_numbers(parts)),
            **counts,
        )

    def _exptime(self, cards):
        """Give the exposure time in seconds, or None."""
        value = cards.number(*self.keys("EXPTIME"))
        scale = self.description.get("scale", {}).get("EXPTIME", 1)
        return None if value is None else float(value * scale)

    def _when(self, cards, filename, notes):
        """Give the start of the exposure in UTC, or raise a HeaderError."""
        names = [self.keys(what) for what in ("DATE_OBS", "TIME_OBS", "MJD_OBS")]
        when, exact = cards.date_and_time(*names)
        if when is None:
            says = {key: cards.text(key) for key in [*names[0], *names[2]]}
            bad = ", ".join(f"{key} = {text!r}" for key, text in says.items() if text is not None)
            why = f"{bad} is no date" if bad else f"looked for {', '.join(says)}"
            msg = f"{filename or 'The header'}: no date of observation; {why}."
            raise HeaderError(msg)
        if not exact:
            notes.append("the header has no time of day; midnight UTC is taken")
        says = cards.text(*names[0])
        if says is not None and cards.date_and_time(names[0], names[1], [])[0] is None:
            notes.append(f"{says!r} is no date; the modified Julian date is taken")
        scale = (cards.text("TIMESYS") or "UTC").lower()
        if scale in ("tai", "tt", "tdb"):
            from astropy.time import Time

            when = Time(when, scale=scale).utc.to_datetime()
        return when

    def _mjd(self, cards, when, notes):
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
        **{f"keyword {k!r}": (k, KEYWORDS) for k in description.get("keywords", {})},
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


def _bad_numbers(parts):
    """Give a note for each card that holds a text where a number is needed."""
    bad = {}
    for _, cards, _ in parts:
        bad.update(cards.bad_numbers)
    return [f"{key} = {text!r} is no number and was left out" for key, text in bad.items()]


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
