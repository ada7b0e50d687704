"""Translators of cameras whose headers need more than a table of keywords."""

from awe.instruments.eso_geometry import eso
from awe.instruments.translator import Translator
from awe.instruments.values import positive_pair

__all__ = ["EsoTranslator", "LickTranslator", "LsstTranslator"]

_NO_FILTER = {"free", "open", "clear", "none", "blank", "empty", "out"}


class EsoTranslator(Translator):
    """Headers that keep to the ESO keyword dictionary."""

    name = "eso"
    geometry = staticmethod(eso)

    def chip(self, cards):
        """Give the name of the CCD: DET CHIPn ID, its NAME, else EXTNAME.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        numbers = cards.matching(r"ESO DET CHIP(\d*) (?:ID|NAME)")
        own = type(cards)(cards.headers[0]).matching(r"ESO DET CHIP(\d*) (?:ID|NAME)")
        numbers = own or numbers
        if len(numbers) > 1:
            return cards.text("EXTNAME")
        keys = [f"ESO DET CHIP{n} {what}" for what in ("ID", "NAME") for n in numbers]
        return cards.text(*keys, "EXTNAME")

    def filter(self, cards):
        """Give the names of all filters in the beam, joined by a plus sign.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        numbers = cards.matching(r"ESO INS FILT(\d*) (?:NAME|ID)")
        names = [cards.text(f"ESO INS FILT{n} NAME", f"ESO INS FILT{n} ID") for n in numbers]
        names = [name for name in names if name]
        real = [name for name in names if name.lower() not in _NO_FILTER]
        if real or names:
            return "+".join(real) if real else names[0]
        wheels = [cards.text(key) for key in ("FILTER", "FILTER1", "FILTER2")]
        wheels = [name for name in wheels if name]
        real = [name for name in wheels if name.lower() not in _NO_FILTER]
        return "+".join(real) or (wheels[0] if wheels else None)

    def lamp(self, cards):
        """Give the names of all lamps that are lit, joined by a plus sign.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        lit = []
        for number in cards.matching(r"ESO INS LAMP(\d*) (?:ST|STATE)"):
            state = cards.get(f"ESO INS LAMP{number} ST", f"ESO INS LAMP{number} STATE")
            if state is True or str(state).upper() in ("ON", "T"):
                lit.append(cards.text(f"ESO INS LAMP{number} NAME") or number)
        return "+".join(lit) or None

    def template(self, cards):
        """Give TPL ID, NAME, START, NEXP and EXPNO.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        dict or None
            As in `CcdFrame.template`.
        """
        start = cards.time("ESO TPL START")
        if start is None:
            return None
        name = cards.text("ESO TPL ID") or ""
        parts = name.lower().split("_")
        return {
            "id": name,
            "name": cards.text("ESO TPL NAME") or name,
            "start": start,
            "type": next((part for part in parts if part in ("acq", "obs", "cal", "tec")), ""),
            "exposures": cards.integer("ESO TPL NEXP"),
            "index": cards.integer("ESO TPL EXPNO"),
        }

    def observing_block(self, cards):
        """Give OBS ID, NAME, START, PROG ID, PI-COI NAME and GRP.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        dict or None
            As in `CcdFrame.observing_block`.
        """
        number, name = cards.integer("ESO OBS ID"), cards.text("ESO OBS NAME")
        if number is None and name is None:
            return None
        return {
            "id": number,
            "name": name or "",
            "start": cards.time("ESO OBS START"),
            "program_id": cards.text("ESO OBS PROG ID") or "",
            "pi": cards.text("ESO OBS PI-COI NAME", "PI-COI") or "",
            "group": cards.text("ESO OBS GRP") or "",
        }

    def binning(self, cards):
        """Give DET WIN1 BINX and BINY.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        tuple of int
            Binning in x and y.
        """
        windows = ("ESO DET WIN1", "ESO DET", "ESO DET WIN")
        x, y = (cards.integer(*(f"{w} BIN{axis}" for w in windows)) for axis in "XY")
        return positive_pair(x, y)

    def read_mode(self, cards, binning, shape):
        """Give mode, speed, clock, binning, size, and where the window begins.

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
        start = [cards.integer(f"ESO DET WIN1 STR{axis}") or 1 for axis in "XY"]
        window = "" if start == [1, 1] else f",+{start[0]}+{start[1]}"
        return super().read_mode(cards, binning, shape) + window


class LickTranslator(Translator):
    """Headers of the cameras of Lick Observatory with a UCAM controller."""

    name = "lick"

    def binning(self, cards):
        """Give the pixels of the chip per pixel of the image.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        tuple of int
            Binning in x and y.
        """
        steps = [cards.integer(key) for key in ("CDELT1U", "CDELT2U")]
        return tuple(abs(step) or 1 if step is not None else 1 for step in steps)

    def lamp(self, cards):
        """Give the names of all lamps that are lit, joined by a plus sign.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        lit = [
            cards.text(f"LAMPNAM{letter}") or letter
            for letter in cards.matching(r"LAMPSTA(.)")
            if (cards.text(f"LAMPSTA{letter}") or "").lower() == "on"
        ]
        return "+".join(lit) or None

    def kind(self, cards):
        """Tell arcs and flats, for which no card stands, by name and lamps.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The kind.
        """
        kind = super().kind(cards)
        if kind == "science" and (self.lamp(cards) or "") != "":
            return "arc"
        return kind


class LsstTranslator(Translator):
    """Raw files of LSST cameras: one CCD of 16 amplifiers each."""

    name = "lsst"

    def chip(self, cards):
        """Give raft and slot, such as ``'R22_S11'``.

        Parameters
        ----------
        cards : Cards
            The headers, that of the extension first.

        Returns
        -------
        str or None
            The name.
        """
        names = [cards.text(key) for key in ("RAFTBAY", "CCDSLOT")]
        return "_".join(names) if all(names) else None
