"""Illumination correction: what standard stars tell of the flat's large scales."""

import operator

import numpy as np

from awe.base.errors import AweLookupError, AweValueError
from awe.model.base import BaseFrame, product_name
from awe.model.calibrations import BaseCalFrame
from awe.model.quality import ILLUMINATION_DIFFERENCE, ILLUMINATION_RESIDUALS
from awe.model.records import IlluminationRecord
from awe.model.science import ReducedScienceFrame
from awe.model.skyflats import REDUCE_ALIKE, UncorrectedImage, treatment
from awe.model.stacks import check_common
from awe.model.standards import given_residuals, measured_residuals
from awe.model.tables import ResidualTable, StandardCatalog
from awe.model.validity import Calibration, valid_nights
from awe.model.weights import WeightFrame
from awe.process import ProcessParameters, parameter
from awe.store import persistent
from awe.store.files import DataObject

__all__ = [
    "IlluminationCorrection",
    "IlluminationCorrectionFrame",
    "IlluminationCorrectionFrameParameters",
    "IlluminationCorrectionParameters",
]

# Points along each axis at which two corrections are compared.
_POINTS = 33


class IlluminationCorrectionParameters(ProcessParameters):
    """How an illumination correction is fitted, and its limits."""

    ORDER = parameter("Degree of the polynomial", int, 3, low=1, high=9)
    WHOLE_FIELD = parameter("One polynomial for all CCDs; else one for each", bool, True)
    SIGCLIP_LEVEL = parameter("Clip of the stars", float, 3.0, unit="sigma", low=1.0)
    MAXIMUM_ITERATIONS = parameter("Clips at most", int, 10, low=0, high=100)
    SEARCH_RADIUS = parameter("World coordinates may be off by so much", float, 5.0, unit="arcsec",
                              low=0.0, high=120.0)  # fmt: skip
    APERTURE_RADIUS = parameter("Radius of the apertures in widths of the stars (FWHM)", float,
                                2.5, low=0.5, high=20.0)  # fmt: skip
    MINIMUM_SNR = parameter("Least ratio of signal and noise of a star", float, 20.0, low=3.0)
    MINIMUM_STARS = parameter("Least number of stars kept", int, 20, low=3, critical=False)
    MAXIMUM_RESIDUAL_RMS = parameter("Limit of the scatter of the stars about the fit", float,
                                     0.05, unit="mag", low=0, critical=False)  # fmt: skip
    MAXIMUM_ERROR = parameter("Limit of the standard error of the fit anywhere", float, 0.05,
                              unit="mag", low=0, critical=False)  # fmt: skip
    MAXIMUM_DIFFERENCE = parameter("Limit of the change since the previous correction", float,
                                   0.03, unit="mag", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(90)


class IlluminationCorrection(DataObject, Calibration):
    """The illumination correction of a filter for all CCDs; its file lists the stars.

    It is fitted to the residuals of a table, or to those of the stars of a catalog on the
    reduced frames. With a table the reduced frames, one for each CCD, tell shapes and places.
    """

    abstract = False
    file_kind = ("Cal", "Illumination")
    inputs = ("table", "catalog", "reduced_frames", "weights")
    picked = True
    table = persistent("Residuals that the user gave", ResidualTable)
    catalog = persistent("Catalogue of standard stars", StandardCatalog)
    reduced_frames = persistent("The reduced frames", [ReducedScienceFrame])
    weights = persistent("Their weights, 0 where a pixel is bad", [WeightFrame])
    records = persistent("The correction of each CCD", [IlluminationRecord])
    fit_coeffs = persistent("Chebyshev coefficients over the field, where there is one polynomial",
                            [float], unit="mag")  # fmt: skip
    min_x = persistent("Where the polynomial over the field begins in x", float, unit="deg")
    max_x = persistent("Where the polynomial over the field ends in x", float, unit="deg")
    min_y = persistent("Where the polynomial over the field begins in y", float, unit="deg")
    max_y = persistent("Where the polynomial over the field ends in y", float, unit="deg")
    number_of_stars = persistent("Stars kept", int)
    number_clipped = persistent("Stars clipped", int)
    rms = persistent(
        "Scatter of the stars kept about the fit, weighted by their errors", float, unit="mag"
    )
    max_error = persistent("Largest standard error of the fit on any CCD", float, unit="mag")
    range = persistent("Greatest minus least correction on a CCD", float, unit="mag")
    max_diff = persistent("Largest change since `prev`", float, unit="mag")
    prev = persistent("The correction that it was compared with", "IlluminationCorrection")
    process_params = persistent("Parameters", IlluminationCorrectionParameters)

    def names(self):
        """Give the names on which the defaults of parameters depend.

        Returns
        -------
        dict
            'instrument', and 'filter' where it has one.
        """
        return BaseFrame.names(self)

    def take_from(self, frames):
        """Take instrument, filter and night from the reduced frames; it is for all CCDs.

        Parameters
        ----------
        frames : sequence of ReducedScienceFrame
            At least one.
        """
        super().take_from(frames)
        self.weights = [frame.weight for frame in frames if frame.weight is not None]
        self.chip = self.readout = None

    def make(self):
        """Fit the residuals of the stars by their places."""
        chips = _first_of_each_chip(self.reduced_frames)
        stars = self._stars(chips)
        if self.process_params.WHOLE_FIELD:
            kept, rest = self._fit_field(stars, chips)
        else:
            kept, rest = self._fit_chips(stars, chips)
        least = self.process_params.MINIMUM_STARS
        self.number_of_stars = int(np.count_nonzero(kept))
        if self.number_of_stars < least:
            msg = (
                f"{self.number_of_stars} stars are left for the illumination correction; needed "
                f"are MINIMUM_STARS = {least}."
            )
            raise AweValueError(msg)
        empty = [r.chip_name for r in self.records if not r.number_of_stars]
        alone = [f"{chip}: no star tells, it has the polynomial of the others" for chip in empty]
        self.steps_not_done = [*self.steps_not_done, *alone]
        self.number_clipped = len(stars) - self.number_of_stars
        weights = 1 / stars["error"][kept] ** 2
        self.rms = float(np.sqrt(np.average(rest[kept] ** 2, weights=weights)))
        self.max_error = max(record.max_error for record in self.records)
        images = [record.on_grid(_POINTS) for record in self.records]
        self.range = float(max(np.ptp(image) for image in images))
        object.__setattr__(self, "_stars_used", (stars, kept, rest))
        self.set_validity(getattr(self, "_validity", None))

    def _stars(self, chips):
        """Give the residuals of all stars."""
        if self.table is not None:
            stars, unknown = given_residuals(self.table, chips)
            self.steps_not_done = [f"{chip}: no reduced frame tells its shape" for chip in unknown]
            return stars
        if self.catalog is None:
            msg = "An illumination correction needs a table of residuals or a catalog."
            raise AweLookupError(msg, remedy="Give table= or catalog=.")
        catalog = self.catalog.table()
        scales = {"large scales of the flat": operator.attrgetter("large_scales")}
        check_common(self.reduced_frames, scales, "they need flats of one kind", REDUCE_ALIKE)
        for name in chips:
            mine = [frame for frame in self.reduced_frames if frame.chip.name == name]
            check_common(mine, treatment(), "a CCD needs them reduced alike", REDUCE_ALIKE)
        parts = [
            measured_residuals(frame, UncorrectedImage(frame)[:], catalog, self.process_params)
            for frame in self.reduced_frames
        ]
        stars = np.concatenate(parts)
        if not len(stars):
            msg = (
                f"No star of {self.catalog.origin} was found on {len(parts)} reduced frames of "
                f"{self.instrument.name}."
            )
            remedy = "Does it cover the field? Are the world coordinates off by SEARCH_RADIUS?"
            raise AweValueError(msg, remedy=remedy)
        return stars

    def _fit(self, x, y, stars, limits):
        from awe.pixels import fit_illumination

        parameters = self.process_params
        groups = np.char.add(np.char.add(stars["chip"], " "), stars["exposure"])
        return fit_illumination(
            x, y, stars["residual"], limits=limits, order=parameters.ORDER, groups=groups,
            errors=stars["error"], sigma_clip=parameters.SIGCLIP_LEVEL,
            max_iterations=parameters.MAXIMUM_ITERATIONS,
        )  # fmt: skip

    def _fit_field(self, stars, chips):
        """Fit one polynomial to all CCDs."""
        places = {name: _place(frame) for name, frame in chips.items()}
        x, y = np.empty(len(stars)), np.empty(len(stars))
        corners = []
        for name, place in places.items():
            mine = stars["chip"] == name
            x[mine], y[mine] = _mapped(place, stars["x"][mine], stars["y"][mine])
            ny, nx = _shape(chips[name])
            corners.append(_mapped(place, np.array([0, nx, 0, nx]), np.array([0, 0, ny, ny])))
        corners = np.hstack(corners)
        low, high = corners.min(axis=1), corners.max(axis=1)
        limits = (low[0], high[0], low[1], high[1])
        fit = self._fit(x, y, stars, limits)
        self.fit_coeffs = fit.coefficients.ravel()
        self.min_x, self.max_x, self.min_y, self.max_y = map(float, limits)
        self.records = [
            _record(frame, fit, places[name], np.count_nonzero(fit.kept & (stars["chip"] == name)))
            for name, frame in sorted(chips.items())
        ]  # fmt: skip
        return fit.kept, _rest(self.records, stars, fit.kept)

    def _fit_chips(self, stars, chips):
        """Fit a polynomial to each CCD; one that has too few stars has no correction."""
        kept, records, failed = np.zeros(len(stars), dtype=bool), [], []
        for name, frame in sorted(chips.items()):
            mine = np.flatnonzero(stars["chip"] == name)
            ny, nx = _shape(frame)
            limits = (0.0, nx - 1.0, 0.0, ny - 1.0)
            try:
                fit = self._fit(stars["x"][mine], stars["y"][mine], stars[mine], limits)
            except AweValueError as err:
                failed.append(f"{name}: {err.cause}")
                continue
            kept[mine] = fit.kept
            place = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
            records.append(_record(frame, fit, place, fit.number))
        if not records:
            raise AweValueError(f"No CCD has an illumination correction: {failed[0]}")
        self.records = records
        self.steps_not_done = [*self.steps_not_done, *failed]
        return kept, _rest(records, stars, kept)

    def record(self, chip_name):
        """Give the correction of a CCD.

        Parameters
        ----------
        chip_name : str
            Its name.

        Returns
        -------
        IlluminationRecord or None
            None where it has none.
        """
        return next((r for r in self.records if r.chip_name == chip_name), None)

    def verify(self):
        """Compute the flag of the scatter of the stars, and of the error that it leaves.

        Returns
        -------
        int
            ILLUMINATION_RESIDUALS or 0.
        """
        limits = self.process_params
        bad = self.rms > limits.MAXIMUM_RESIDUAL_RMS or self.max_error > limits.MAXIMUM_ERROR
        return ILLUMINATION_RESIDUALS if bad else 0

    def compare(self):
        """Compute the flag of the difference from the previous correction.

        Returns
        -------
        int
            ILLUMINATION_DIFFERENCE or 0.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        pairs = [(record, self.prev.record(record.chip_name)) for record in self.records]
        changes = [
            np.abs(a.on_grid(_POINTS) - b.on_grid(_POINTS)).max() for a, b in pairs if b is not None
        ]
        if not changes:
            return 0
        self.max_diff = float(max(changes))
        limit = self.process_params.MAXIMUM_DIFFERENCE
        return ILLUMINATION_DIFFERENCE if self.max_diff > limit else 0

    def content_arrays(self):
        """Give the columns of the table of stars.

        Returns
        -------
        dict of str to array
            By name.
        """
        from astropy.table import Table

        used = getattr(self, "_stars_used", None)
        if used is None:
            table = self.stars()
        else:
            table = Table(used[0])
            table["kept"], table["fit_residual"] = used[1:]
        columns = {name: np.asarray(table[name]) for name in table.colnames}
        return {n: c.astype(str) if c.dtype.kind == "S" else c for n, c in columns.items()}

    def write(self, folder):
        """Write the stars into a FITS table and attach it.

        Parameters
        ----------
        folder : pathlib.Path
            Where to.

        Returns
        -------
        pathlib.Path
            The file.
        """
        from astropy.io import fits
        from astropy.table import Table

        from awe.fits.lineage import EXTENSION, TextTable, table_bytes
        from awe.process.record import COLUMNS, record_cards, record_rows

        stars, kept, rest = self._stars_used
        table = Table(stars)
        table["kept"], table["fit_residual"] = kept, rest
        hdu = fits.table_to_hdu(table)
        hdu.header.extend(record_cards(self))
        hdu.header["DATE"] = f"{self.creation_date:%Y-%m-%dT%H:%M:%S}"
        path = folder / product_name(self.file_kind, self, self.content_key)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True, checksum=True)
        with open(path, "ab") as file:
            file.write(table_bytes(TextTable(COLUMNS, record_rows(self), EXTENSION)))
        self.attach(path)
        object.__setattr__(self, "_stars_used", None)
        return path

    def stars(self):
        """Read the stars that it was fitted to.

        Returns
        -------
        astropy.table.Table
            chip, exposure, x, y, residual, error, kept, and fit_residual: what is left.
        """
        from astropy.table import Table

        return Table.read(self.path(), hdu=1)

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        names = " ".join(self.names().values())
        return f"{names} {self.number_of_stars} stars, rms {self.rms:.3g} mag"


class IlluminationCorrectionFrameParameters(ProcessParameters):
    """When the illumination correction of a CCD serves, and its limits."""

    # One polynomial of all CCDs needs few stars on each: how far it holds its error tells.
    MINIMUM_STARS = parameter("Least number of stars kept on the CCD", int, 1, low=0,
                              critical=False)  # fmt: skip
    MAXIMUM_ERROR = parameter("Limit of the standard error of the fit anywhere on the CCD", float,
                              0.05, unit="mag", low=0, critical=False)  # fmt: skip
    MAXIMUM_DIFFERENCE = parameter("Limit of the change since the previous frame", float, 0.03,
                                   unit="mag", low=0, critical=False)  # fmt: skip
    VALID_NIGHTS_BEFORE, VALID_NIGHTS_AFTER = valid_nights(90)


class IlluminationCorrectionFrame(BaseCalFrame):
    """The image that a reduced frame is divided by: mean 1 over its CCD."""

    abstract = False
    # It goes with its IlluminationCorrection, of which people pick the frames.
    picked = True
    file_kind = ("Cal", "Illumination")
    unit = "1"
    inputs = ("illumination_correction",)
    key_names = ("chip",)
    illumination_correction = persistent("The fit to the stars", IlluminationCorrection)
    prev = persistent("The frame that it was compared with", "IlluminationCorrectionFrame")
    large_scales = persistent("What lit the CCDs for the large scales of the flat that its frames "
                              "were divided by: 'sky' or 'screen'", str)  # fmt: skip
    number_of_stars = persistent("Stars kept on the CCD", int)
    max_error = persistent("Largest standard error of the fit on the CCD", float, unit="mag")
    max_diff = persistent("Largest change since `prev`", float, unit="mag")
    process_params = persistent("Parameters", IlluminationCorrectionFrameParameters)

    def make(self):
        """Evaluate the polynomial over the CCD."""
        from awe.pixels import evaluate_illumination

        record = self.illumination_correction.record(self.chip.name)
        if record is None:
            msg = f"{self.illumination_correction!r} has no correction of {self.chip.name}."
            raise AweValueError(msg)
        self.number_of_stars, self.max_error = record.number_of_stars, record.max_error
        self.large_scales = self.illumination_correction.reduced_frames[0].large_scales
        least = self.process_params.MINIMUM_STARS
        if self.number_of_stars < least:
            self.steps_not_done = [
                f"fit to stars of the CCD: it has {self.number_of_stars}, MINIMUM_STARS is {least}"
            ]
        self.keep(evaluate_illumination(record.coefficients(), (record.NAXIS2, record.NAXIS1)))
        self.set_validity(getattr(self, "_validity", None))

    def verify(self):
        """Compute the flag of the stars of the CCD, of the error there and of all stars' scatter.

        Returns
        -------
        int
            ILLUMINATION_RESIDUALS where there are too few stars, the error is too large, or the
            stars of the field scatter more than the fit allows; else 0.
        """
        limits, fit = self.process_params, self.illumination_correction
        bad = self.number_of_stars < limits.MINIMUM_STARS or self.max_error > limits.MAXIMUM_ERROR
        bad |= fit.rms > fit.process_params.MAXIMUM_RESIDUAL_RMS
        return ILLUMINATION_RESIDUALS if bad else 0

    def compare(self):
        """Compute the flag of the difference from the previous frame of the CCD.

        Returns
        -------
        int
            ILLUMINATION_DIFFERENCE or 0.
        """
        self.prev = self.previous()
        if self.prev is None:
            return 0
        change = -2.5 * np.log10(self.data / self.prev.data)
        self.max_diff = float(np.abs(change).max())
        limit = self.process_params.MAXIMUM_DIFFERENCE
        return ILLUMINATION_DIFFERENCE if self.max_diff > limit else 0


def _first_of_each_chip(frames):
    """Give one reduced frame for each CCD; refuse different instruments, filters, shapes."""
    if not frames:
        msg = "An illumination correction needs reduced frames, which tell shapes and places."
        raise AweValueError(msg)
    chips = {}
    for frame in frames:
        first = chips.setdefault(frame.chip.name, frame)
        for one, name in ((frames[0], "instrument"), (frames[0], "filter"), (first, "readout")):
            if getattr(frame, name) is not getattr(one, name):
                msg = (
                    f"{frame!r} has {name} {getattr(frame, name)!r}, {one!r} has "
                    f"{getattr(one, name)!r}: they cannot share an illumination correction."
                )
                raise AweValueError(msg)
    return chips


def _shape(frame):
    return frame.NAXIS2, frame.NAXIS1


def _place(frame):
    """Give how the pixels of a CCD lie in the field, in degrees from its reference point."""
    astrom = frame.astrom
    if astrom is None or None in (astrom.CD1_1, astrom.CD1_2, astrom.CD2_1, astrom.CD2_2):
        msg = f"{frame!r} has no world coordinates: its place in the field is not known."
        raise AweValueError(msg, remedy="WHOLE_FIELD = False fits each CCD by itself.")
    matrix = np.array([[astrom.CD1_1, astrom.CD1_2], [astrom.CD2_1, astrom.CD2_2]])
    # CRPIX counts from 1.
    origin = matrix @ np.array([1 - astrom.CRPIX1, 1 - astrom.CRPIX2])
    return np.column_stack([origin, matrix])


def _mapped(place, x, y):
    return np.array([p[0] + p[1] * x + p[2] * y for p in place])


def _record(frame, fit, place, number):
    """Give the correction of a CCD whose pixels lie in the field of a fit at a place."""
    from awe.pixels import chip_coefficients

    ny, nx = _shape(frame)
    matrix = chip_coefficients(fit.coefficients, fit.limits, place, (ny, nx))
    columns, rows = np.meshgrid(np.linspace(0, nx - 1, _POINTS), np.linspace(0, ny - 1, _POINTS))
    errors = fit.errors(*_mapped(place, columns, rows))
    return IlluminationRecord(
        chip_name=frame.chip.name, NAXIS1=nx, NAXIS2=ny, fit_coeffs=matrix.ravel(),
        number_of_stars=int(number), max_error=float(errors.max()),
    )  # fmt: skip


def _rest(records, stars, kept):
    """Give what is left of the residuals, each CCD and exposure about the mean of its stars."""
    rest = np.full(len(stars), np.nan)
    for record in records:
        mine = stars["chip"] == record.chip_name
        u = 2 * stars["x"][mine] / (record.NAXIS1 - 1) - 1
        v = 2 * stars["y"][mine] / (record.NAXIS2 - 1) - 1
        model = np.polynomial.chebyshev.chebval2d(v, u, record.coefficients())
        rest[mine] = stars["residual"][mine] - model
    for chip, exposure in {(s["chip"], s["exposure"]) for s in stars}:
        group = (stars["chip"] == chip) & (stars["exposure"] == exposure)
        weights = 1 / stars["error"][group & kept] ** 2
        if len(weights):
            rest[group] -= np.average(rest[group & kept], weights=weights)
    return rest
