"""A survey of raw science frames as plain values: what headers and statistics would give."""

import datetime

__all__ = [
    "CHIPS",
    "FILTERS",
    "INSTRUMENTS",
    "OWNED",
    "PER_TEMPLATE",
    "PLAIN",
    "TUTORIAL_START",
    "Survey",
    "field_types",
    "flat",
]

INSTRUMENTS = ("OMEGACAM", "WFI", "WFC", "MEGACAM", "SUPRIMECAM", "DECAM", "VIRCAM", "HSC")
FILTERS = ("u_SDSS", "g_SDSS", "r_SDSS", "i_SDSS", "z_SDSS")
CHIPS = 32
PER_TEMPLATE = 5
# The template of the tutorial's query; it stands in the middle of the survey.
TUTORIAL_START = datetime.datetime(2012, 6, 1, 8, 51, 44)
_STEP = datetime.timedelta(seconds=410)
_EXPTIMES = (30.0, 60.0, 120.0, 180.0, 360.0, 600.0)
_GEOMETRY = {
    "OVSCX": 48, "OVSCXPRE": 2, "OVSCXPST": 5, "OVSCY": 100, "OVSCYPRE": 2, "OVSCYPST": 5,
    "PRSCX": 48, "PRSCXPRE": 2, "PRSCXPST": 5, "PRSCY": 0, "PRSCYPRE": 0, "PRSCYPST": 0,
}  # fmt: skip
_IMSTAT = ("min", "max", "mean", "median", "stdev", "npix", "minx", "miny", "maxx", "maxy")
_OVERSCAN = ("mean", "median", "stdev", "npix")
_ASTROM = (
    "CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2",
)  # fmt: skip
# Attributes of a frame by type.
PLAIN = {
    str: ("kind", "OBJECT", "OBSERVER", "sha256", "globalname"),
    int: ("extension", "NAXIS1", "NAXIS2", "size", "is_valid", "quality_flags", *_GEOMETRY),
    float: ("MJD_OBS", "UTC", "LST", "EXPTIME", "AIRMSTRT", "AIRMEND"),
    datetime.datetime: ("DATE", "DATE_OBS", "night", "creation_date"),
}
_WHOLE = {"npix", "minx", "miny", "maxx", "maxy"}
_TEXT = {"CTYPE1", "CTYPE2"}
# Owned records of a frame with their fields; a frame has no prescan in y.
OWNED = {
    "imstat": _IMSTAT,
    "overscan_x_stat": _OVERSCAN,
    "overscan_y_stat": _OVERSCAN,
    "prescan_x_stat": _OVERSCAN,
    "astrom": _ASTROM,
}


def field_types():
    """Give the types of the fields of owned records, as `flat` names them.

    Returns
    -------
    dict of str to type
        int, float or str.
    """
    types = {}
    for owner, fields in OWNED.items():
        for field in fields:
            kind = int if field in _WHOLE else str if field in _TEXT else float
            types[f"{owner}_{field}"] = kind
    return types


def flat(values):
    """Give the values of a frame as one row of a table.

    Parameters
    ----------
    values : dict
        As `Survey.frames` gives them.

    Returns
    -------
    dict
        The fields of owned records as ``imstat_max``.
    """
    row = dict(values["plain"])
    for name, fields in OWNED.items():
        record = values[name]
        for field in fields:
            row[f"{name}_{field}"] = record[field]
    return row


