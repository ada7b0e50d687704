"""Products with an image; read noise and bias."""

import numpy as np

from awe.base.errors import AweValueError
from awe.model.base import BaseFrame, product_name
from awe.model.quality import (
    BIAS_DIFFERENCE,
    BIAS_FLATNESS,
    BIAS_LEVEL,
    BIAS_NOISE,
    READ_NOISE_DIFFERENCE,
    READ_NOISE_HIGH,
    subwindow_medians,
)
from awe.model.raw import RawBiasFrame
from awe.model.records import imstat_of
from awe.model.stacks import RawStack, check_alike, level_method, pair_noise
from awe.model.validity import Calibration, valid_nights
from awe.process import ProcessParameters, Product, parameter
from awe.process.wanted import Wanted
from awe.store import persistent

__all__ = [
    "BaseCalFrame",
    "BiasFrame",
    "BiasFrameParameters",
    "FrameProduct",
    "ReadNoise",
    "ReadNoiseParameters",
]


class FrameProduct(Wanted, BaseFrame, Product):
    """A product with an image, and perhaps an error plane, in a FITS file.

    Attributes
    ----------
    file_kind : tuple of str
        'Cal' or 'Sci', and the word for it in the name of its file.
    unit : str
        Unit of its pixels.
    compress : str or None
        Method of tile compression of its image.
    """

    abstract = True
    file_kind = ("Cal", "Frame")
    unit = "adu"
    compress = None

    def keep(self, data, *, bad=None, **planes):
        """Keep the pixels until they are written, and compute their statistics.

        Parameters
        ----------
        data : array
            The image, shape ``(ny, nx)``.
        bad : array of bool, optional
            Pixels that the statistics leave out. By default none.
        **planes
            Further images by name, such as ``ERROR``.
        """
        from awe.pixels import imstat

        object.__setattr__(self, "_pixels", (data, planes))
        self.NAXIS2, self.NAXIS1 = data.shape
        self.imstat = imstat_of(imstat(data, bad))

    @property
    def data(self):
        """The pixels, shape ``(ny, nx)``, float32."""
        pixels = getattr(self, "_pixels", None)
        return super().data if pixels is None else pixels[0]

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
        pixels = getattr(self, "_pixels", None)
        return super().extra_image(name) if pixels is None else pixels[1][name]

    def content_arrays(self):
        """Give the image and its planes.

        Returns
        -------
        dict of str to array
            'image' and the planes by name, such as 'ERROR', shape ``(ny, nx)``.
        """
        pixels = getattr(self, "_pixels", None)
        if pixels is not None:
            found = {"image": pixels[0], **pixels[1]}
            return {n: a.view(np.uint8) if a.dtype == bool else a for n, a in found.items()}
        from awe.fits import EXTENSION
        from awe.fits.headers import iterate_hdus

        planes = [hdu.name for hdu, _ in iterate_hdus(self.path())][self._image_hdu() + 1 :]
        named = {name: self.extra_image(name) for name in planes if name != EXTENSION}
        return {"image": self.data, **named}

    def write(self, folder):
        """Write the file and attach it.

        Parameters
        ----------
        folder : pathlib.Path
            Where to.

        Returns
        -------
        pathlib.Path
            The file.
        """
        from awe.fits import EXTENSION, Image, TextTable, write_hdus
        from awe.process.record import COLUMNS, record_rows

        data, planes = self._pixels
        path = folder / product_name(self.file_kind, self, self.content_key)
        images = [Image(data, self.cards(), compress=self.compress)]
        if self.compress:
            # A compressed image cannot be the first of a file.
            images.insert(0, Image(None))
        images += [Image(plane, (("BUNIT", self.unit),), name=n) for n, plane in planes.items()]
        write_hdus(path, images, [TextTable(COLUMNS, record_rows(self), EXTENSION)])
        self.attach(path)
        # From here on the pixels are read from the file, so that memory does not fill up.
        object.__setattr__(self, "_pixels", None)
        return path

    def _image_hdu(self):
        return 1 if self.compress else 0

    def cards(self):
        """Give the cards of the header: what the product is and what it came from.

        Returns
        -------
        list of (str, object, str)
            Keyword, value, comment.
        """
        from awe.process.record import record_cards

        names = self.names()
        return [
            ("BUNIT", self.unit, "unit of the pixels"),
            ("INSTRUME", names.get("instrument", ""), "instrument"),
            ("CHIP", names.get("chip", ""), "CCD"),
            ("FILTER", names.get("filter", ""), "filter"),
            *record_cards(self),
            ("DATE", f"{self.creation_date:%Y-%m-%dT%H:%M:%S}", "made at (UTC)"),
        ]


