"""How frames and exposures are looked at: windows, figures, other programs, astropy's CCDData."""

import os

import numpy as np

from awe.base import hooks
from awe.base.errors import AweTypeError
from awe.base.keys import with_keys

__all__ = ["Inspected", "Looked", "ccd_of", "inspect", "world_coordinates"]


@with_keys
def inspect(things, *, save=None, block=None, mask=False, blink=False):
    """Look at a frame, at several frames side by side or in turn, or at all CCDs of an exposure.

    Parameters
    ----------
    things : DBObject, Query or iterable of DBObject
        What to look at; of several the first 24.
    save : str or os.PathLike, optional
        File for the picture. By default a window is opened where there is a screen.
    block : bool, optional
        Whether to wait until the window is closed. By default the prompt goes on and a script
        waits.
    mask : bool, optional
        Whether bad pixels are marked by colour from the beginning. The default is False.
    blink : bool, optional
        Whether several frames are shown in turn, with the key ``b``, not side by side. The
        default is False.

    Returns
    -------
    pathlib.Path or None
        The picture that ``save`` names.

    Raises
    ------
    AweTypeError
        Something has no pixels, as the name of a file.
    """
    if isinstance(things, (str, os.PathLike)):
        msg = f"inspect takes frames of the store, not the file {str(things)!r}."
        raise AweTypeError(msg, remedy=f"Type: ingest({str(things)!r}, commit=True)")
    picture = hooks.call("inspect", things, save=save, block=block, mask=mask, blink=blink)
    return None if save is None else picture


class Inspected:
    """Something that is looked at in a window."""

    @with_keys
    def inspect(self, *, save=None, block=None, mask=False):
        """Look at the pixels in zscale: in a window, in a notebook, or as a PNG.

        The window is Qt's if there is one, else Tk's, else a page in the browser. Without a
        screen the picture is written to the working directory, and its path printed.

        Parameters
        ----------
        save : str or os.PathLike, optional
            File for the picture. By default a window is opened where there is a screen.
        block : bool, optional
            Whether to wait until the window is closed. By default the prompt goes on and a
            script waits.
        mask : bool, optional
            Whether bad pixels are marked by colour from the beginning. The default is False;
            the key ``k`` marks them.

        Returns
        -------
        pathlib.Path or None
            The picture that ``save`` names.
        """
        picture = hooks.call("inspect", self, save=save, block=block, mask=mask)
        return None if save is None else picture

    def figure(self, *, mask=False):
        """Give the picture that `inspect` shows to a script.

        Parameters
        ----------
        mask : bool, optional
            Whether bad pixels are marked by colour. The default is False.

        Returns
        -------
        matplotlib.figure.Figure
            It belongs to no window; ``figure.savefig('x.png')`` writes it.
        """
        return hooks.call("figure", self, mask=mask)


class Looked(Inspected):
    """A frame that other programs can look at as well."""

    @property
    def ccd(self):
        """The frame as astropy's CCDData, with unit, mask, uncertainty and WCS where known."""
        return ccd_of(self)

    def show(self, client=None):
        """Show the frame in ds9 or in any other program that speaks SAMP.

        Parameters
        ----------
        client : str, optional
            Name of the program, such as 'ds9'. By default all that take images.

        Returns
        -------
        list of str
            The names of the programs that it was sent to.
        """
        return hooks.call("show", self, client=client)


def world_coordinates(frame):
    """Give the world coordinates of a frame's pixels.

    Parameters
    ----------
    frame : BaseFrame
        Any frame.

    Returns
    -------
    astropy.wcs.WCS or None
        For pixels counted from 0 as in ``frame.data``; None where they are not known.
    """
    astrom = getattr(frame, "astrom", None)
    if astrom is None or astrom.CRVAL1 is None or astrom.CRPIX1 is None:
        return None
    cards = {name: value for name, value in astrom._values.items() if value is not None}
    if "CD1_1" not in cards or "CTYPE1" not in cards:
        return None
    shift = _shift(frame)
    if shift is None:
        return None
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [cards["CTYPE1"], cards["CTYPE2"]]
    wcs.wcs.crval = [cards["CRVAL1"], cards["CRVAL2"]]
    wcs.wcs.crpix = [cards["CRPIX1"] - shift[0], cards["CRPIX2"] - shift[1]]
    wcs.wcs.cd = [[cards.get(f"CD{i}_{j}", 0.0) for j in (1, 2)] for i in (1, 2)]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.set()
    return wcs


def _shift(frame):
    """Give by how much the first HDU of a frame begins before its ``data``, or None."""
    amplifiers = () if not hasattr(frame, "arrays") else frame.amplifiers
    if len({a.hdu for a in amplifiers}) < 2:
        return 0, 0
    # Of several HDUs the data are the assembled CCD, and the header's WCS is that of the first.
    first = amplifiers[0]
    if first.flip_x or first.flip_y:
        return None
    return first.data[2] - first.x, first.data[0] - first.y


def ccd_of(frame):
    """Give a frame as astropy's CCDData.

    Parameters
    ----------
    frame : BaseFrame
        Any frame.

    Returns
    -------
    astropy.nddata.CCDData
        The mask is True where a pixel is bad; the uncertainty of a reduced frame is the inverse
        of its weights, that of a calibration its error plane.
    """
    from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty

    data = np.asarray(frame.data)
    unit = (getattr(frame, "unit", None) or "adu").replace("adu-2", "adu**-2")
    bad, uncertainty = ~np.isfinite(data), None
    weight = getattr(frame, "weight", None)
    if weight is not None:
        weights = np.asarray(weight.data)
        bad |= weights == 0
        uncertainty = InverseVariance(weights)
    elif _has_plane(frame, "ERROR"):
        uncertainty = StdDevUncertainty(np.asarray(frame.extra_image("ERROR")))
    level = getattr(frame, "saturation", None)
    if isinstance(level, (int, float)):
        bad |= data >= level
    if hasattr(frame, "bad"):
        bad |= frame.bad
    return CCDData(
        data, unit="" if unit == "1" else unit, mask=bad, uncertainty=uncertainty,
        wcs=world_coordinates(frame), meta={} if frame.sha256 is None else frame.header,
    )  # fmt: skip


def _has_plane(frame, name):
    kept = getattr(frame, "_pixels", None)
    if kept is not None or frame.sha256 is None:
        return kept is not None and name in kept[1]
    from awe.fits.headers import iterate_hdus

    return any(hdu.name == name for hdu, _ in iterate_hdus(frame.path()))
