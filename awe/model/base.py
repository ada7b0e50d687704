"""What all frames have in common: pixels, header, statistics, names."""

import datetime

from awe.base.errors import AweAttributeError, AweValueError, did_you_mean
from awe.base.utc import to_utc
from awe.model.looking import Looked
from awe.model.records import Imstat
from awe.model.vocabulary import Instrument
from awe.process import ProcessTarget
from awe.process.parameters import parameters_class, resolve
from awe.store import current, persistent
from awe.store.files import DataObject

__all__ = ["BaseFrame", "Explained", "LazyImage", "mjd_of", "product_name"]

_MJD_EPOCH = datetime.datetime(1858, 11, 17)


def mjd_of(when):
    """Convert a time to a modified Julian date.

    Parameters
    ----------
    when : datetime.datetime
        UTC.

    Returns
    -------
    float
        Days since 1858-11-17T00:00 UTC.
    """
    return (when - _MJD_EPOCH) / datetime.timedelta(days=1)


class LazyImage:
    """An image in a file, of which only the rows that are sliced are read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    hdu : awe.fits.Hdu
        Which image.
    """

    def __init__(self, path, hdu):
        self._path = path
        self._hdu = hdu
        self.shape = hdu.shape
        self.ndim = len(hdu.shape)
        self.dtype = hdu.dtype
        self._whole = None

    def __getitem__(self, key):
        from awe.fits import read_image, read_rows

        rows = key[0] if isinstance(key, tuple) else key
        rest = key[1:] if isinstance(key, tuple) else ()
        if self._hdu.compressed or self._hdu.packed or not isinstance(rows, slice):
            if self._whole is None:
                self._whole = read_image(self._path, self._hdu)
            return self._whole[key]
        start, stop, step = rows.indices(self.shape[0])
        if step != 1:
            return read_image(self._path, self._hdu)[key]
        stop = max(start, stop)
        if len(self.shape) == 2 and len(rest) == 1 and isinstance(rest[0], slice):
            first, last, step = rest[0].indices(self.shape[1])
            if step == 1:
                return read_rows(self._path, self._hdu, start, stop, first, max(first, last))
        return read_rows(self._path, self._hdu, start, stop)[(slice(None), *rest)]

    def stored(self, keep_open=True):
        """Give the rows as they are stored, for those who decode them on the way.

        Parameters
        ----------
        keep_open : bool, optional
            Whether the file stays open between two reads. The default is True.

        Returns
        -------
        awe.fits.StoredRows or None
            None where the image is not stored as plain 16-bit integers.
        """
        from awe.fits import StoredRows

        if not StoredRows.possible(self._hdu):
            return None
        return StoredRows(self._path, self._hdu, keep_open)

    def __array__(self, dtype=None, copy=None):
        from awe.fits import read_image

        whole = read_image(self._path, self._hdu)
        return whole if dtype is None else whole.astype(dtype)


class Explained:
    """Something that calibrations are chosen for, or were."""

    def explain(self, name):
        """Show every candidate for a calibration with the verdict of each criterion.

        Of a product also what it was made with, beside what would be chosen now.

        Parameters
        ----------
        name : str
            The calibration, such as 'bias' or 'flat'.

        Returns
        -------
        Explanation
            Printing it shows a table.
        """
        from awe.process.explanation import Explanation

        cls = self._calibrated_class()
        dependencies = {d.name: d for d in getattr(cls, "dependencies", ())}
        if name not in dependencies:
            msg = f"{cls.__name__} has no calibration {name!r}.{did_you_mean(name, dependencies)}"
            raise AweAttributeError(msg, remedy=f"It has: {', '.join(dependencies) or 'none'}.")
        made = isinstance(self, cls) and name in self._attributes
        # Of a product the parameters are known, of a raw frame those that it would be made with.
        parameters = self.process_params if made else None
        if parameters is None and parameters_class(cls) is not None:
            parameters = resolve(cls, self.names())[0]
        used = getattr(self, name) if made else None
        given = made and name in self.overridden_inputs
        return Explanation(
            self._calibrated_frame(), dependencies[name], parameters, used, given, of_product=made
        )

    def calibration_names(self):
        """Give the calibrations that `explain` takes.

        Returns
        -------
        list of str
            Such as 'bias'; empty where none are chosen for it.
        """
        return [d.name for d in getattr(self._calibrated_class(), "dependencies", ())]

    def _calibrated_class(self):
        return type(self)

    def _calibrated_frame(self):
        """Give the raw frame by which the calibrations are chosen: of a product the first."""
        frame = self
        while not hasattr(frame, "DATE_OBS"):
            frame = frame.input_objects()[0][1]
        return frame