class BaseCalFrame(Calibration, FrameProduct):
    """A calibration that is a frame."""

    abstract = True

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', 'filter' and 'chip', as far as it has them.
        """
        return BaseFrame.names(self)


class ReadNoiseParameters(ProcessParameters):
    """How the read noise is measured, and its limits."""

    REJECTION_THRESHOLD = parameter("Clip", float, 5.0, unit="sigma", low=1.0)
    MAXIMUM_ITERATIONS = parameter("Clips at most", int, 5, low=1, high=100)
    MAXIMUM_READNOISE = parameter("Limit", float, 100.0, unit="adu", low=0, critical=False)
    MAXIMUM_READNOISE_DIFFERENCE = parameter("Limit of its change", float, 0.5, unit="adu", low=0,
                                             critical=False)  # fmt: skip
    MAXIMUM_BIAS_DIFFERENCE = parameter("Limit of the median difference of two biases", float, 1.0,
                                        unit="adu", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(90)


class ReadNoise(Calibration):
    """The read noise of a CCD, from pairs of raw biases."""

    abstract = False
    pixel_version = "1.1"
    inputs = ("raw_bias_frames",)
    raw_bias_frames = persistent("The biases", [RawBiasFrame])
    process_params = persistent("Parameters", ReadNoiseParameters)
    read_noise = persistent("RMS of the difference of two biases / sqrt(2)", float, unit="adu")
    prev = persistent("The read noise that it was compared with", "ReadNoise")
    read_noise_diff = persistent("Absolute change of the read noise since `prev`", float,
                                 unit="adu")  # fmt: skip
    mean_diff = persistent("Absolute mean of the difference of the last two biases", float,
                           unit="adu")  # fmt: skip
    median_diff = persistent("Absolute median of that difference", float, unit="adu")

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', 'filter' and 'chip', as far as it has them.
        """
        return {"instrument": self.instrument.name, "chip": self.chip.name}

    def make(self):
        """Measure the read noise."""
        frames = self.raw_bias_frames
        check_alike(frames)
        if len(frames) < 2:
            msg = f"The read noise needs at least 2 biases; {self.chip.name} has {len(frames)}."
            raise AweValueError(msg, cause="fewer than 2 biases for the read noise")
        parameters = self.process_params
        # One level for each amplifier: a level for each row would add its own noise.
        stack = RawStack(frames, level_method(self.readout))
        self.read_noise, mean, median = pair_noise(
            stack, parameters.REJECTION_THRESHOLD, parameters.MAXIMUM_ITERATIONS
        )
        self.mean_diff, self.median_diff = abs(mean), abs(median)
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Compute the flag of the level.

        Returns
        -------
        int
            READ_NOISE_HIGH or 0.
        """
        too_high = self.read_noise > self.process_params.MAXIMUM_READNOISE
        return READ_NOISE_HIGH if too_high else 0

    def compare(self):
        """Compute the flag of the changes: of the noise, and of the level between biases.

        Returns
        -------
        int
            READ_NOISE_DIFFERENCE or 0.
        """
        limits = self.process_params
        self.prev = self.previous()
        changed = self.median_diff > limits.MAXIMUM_BIAS_DIFFERENCE
        if self.prev is not None:
            self.read_noise_diff = abs(self.read_noise - self.prev.read_noise)
            changed |= self.read_noise_diff > limits.MAXIMUM_READNOISE_DIFFERENCE
        return READ_NOISE_DIFFERENCE if changed else 0

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.instrument.name} {self.chip.name} {self.read_noise:.3g} ADU"


class BiasFrameParameters(ProcessParameters):
    """How a bias is made, and its limits."""

    OVERSCAN_CORRECTION = parameter("Overscan method", int, 6, low=0, high=10)
    SIGMA_CLIP = parameter("Clip, in sigma of the read noise", float, 3.0, unit="sigma", low=1.0)
    MINIMUM_FRAMES = parameter("Least number of raw biases", int, 3, low=1, critical=False)
    MAXIMUM_ABS_MEAN = parameter("Limit of the mean after overscan correction", float, 10.0,
                                 unit="adu", low=0, critical=False)  # fmt: skip
    MAXIMUM_STDEV = parameter("Limit of the standard deviation", float, 10.0, unit="adu", low=0,
                              critical=False)  # fmt: skip
    MAXIMUM_STDEV_DIFFERENCE = parameter("Limit of the stdev of the difference from the previous "
                                         "bias", float, 10.0, unit="adu", low=0,
                                         critical=False)  # fmt: skip
    MAXIMUM_SUBWIN_FLATNESS = parameter("Limit of max - min of the medians of 32 sub-windows",
                                        float, 100000.0, unit="adu", low=0,
                                        critical=False)  # fmt: skip
    MAXIMUM_SUBWIN_STDEV = parameter("Limit of the stdev of these medians", float, 100000.0,
                                     unit="adu", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(7)


class BiasFrame(BaseCalFrame):
    """A master bias: the clipped mean of overscan-corrected raw biases."""

    abstract = False
    file_kind = ("Cal", "Bias")
    inputs = ("raw_bias_frames", "read_noise")
    raw_bias_frames = persistent("The biases", [RawBiasFrame])
    read_noise = persistent("Read noise by which the clip is set", ReadNoise)
    prev = persistent("The bias that it was compared with", "BiasFrame")
    process_params = persistent("Parameters", BiasFrameParameters)
    stdev_diff = persistent("Standard deviation of the difference from `prev`", float,
                            unit="adu")  # fmt: skip
    subwin_flatness = persistent("Max - min of the medians of 32 sub-windows", float, unit="adu")
    subwin_stdev = persistent("Standard deviation of these medians", float, unit="adu")
    outliers = persistent("Number of values of all raw biases that were left out", int)

    def make(self):
        """Combine the raw biases."""
        from awe.pixels import combine

        frames = self.raw_bias_frames
        check_alike(frames)
        parameters = self.process_params
        if len(frames) < parameters.MINIMUM_FRAMES:
            msg = (
                f"A bias needs at least MINIMUM_FRAMES = {parameters.MINIMUM_FRAMES} raw biases; "
                f"{self.chip.name} has {len(frames)}."
            )
            raise AweValueError(msg, cause="fewer raw biases than MINIMUM_FRAMES")
        stack = RawStack(frames, parameters.OVERSCAN_CORRECTION)
        noise = None if self.read_noise is None else self.read_noise.read_noise
        # A bias has no light: the noise model is the read noise alone.
        gain = None if noise is None else np.inf
        made = combine(stack, sigma_clip=parameters.SIGMA_CLIP, read_noise=noise, gain=gain)
        self.outliers = made.count.size * len(frames) - int(made.count.sum(dtype=np.int64))
        self.keep(made.data, ERROR=made.error)
        medians = subwindow_medians(made.data)
        self.subwin_flatness = float(np.nanmax(medians) - np.nanmin(medians))
        self.subwin_stdev = float(np.nanstd(medians))
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Compute the flags of level, noise and flatness.

        Returns
        -------
        int
            BIAS_LEVEL, BIAS_NOISE, BIAS_FLATNESS or their sum.
        """
        limits, flags = self.process_params, 0
        if limits.OVERSCAN_CORRECTION and abs(self.imstat.mean) > limits.MAXIMUM_ABS_MEAN:
            flags |= BIAS_LEVEL
        if self.imstat.stdev > limits.MAXIMUM_STDEV:
            flags |= BIAS_NOISE
        if (
            self.subwin_flatness > limits.MAXIMUM_SUBWIN_FLATNESS
            or self.subwin_stdev > limits.MAXIMUM_SUBWIN_STDEV
        ):
            flags |= BIAS_FLATNESS
        return flags

    def compare(self):
        """Compute the flag of the difference from the previous bias.

        Returns
        -------
        int
            BIAS_DIFFERENCE or 0.
        """
        from awe.pixels import imstat

        self.prev = self.previous()
        if self.prev is None:
            return 0
        self.stdev_diff = float(imstat(self.data - self.prev.data).stdev)
        limit = self.process_params.MAXIMUM_STDEV_DIFFERENCE
        return BIAS_DIFFERENCE if self.stdev_diff > limit else 0
