"""What a header says of one CCD, as plain values."""

import dataclasses
import datetime

__all__ = ["CcdFrame", "assembled_shape"]


def assembled_shape(amplifiers):
    """Compute the shape of a CCD assembled from its amplifiers.

    Parameters
    ----------
    amplifiers : iterable of dict
        As in `CcdFrame.amplifiers`.

    Returns
    -------
    tuple of int
        ``(ny, nx)`` of the trimmed CCD.
    """
    tops, rights = [], []
    for amplifier in amplifiers:
        y0, y1, x0, x1 = amplifier["data"]
        tops.append(amplifier["y"] + y1 - y0)
        rights.append(amplifier["x"] + x1 - x0)
    return max(tops), max(rights)


@dataclasses.dataclass(frozen=True)
class CcdFrame:
    """One CCD of a raw file, as its headers describe it.

    Parameters
    ----------
    instrument, telescope, chip : str
        Names; `telescope` may be ``''``.
    kind : str
        ``'bias'``, ``'dark'``, ``'dome'``, ``'twilight'``, ``'science'``, or
        another kind as the header says.
    extensions : tuple of int
        Indices of the HDUs that belong to this CCD.
    raw_shape : tuple of int
        Shape of the first of these HDUs as it is read.
    DATE_OBS : datetime.datetime
        Start of the exposure, naive, UTC.
    MJD_OBS : float
        The same as modified Julian date.
    UTC, LST : float or None
        Time of day and local sidereal time at the start, in seconds.
    EXPTIME : float or None
        Exposure time in seconds.
    DATE : datetime.datetime or None
        When the file was written.
    OBJECT, OBSERVER : str
        As in the header, ``''`` where it says nothing.
    RA, DEC : float or None
        Pointing in degrees.
    filter, lamp : str or None
        Names; None without, and for bias and dark.
    template : dict or None
        id, name, start, type, exposures, index.
    observing_block : dict or None
        id, name, start, program_id, pi, group.
    AIRMSTRT, AIRMEND : float or None
        Airmass at start and end.
    binning : tuple of int
        Binning in x and y.
    read_mode : str
        Distinguishes read-out modes: mode, speed, binning, window.
    amplifiers : tuple of dict
        Per amplifier: name, hdu, data, prescan_x, overscan_x, prescan_y,
        overscan_y (sections ``(y0, y1, x0, x1)`` of the raw HDU, from 0,
        half-open, or None), flip_x, flip_y, x, y, gain [e-/ADU], read_noise
        [e-], saturation [ADU].
    PRSCX, PRSCY, OVSCX, OVSCY : int
        Pixels of prescan and overscan, those to be skipped included.
    PRSCXPRE, PRSCYPRE, OVSCXPRE, OVSCYPRE : int
        How many of them are skipped at the edge of the chip.
    PRSCXPST, PRSCYPST, OVSCXPST, OVSCYPST : int
        How many of them are skipped at the data.
    astrom : dict or None
        Linear world coordinates of the first raw HDU.
    warnings : tuple of str
        What was doubtful in the headers.
    """

    instrument: str
    telescope: str
    chip: str
    kind: str
    extensions: tuple
    raw_shape: tuple
    DATE_OBS: datetime.datetime
    MJD_OBS: float
    UTC: float | None = None
    LST: float | None = None
    EXPTIME: float | None = None
    DATE: datetime.datetime | None = None
    OBJECT: str = ""
    OBSERVER: str = ""
    RA: float | None = None
    DEC: float | None = None
    filter: str | None = None
    lamp: str | None = None
    template: dict | None = None
    observing_block: dict | None = None
    AIRMSTRT: float | None = None
    AIRMEND: float | None = None
    binning: tuple = (1, 1)
    read_mode: str = ""
    amplifiers: tuple = ()
    PRSCX: int = 0
    PRSCY: int = 0
    OVSCX: int = 0
    OVSCY: int = 0
    PRSCXPRE: int = 0
    PRSCYPRE: int = 0
    OVSCXPRE: int = 0
    OVSCYPRE: int = 0
    PRSCXPST: int = 0
    PRSCYPST: int = 0
    OVSCXPST: int = 0
    OVSCYPST: int = 0
    astrom: dict | None = None
    warnings: tuple = ()

    @property
    def NAXIS1(self):
        """Columns of the raw HDU."""
        return self.raw_shape[-1]

    @property
    def NAXIS2(self):
        """Rows of the raw HDU."""
        return self.raw_shape[-2] if len(self.raw_shape) > 1 else 1

    @property
    def shape(self):
        """Shape ``(ny, nx)`` of the CCD once trimmed and assembled."""
        return assembled_shape(self.amplifiers)