class BaseFrame(Looked, Explained, DataObject, ProcessTarget):
    """A frame: an image in a FITS file, with its statistics."""

    abstract = True
    select_names = {"object": "OBJECT", "date": "night"}

    instrument = persistent("The instrument", Instrument)
    imstat = persistent("Statistics of the image", Imstat)
    NAXIS1 = persistent("Columns of the image", int, unit="pix")
    NAXIS2 = persistent("Rows of the image", int, unit="pix")

    @property
    def data(self):
        """The pixels, shape ``(ny, nx)``, as they are in the file (float32 for products)."""
        from awe.fits import read_image

        return read_image(self.path(), self._image_hdu())

    @property
    def header(self):
        """The header of the image as an astropy Header."""
        from awe.fits import read_headers

        return read_headers(self.path())[self._image_hdu()].header

    def _image_hdu(self):
        return 0

    def extra_image(self, name):
        """Give another image of the file, such as the error plane.

        Parameters
        ----------
        name : str
            Its EXTNAME, such as 'ERROR'.

        Returns
        -------
        array
            Shape ``(ny, nx)``.
        """
        from awe.fits import read_image

        return read_image(self.path(), name)

    def _check_complete(self):
        super()._check_complete()
        if self.sha256 is None:
            msg = f"{self!r} has no file: a frame without pixels is not stored."
            raise AweValueError(msg, remedy="Attach one: frame.attach('path/to/file.fits')")

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', 'filter' and 'chip', as far as the frame has them.
        """
        found = {}
        for name in ("instrument", "filter", "chip"):
            value = getattr(self, name) if name in self._attributes else None
            if value is not None:
                found[name] = value.name
        readout = self.readout if "readout" in self._attributes else None
        if readout is not None:
            found["overscan_methods"] = readout.overscan_methods()
        return found

    @classmethod
    def select(cls, **criteria):
        """Query by plain names.

        Parameters
        ----------
        **criteria
            instrument, chip, filter, object (with ``*`` and ``?``), date (the night that
            begins on it), template (its start), or any attribute.

        Returns
        -------
        Query
            The frames that meet all of them.
        """
        wanted = {}
        template = criteria.pop("template", None)
        for name, value in criteria.items():
            if value is None:
                continue
            name = cls.select_names.get(name, name)
            if name == "night":
                value = to_utc(value).replace(hour=0, minute=0, second=0, microsecond=0)
            wanted[name] = value
        query = super().select(**wanted)
        if template is not None:
            start = template.start if hasattr(template, "start") else to_utc(template)
            query = query & (cls.template.start == start)
        return query

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        words = []
        for name in ("instrument", "chip", "filter"):
            value = getattr(self, name) if name in self._attributes else None
            if value is not None:
                words.append(value.name)
        if "DATE_OBS" in self._attributes and self.DATE_OBS is not None:
            words.append(f"{self.DATE_OBS:%Y-%m-%dT%H:%M:%S}")
        if "EXPTIME" in self._attributes and self.EXPTIME:
            words.append(f"{self.EXPTIME:g} s")
        if "OBJECT" in self._attributes and self.OBJECT:
            words.append(self.OBJECT)
        return " ".join(words)


def product_name(kind, obj, key):
    """Make the name of a product's file.

    Parameters
    ----------
    kind : str
        'Sci' or 'Cal' and the kind of product, such as ('Cal', 'Bias').
    obj : BaseFrame
        The product.
    key : str
        Its content key.

    Returns
    -------
    str
        ``Sci-USER-INSTRUMENT-------FILTER-CHIP-Red---Sci-MJD-HASH.fits``, as in Astro-WISE.
    """
    group, what = kind
    names = obj.names()
    user = current.context().user_name.upper().replace("/", "_").replace(" ", "_")
    parts = [n for n in (names.get("filter"), names.get("chip")) if n]
    middle = "-".join(p.replace("/", "_").replace(" ", "_") for p in parts)
    mjd = f"{mjd_of(obj.creation_date):.7f}"
    head = f"{group}-{user}-{names['instrument']}"
    return f"{head}-------{middle}-{what}---{group}-{mjd}-{key[:40]}.fits"
