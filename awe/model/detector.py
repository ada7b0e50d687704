"""What is known of the detector of a reduced frame: gains, noise, bad pixels."""

from awe.model.pixelmaps import joined

__all__ = ["amplifiers_of", "masks_of", "noise_maps", "pixels_of"]


def amplifiers_of(frame):
    """Give the amplifiers of a reduced frame with the gains and noises that were measured.

    Parameters
    ----------
    frame : ReducedScienceFrame
        Its `gain_linearity`, else the header, tells the gains; that, else its bias, else the
        header, the read noise.

    Returns
    -------
    list of awe.pixels.Amplifier
        A gain that nobody knows is None.
    """
    amplifiers = frame.raw.pixel_amplifiers()
    measured = frame.gain_linearity
    if measured is not None:
        values = zip(
            amplifiers, measured.amplifier_gains, measured.amplifier_read_noises, strict=True
        )
        return [a._replace(gain=g, read_noise=r * g) for a, g, r in values]
    noise = None if frame.bias.read_noise is None else frame.bias.read_noise.read_noise
    if noise is None:
        return amplifiers
    # It is in ADU: electrons without a gain are those of a gain of 1.
    return [a._replace(read_noise=noise * (a.gain or 1.0)) for a in amplifiers]


def noise_maps(frame):
    """Give gain and read noise of a reduced frame as numbers, or as images where they differ.

    Parameters
    ----------
    frame : ReducedScienceFrame
        The frame.

    Returns
    -------
    gain : float or array
        In electrons per ADU; 1 where it is not known.
    read_noise : float or array
        In electrons; where it is not known, that of the overscan, or else 1.
    """
    from awe.pixels import amplifier_map

    amplifiers = amplifiers_of(frame)
    gains = [a.gain or 1.0 for a in amplifiers]
    overscan = [n * g if n > 0 else 1.0 for n, g in zip(frame.overscan_noise, gains, strict=True)]
    noises = [
        n if a.read_noise is None else a.read_noise
        for a, n in zip(amplifiers, overscan, strict=True)
    ]
    return tuple(
        values[0] if len(set(values)) == 1 else amplifier_map(amplifiers, values)
        for values in (gains, noises)
    )


def masks_of(obj, *names):
    """Combine maps of bad pixels.

    Parameters
    ----------
    obj : Product
        What links to them.
    *names : str
        The links, such as 'hot'; a map that there is not is left out.

    Returns
    -------
    array of bool or None
        True where a pixel is bad in any of them; None where there is no map.
    """
    maps = [m for m in (getattr(obj, name) for name in names) if m is not None]
    return joined(maps) if maps else None


def pixels_of(frame):
    """Give the image of a calibration.

    Parameters
    ----------
    frame : FrameProduct or None
        The calibration.

    Returns
    -------
    array or None
        None where there is no calibration.
    """
    return None if frame is None else frame.data
