"""Frames in other programs, such as ds9, by SAMP."""

import warnings

from awe.base.errors import AweLookupError, did_you_mean

__all__ = ["show_frame"]

_MTYPE = "image.load.fits"


def show_frame(frame, client=None):
    """Send a frame to the programs that take images.

    Parameters
    ----------
    frame : BaseFrame
        The frame; the programs read its file.
    client : str, optional
        Name of one program. By default all.

    Returns
    -------
    list of str
        Names of the programs that it was sent to.

    Raises
    ------
    AweLookupError
        None runs, or none of this name.
    """
    from astropy.utils.exceptions import AstropyDeprecationWarning

    path = frame.path()
    with warnings.catch_warnings():
        # astropy 8 announces that its SAMP moves to pyvo.
        warnings.simplefilter("ignore", AstropyDeprecationWarning)
        from astropy.samp import SAMPHubError, SAMPIntegratedClient, SAMPWarning

    remedy = "Start ds9, Aladin or another program that speaks SAMP, then type it again."
    samp = SAMPIntegratedClient(name="awe", description="awe, an environment for astronomers")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAMPWarning)
            samp.connect()
    except (SAMPHubError, OSError) as err:
        msg = f"{frame!r} was not shown: no SAMP hub runs."
        raise AweLookupError(msg, remedy=remedy) from err
    try:
        names = _clients(samp)
        if not names:
            msg = f"{frame!r} was not shown: no program that takes images is connected by SAMP."
            raise AweLookupError(msg, remedy=remedy)
        if client is not None:
            wanted = {key: n for key, n in names.items() if n.lower() == client.lower()}
            if not wanted:
                msg = f"No program {client!r} is connected.{did_you_mean(client, names.values())}"
                raise AweLookupError(msg, remedy=f"Connected: {', '.join(names.values())}.")
            names = wanted
        for key in names:
            samp.enotify(key, _MTYPE, url=path.as_uri(), name=repr(frame),
                         **{"image-id": frame.object_id})  # fmt: skip
    finally:
        samp.disconnect()
    shown = list(names.values())
    print(f"Sent to {', '.join(shown)}.")
    return shown


def _clients(samp):
    found = samp.get_subscribed_clients(_MTYPE)
    return {key: samp.get_metadata(key).get("samp.name", key) for key in found}