class Survey:
    """Exposures of 32 CCDs, five to a template, by eight instruments in turn.

    Parameters
    ----------
    rows : int
        The number of frames.
    """

    def __init__(self, rows):
        self.rows = rows
        self.exposures = -(-rows // CHIPS)
        self.templates = -(-self.exposures // PER_TEMPLATE)
        count = len(INSTRUMENTS)
        self._middle = self.templates // 2 // count * count

    def template_start(self, template):
        """Give the start of a template."""
        return TUTORIAL_START + (template - self._middle) * PER_TEMPLATE * _STEP

    def date_obs(self, exposure):
        """Give the start of an exposure."""
        template, within = divmod(exposure, PER_TEMPLATE)
        fraction = datetime.timedelta(seconds=24, milliseconds=exposure * 37 % 1000)
        return self.template_start(template) + within * _STEP + fraction

    def template(self, number):
        """Give the plain values of a template and of what it has in common.

        Parameters
        ----------
        number : int
            Which template.

        Returns
        -------
        dict
            Numbers of instrument and filter, exposure time, object, start.
        """
        return {
            "instrument": number % len(INSTRUMENTS),
            "filter": number // 8 % len(FILTERS),
            "EXPTIME": _EXPTIMES[number * 7 // 3 % len(_EXPTIMES)],
            "OBJECT": f"KIDS_{number // 40 % 360}.{number % 10}_-{number // 97 % 40}.1",
            "start": self.template_start(number),
        }

    def frames(self, first, last):
        """Give the values of some frames.

        Parameters
        ----------
        first, last : int
            The run of frames, half-open.

        Returns
        -------
        list of dict
            For each frame ``plain`` (values by attribute), one dict for each owned record, and
            the number of its exposure, template and chip.
        """
        # Imported here: a cold start of the peers does without.
        import numpy as np

        rng = np.random.default_rng(first)
        count = last - first
        levels = rng.normal(1000.0, 30.0, (count, 4)).tolist()
        noise = rng.normal(6.0, 0.3, (count, 5)).tolist()
        peaks = rng.integers(20000, 65536, count).astype(float).tolist()
        places = rng.integers(0, 2048, (count, 4)).tolist()
        valid = (rng.random(count) < 0.9).astype(int).tolist()
        digests = [rng.bytes(32).hex() for _ in range(count)]
        return [
            self._frame(first + n, levels[n], noise[n], peaks[n], places[n], valid[n], digests[n])
            for n in range(count)
        ]

    def _frame(self, number, level, noise, peak, place, valid, digest):
        exposure, chip = divmod(number, CHIPS)
        template = exposure // PER_TEMPLATE
        common = self.template(template)
        start = self.date_obs(exposure)
        name = f"{INSTRUMENTS[common['instrument']]}.{start.isoformat(timespec='milliseconds')}"
        filename = f"{name}_{chip + 1}.fits"
        day = (start - datetime.datetime(1858, 11, 17)) / datetime.timedelta(days=1)
        seconds = day % 1 * 86400.0
        midnight = datetime.datetime(start.year, start.month, start.day)
        plain = {
            "kind": "science", "extension": chip + 1, "NAXIS1": 2144, "NAXIS2": 4200,
            "DATE": start + datetime.timedelta(seconds=common["EXPTIME"] + 45),
            "DATE_OBS": start, "MJD_OBS": day, "UTC": seconds, "LST": (seconds * 1.0027) % 86400,
            "EXPTIME": common["EXPTIME"], "OBJECT": common["OBJECT"], "OBSERVER": "UNKNOWN",
            "night": midnight - datetime.timedelta(days=start.hour < 12),
            "AIRMSTRT": 1.0 + exposure % 97 / 100, "AIRMEND": 1.01 + exposure % 97 / 100,
            "filename": filename, "size": 18_014_400, "sha256": digest,
            "globalname": f"{digest[:2]}/{digest[2:18]}/{filename}",
            "creation_date": start + datetime.timedelta(days=1, milliseconds=number),
            "is_valid": valid, "quality_flags": 0, **_GEOMETRY,
        }  # fmt: skip
        mean, *overscans = level
        imstat = dict(
            zip(_IMSTAT, (mean - 100, peak, mean, mean - 1, noise[0], 8_300_000, *place),
                strict=True)
        )  # fmt: skip
        made = {"plain": plain, "imstat": imstat}
        for at, region in enumerate(("overscan_x_stat", "overscan_y_stat", "prescan_x_stat")):
            values = (overscans[at], overscans[at], noise[at + 1], 172_200)
            made[region] = dict(zip(_OVERSCAN, values, strict=True))
        made["astrom"] = {
            "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN",
            "CRVAL1": template % 3600 / 10, "CRVAL2": -90 + template % 1800 / 10,
            "CRPIX1": 1000.0 + 2144 * (chip % 8), "CRPIX2": 2000.0 + 4200 * (chip // 8),
            "CD1_1": -5.9e-05, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 5.9e-05,
        }  # fmt: skip
        made.update(exposure=exposure, template=template, chip=chip)
        return made

    def window(self):
        """Give a time interval that holds about a sixteenth of the exposures.

        Returns
        -------
        low, high : datetime.datetime
            Both belong to it.
        """
        return self.date_obs(self.exposures * 6 // 16), self.date_obs(self.exposures * 7 // 16)
