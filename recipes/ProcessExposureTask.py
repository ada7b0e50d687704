"""ProcessExposureTask: turbulence, PSF and image quality of exposures with adaptive optics."""

from awe.recipes.arguments import as_names, as_night, as_text
from awe.recipes.common import FrameTask

from awe.base.errors import AweLookupError, did_you_mean
from awe.instruments import night_interval
from awe.model import Exposure, Instrument, ProcessedExposure
from awe.process import Argument, Making, Unit
from awe.process.task import as_flag
from awe.process.uptodate import missing
from awe.store.selection import values_of

__all__ = ["ProcessExposureTask"]


def as_raw_names(task, name, value):
    """Take names of raw files, or exposures, one or many, as an argument.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : str, Exposure or iterable of them
        What the user gave.

    Returns
    -------
    list of str
        The names, each once.
    """
    single = isinstance(value, (str, Exposure)) or not hasattr(value, "__iter__")
    given = [value] if single else list(value)
    return as_names(task, name, [getattr(v, "raw_exposure_filename", v) for v in given])


class ProcessExposureTask(FrameTask):
    """Make a ProcessedExposure of each exposure with adaptive optics."""

    product_names = ("ProcessedExposure",)
    without = ("template", "chip", "filter")
    arguments = (
        Argument("instrument", "name of the instrument", "MUSE", check=as_text),
        Argument("date", "the night that begins on this date, 'YYYY-MM-DD'", check=as_night),
        Argument("object", "name of the target; * and ? are wildcards", check=as_text),
        Argument("ins_mode", "mode of the instrument, such as WFM-AO-N; * and ? are wildcards",
                 check=as_text),
        Argument("raw_filenames", "names of the raw files, instead of the above",
                 check=as_raw_names),
        Argument("missing", "whether to leave out exposures that have an up-to-date one", False,
                 check=as_flag),
        Argument("folder", "not used: the products have no files"),
    )  # fmt: skip
    raw_class = Exposure

    def units(self):
        """Select the exposures.

        Returns
        -------
        list of Unit
            One for each.
        """
        return self.units_of(self.select(self.raw_class))

    def select(self, cls):
        """Select exposures by the task's arguments.

        Parameters
        ----------
        cls : type
            Their class.

        Returns
        -------
        list of Exposure
            Those of the current project, in the order of time.
        """
        name = self._instrument_name()
        query = (cls.instrument.name == name) & (cls.ins_mode != None)  # noqa: E711
        if self.raw_filenames is not None:
            query = query & cls.raw_exposure_filename.in_(self.raw_filenames)
            self._check_found(cls, query.project_only())
        for path, value in ((cls.target.target_name, self.object), (cls.ins_mode, self.ins_mode)):
            if value is not None:
                query = query & path.like(value)
        if self.date is not None:
            start, end = night_interval(self.date, Instrument.get(name=name).longitude or 0.0)
            query = query & (cls.observation_time >= start) & (cls.observation_time < end)
        found = query.project_only().order_by("observation_time")
        if self.missing:
            there = len(found)
            found = missing(ProcessedExposure, found)
            if there > len(found):
                self.left_out["has an up-to-date ProcessedExposure"] = there - len(found)
        return list(found)

    def _check_found(self, cls, query):
        found = {each for (each,) in query.values("raw_exposure_filename")}
        lost = [n for n in self.raw_filenames if n not in found]
        if lost:
            msg = (
                f"{len(lost)} of {len(self.raw_filenames)} raw_filenames are of no exposure of "
                f"{self.instrument} in this project that you may see: {lost[0]}."
                f"{did_you_mean(lost[0], values_of(cls.raw_exposure_filename._path))}"
            )
            raise AweLookupError(msg)

    def good(self, query):
        """Take all exposures: nobody judges them, only what is made of them.

        Parameters
        ----------
        query : iterable of Exposure
            The exposures.

        Returns
        -------
        list of Exposure
            The same.
        """
        return list(query)

    def units_of(self, frames):
        """Give a unit for each exposure.

        Parameters
        ----------
        frames : list of Exposure
            The exposures.

        Returns
        -------
        list of Unit
            In the same order.
        """
        return [Unit(each.summary(), {"exposure": each}) for each in frames]

    def unit_again(self, product, sources):
        """Give the unit that makes a product again.

        Parameters
        ----------
        product : ProcessedExposure
            One that the task has made.
        sources : dict
            Not used: it is made of nothing else.

        Returns
        -------
        Unit
            With its exposure.
        """
        return self.units_of([product.exposure])[0]

    def prepare(self, unit):
        """Prepare the product of one exposure.

        Parameters
        ----------
        unit : Unit
            The exposure.

        Returns
        -------
        list of Making
            One.
        """
        exposure = unit.inputs["exposure"]
        product = ProcessedExposure(exposure=exposure).take_from(exposure)
        return [Making(product, product.names(), self.pars)]

    def nothing_selected(self):
        """Give the message where no exposure was found.

        Returns
        -------
        str
            What was wanted, and what there is.
        """
        wanted = [
            f"{n} {getattr(self, n)}" for n in ("date", "object", "ins_mode")
            if getattr(self, n) is not None
        ]  # fmt: skip
        words = f" with {', '.join(wanted)}" if wanted else ""
        lines = [f"{type(self).__name__}: no Exposure of {self.instrument}{words} to process.",
                 *self._left_out_lines()]  # fmt: skip
        there = Exposure.instrument.name == self.instrument
        modes = ", ".join(sorted({str(m) for (m,) in there.values("ins_mode")})) or "none"
        targets = sorted({str(t) for (t,) in there.values("target.target_name")})
        more = " ..." if len(targets) > 8 else ""
        lines.append(f"  There are {len(there)} exposures of it; modes {modes}; targets "
                     f"{', '.join(targets[:8]) or 'none'}{more}.")  # fmt: skip
        return "\n".join(lines)
