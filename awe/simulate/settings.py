"""What a simulated night is made of."""

import datetime
from dataclasses import asdict, dataclass, fields, replace

from awe.base.errors import AweValueError, did_you_mean
from awe.base.utc import to_utc
from awe.simulate.layout import PIXEL_SCALE, mosaic

__all__ = ["Settings"]

_WHOLE = (
    "biases",
    "domes",
    "twilights",
    "exposures",
    "standards",
    "darks",
    "hot",
    "cold",
    "warm",
    "seed",
)
_FLOATS = (
    "exptime",
    "dark_exptime",
    "sky",
    "stars",
    "cosmic_rays",
    "dark_current",
    "ra",
    "dec",
    "seeing",
)
_NOT_NEGATIVE = _FLOATS[:6]
# What is at most how large: more is no small effect, and makes negative light.
_SHARES = {"nonlinearity": 0.3, "fringes": 0.5, "illumination": 0.3}
_PIXEL_CM = 0.0015


@dataclass(frozen=True)
class Settings:
    """What a night is made of.

    Parameters
    ----------
    instrument : str, optional
        Only ``'OMEGACAM'``, the default.
    ccds : int, optional
        The first so many CCDs of the mosaic. The default is all 32.
    shape : tuple of int, optional
        Light-sensitive pixels of a CCD, `(ny, nx)`. The default is (128, 96);
        the real CCDs have (4100, 2048).
    biases, domes, twilights, exposures, standards : int, optional
        Number of exposures of bias, dome flat, twilight flat, science field and
        standard field. The defaults are 5, 3, 3, 5 and 0.
    start : datetime.datetime or str, optional
        Start of the science template, UTC. The default is 2012-06-01T08:51:44.
    exptime : float, optional
        Exposure time of the science frames in seconds. The default is 360.
    filter : str, optional
        Filter, with or without ``OCAM_``. The default is ``'OCAM_r_SDSS'``.
    object : str, optional
        Name of the target. The default is ``'KIDS_341.2_-32.1'``.
    ra, dec : float, optional
        Its position in degrees. The defaults are 341.2 and -32.1.
    project : str, optional
        Project that the night is meant for. The default is ``'TUTORIAL2015'``.
    seed : int, optional
        Seed of all random numbers. The default is 1.
    seeing : float, optional
        Full width at half maximum of a star in arcseconds; a pixel has 0.213.
        The default is 0.8.
    sky : float, optional
        Sky in electrons per second and pixel, on an ideal CCD on axis; up to a
        tenth less or more on a real one (`Truth.sky`). The default is 4.
    stars : float, optional
        Mean number of stars per CCD. The default is one in 1000 pixels.
    cosmic_rays : float, optional
        Mean number of hits on a CCD in a science, standard or dark exposure.
        The default is 1.5 per square centimetre and minute of a science
        exposure, and 8 at least.
    trail : bool or str, optional
        Whether a satellite crosses the middle science exposure, the default;
        ``'all'`` for one in each, at any angle.
    hot, cold : int, optional
        Number of single hot and cold pixels per CCD. The default is one in
        20,000 pixels, and 8 at least.
    darks : int, optional
        Number of dark exposures. The default is 0.
    dark_exptime : float, optional
        Exposure time of the darks in seconds. The default is 300.
    dark_current : float, optional
        Electrons per second of every pixel. The default is 0.
    warm : int, optional
        Number of single pixels per CCD of large dark current whose bias is
        right. The default is that of hot ones where there are darks or a dark
        current, and else 0.
    gain_pairs : sequence of float, optional
        Exposure times in seconds of pairs of dome flats for the gain. The lamp
        gives 3100 electrons per second: the CCDs are full after 46 to 55 s.
        The default is none.
    nonlinearity : float, optional
        Share of the signal that is missing at full well; it grows as the signal
        does. The default is 0.
    fringes : float, optional
        Amplitude of the fringes as a share of the sky. The default is 0.
    illumination : float, optional
        Amplitude, over the mosaic, of the share of scattered light in flats and
        sky, which stars do not have. The default is 0.
    trail_peak : float, optional
        Electrons in the middle of a trail, in units of the noise of the sky. The
        default is 500 electrons.
    twilight_stars : float, optional
        Mean number of stars per CCD in twilight flats, which are dithered, of 11
        to 16 mag so that they show. The default is a field as faint and as rich
        as that of the science exposures.
    """

    instrument: str = "OMEGACAM"
    ccds: int = 32
    shape: tuple = (128, 96)
    biases: int = 5
    domes: int = 3
    twilights: int = 3
    exposures: int = 5
    standards: int = 0
    start: datetime.datetime = datetime.datetime(2012, 6, 1, 8, 51, 44)
    exptime: float = 360.0
    filter: str = "OCAM_r_SDSS"
    object: str = "KIDS_341.2_-32.1"
    ra: float = 341.2
    dec: float = -32.1
    project: str = "TUTORIAL2015"
    seed: int = 1
    seeing: float = 0.8
    sky: float = 4.0
    stars: float | None = None
    cosmic_rays: float | None = None
    trail: bool | str = True
    hot: int | None = None
    cold: int | None = None
    darks: int = 0
    dark_exptime: float = 300.0
    dark_current: float = 0.0
    warm: int | None = None
    gain_pairs: tuple = ()
    nonlinearity: float = 0.0
    fringes: float = 0.0
    illumination: float = 0.0
    trail_peak: float | None = None
    twilight_stars: float | None = None

    @classmethod
    def complete(cls, **values):
        """Fill in what depends on the size of the CCDs, and check.

        Parameters
        ----------
        **values
            Any of the attributes; None for one that befits the others.

        Returns
        -------
        Settings
            The settings.

        Raises
        ------
        AweValueError
            An unknown name, or what `check` refuses.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise AweValueError(f"A night has no {name!r}.{did_you_mean(name, known)}")
        given = cls(**values)
        mosaic(given.ccds, given.shape)
        pixels = given.shape[0] * given.shape[1]
        # The sky over Paranal: 1.5 hits per square centimetre and minute.
        hits = max(8.0, 1.5 * given.exptime / 60 * pixels * _PIXEL_CM**2)
        defects = max(8, pixels // 20_000)
        befitting = {
            "stars": pixels / 1000,
            "cosmic_rays": hits,
            "hot": defects,
            "cold": defects,
            "warm": defects if given.darks or given.dark_current else 0,
        }
        chosen = {k: v for k, v in befitting.items() if getattr(given, k) is None}
        settings = replace(given, **chosen)
        settings = replace(
            settings,
            shape=tuple(int(n) for n in given.shape),
            start=to_utc(given.start),
            gain_pairs=tuple(float(t) for t in given.gain_pairs),
            **{name: float(getattr(settings, name)) for name in _FLOATS},
        )
        settings.check()
        return settings

    def as_json(self):
        """Give the settings as values that JSON knows.

        Returns
        -------
        dict
            Names and values.
        """
        lists = {"shape": list(self.shape), "gain_pairs": list(self.gain_pairs)}
        return asdict(self) | lists | {"start": self.start.isoformat()}

    @classmethod
    def from_json(cls, values):
        """Make settings from what `as_json` gave.

        Parameters
        ----------
        values : dict
            Names and values.

        Returns
        -------
        Settings
            The same settings.
        """
        start = datetime.datetime.fromisoformat(values["start"])
        return cls.complete(**values | {"start": start})

    def check(self):
        """Refuse what cannot be simulated.

        Raises
        ------
        AweValueError
            An unknown instrument, a number out of its range, or a text that no
            header can hold.
        """
        if self.instrument != "OMEGACAM":
            hint = did_you_mean(self.instrument, ["OMEGACAM"])
            msg = f"Only the instrument 'OMEGACAM' can be simulated, not {self.instrument!r}.{hint}"
            raise AweValueError(msg)
        for name in _WHOLE:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise AweValueError(f"{name} is a whole number, 0 or more, not {value!r}.")
        for name in ("object", "filter", "project"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value.isascii() and value.isprintable()):
                raise AweValueError(f"{name} is a text of ASCII letters, not {value!r}.")
        if max(self.hot, self.cold, self.warm) > self.shape[0] * self.shape[1]:
            msg = f"A CCD of {self.shape} pixels cannot have so many hot, cold or warm."
            raise AweValueError(msg)
        self._check_light()

    def _check_light(self):
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise AweValueError(f"{name} is 0 or more, not {getattr(self, name)!r}.")
        for name, most in _SHARES.items():
            if not 0 <= getattr(self, name) <= most:
                msg = f"{name} is a share from 0 to {most}, not {getattr(self, name)!r}."
                raise AweValueError(msg)
        if not all(time > 0 for time in self.gain_pairs):
            msg = f"gain_pairs are exposure times in seconds above 0, not {self.gain_pairs}."
            raise AweValueError(msg)
        if self.trail not in (True, False, "all"):
            raise AweValueError(f"trail is True, False or 'all', not {self.trail!r}.")
        for name in ("trail_peak", "twilight_stars"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise AweValueError(f"{name} is 0 or more, not {value!r}.")
        if not self.seeing * 2 > PIXEL_SCALE:
            msg = f"seeing is in arcseconds, above {PIXEL_SCALE / 2}, not {self.seeing!r}."
            raise AweValueError(msg)
