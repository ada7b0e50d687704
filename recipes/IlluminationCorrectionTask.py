"""IlluminationCorrectionTask: correct the large scales of the flat by standard stars."""

from awe.recipes.common import made
from awe.recipes.sky_tasks import ReducedFramesTask

from awe.base.errors import AweTypeError, AweValueError
from awe.model import (
    IlluminationCorrection,
    IlluminationCorrectionFrame,
    ResidualTable,
    StandardCatalog,
)
from awe.process import Argument

__all__ = ["IlluminationCorrectionTask"]


class IlluminationCorrectionTask(ReducedFramesTask):
    """Make an IlluminationCorrection, and the IlluminationCorrectionFrame of each CCD.

    The residuals of standard stars come from a table, or are measured on the reduced frames by
    a catalog. With a table one reduced frame of each CCD tells its shape and place.
    """

    arguments = (
        Argument("table", "residuals: a ResidualTable, a Table or a file with chip, x, y, "
                          "residual"),
        Argument("catalog", "standard stars: a StandardCatalog, a Table or a file with ra, dec, "
                            "mag"),
    )  # fmt: skip
    product_names = ("IlluminationCorrection", "IlluminationCorrectionFrame")
    group_by = ("filter",)

    def check(self):
        """Check that there is either a table or a catalog."""
        super().check()
        if (self.table is None) == (self.catalog is None):
            msg = (
                "IlluminationCorrectionTask needs either table= (residuals of stars) or "
                "catalog= (standard stars that are on the frames)."
            )
            raise AweTypeError(msg)

    def units(self):
        """Group the reduced frames by night.

        Returns
        -------
        list of Unit
            One for each correction; of a table one, unless a date is given.

        Raises
        ------
        AweValueError
            The frames are of several filters: table and catalog are of one.
        """
        units = super().units()
        names = {f.filter.name for u in units for f in u.inputs["frames"] if f.filter is not None}
        if len(names) > 1:
            msg = (
                f"The reduced frames are of the filters {', '.join(sorted(names))}; "
                f"{'a table' if self.catalog is None else 'a catalog'} is of one."
            )
            raise AweValueError(msg, remedy=f"Say which: filter={min(names)!r}")
        return units

    def all_nights(self):
        """Tell whether frames of several nights go into one correction.

        Returns
        -------
        bool
            True where the user named them, or where a table holds for no particular night.
        """
        return super().all_nights() or (self.table is not None and self.date is None)

    def make(self, unit, folder):
        """Make the correction of one filter and its frames.

        Parameters
        ----------
        unit : Unit
            With the reduced frames.
        folder : pathlib.Path
            Where the files go.

        Returns
        -------
        list of Product
            The correction, then the frame of each CCD.
        """
        frames = unit.inputs["frames"]
        correction = self.with_validity(IlluminationCorrection())
        if self.table is not None:
            correction.table = ResidualTable.of(self.table, folder)
            frames = _one_of_each_chip(frames)
        else:
            correction.catalog = StandardCatalog.of(self.catalog, folder)
        correction.reduced_frames = frames
        correction.take_from(frames)
        given = "catalog" if self.table is None else "table"
        products = [made(self.making(correction, [given]), folder)]
        for frame in _one_of_each_chip(frames):
            if correction.record(frame.chip.name) is not None:
                image = IlluminationCorrectionFrame(illumination_correction=correction)
                image.take_from([frame])
                image.night = correction.night
                products.append(made(self.making(self.with_validity(image)), folder))
        return products


def _one_of_each_chip(frames):
    """Give the newest reduced frame of each CCD."""
    chips = {frame.chip.object_id: frame for frame in sorted(frames, key=lambda f: f.DATE_OBS)}
    return list(chips.values())
