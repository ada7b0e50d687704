"""What the recipes have in common: selection of frames, choice of calibrations, making."""

from awe.base.errors import AweLookupError, did_you_mean
from awe.base.utc import to_utc
from awe.pixels import kernel_name
from awe.process import Argument, Making, Task, Unit
from awe.process.choice import choose
from awe.process.flags import disqualifying_bits
from awe.store import current

__all__ = ["CombineTask", "FrameTask", "made"]


def made(making, folder):
    """Make a product and write its file.

    Parameters
    ----------
    making : Making
        With the product.
    folder : pathlib.Path
        Where the file goes.

    Returns
    -------
    Product
        Made and verified, not committed.
    """
    product = making.run()
    if hasattr(product, "write"):
        product.write(folder)
    return product


class FrameTask(Task):
    """A task that works on raw frames.

    Attributes
    ----------
    raw_class : type
        The class of its raw frames.
    """

    arguments = (
        Argument("instrument", "name of the instrument", required=True),
        Argument("date", "the night that begins on this date, 'YYYY-MM-DD'"),
        Argument("template", "start of the observing template, 'YYYY-MM-DDThh:mm:ss'"),
        Argument("chip", "name of the CCD; * and ? are wildcards"),
        Argument("filter", "name of the filter; * and ? are wildcards"),
        Argument("object", "OBJECT of the frames; * and ? are wildcards"),
        Argument("raw_filenames", "names of the raw frames, instead of the above"),
    )
    raw_class = None

    def check(self):
        """Check times before any work."""
        if self.date is not None:
            self.date = to_utc(self.date)
        if self.template is not None and not hasattr(self.template, "start"):
            self.template = to_utc(self.template)

    def select(self, cls):
        """Select frames by the task's arguments.

        Parameters
        ----------
        cls : type
            Their class.

        Returns
        -------
        list
            The good ones, each file once, those of the current project preferred.
        """
        query = cls.select(
            instrument=self._instrument_name(), date=self.date, template=self.template,
            chip=self.chip, filter=self.filter, object=self.object,
        )  # fmt: skip
        if self.raw_filenames is not None:
            names = [self.raw_filenames] if isinstance(self.raw_filenames, str) else list(
                self.raw_filenames
            )  # fmt: skip
            query = query & cls.filename.in_(names)
            self._check_found(cls, query, names)
        bits = disqualifying_bits()
        good = [f for f in query & (cls.is_valid > 0) if not f.quality_flags & bits]
        return _each_file_once(good)

    def _instrument_name(self):
        from awe.model import Instrument

        name = getattr(self.instrument, "name", self.instrument)
        return Instrument.get(name=name).name

    def _check_found(self, cls, query, names):
        found = {f.filename for f in query}
        missing = [n for n in names if n not in found]
        if missing:
            known = list(cls.select_all().table("filename")["filename"]) if found else []
            hint = did_you_mean(missing[0], [str(k) for k in known])
            msg = (
                f"{len(missing)} of {len(names)} raw_filenames are no {cls.__name__} of "
                f"{self.instrument} that you may see: {missing[0]}.{hint}"
            )
            raise AweLookupError(msg)

    def choose(self, product, frame, name, overridden):
        """Set a calibration of a product: the one given by the user, or the best.

        Parameters
        ----------
        product : Product
            The product.
        frame : RawFrame
            The frame to be calibrated.
        name : str
            The calibration, such as 'bias'.
        overridden : list of str
            Gets the name where the user gave it.
        """
        given = getattr(self, name, None)
        if given is not None:
            setattr(product, name, given)
            overridden.append(name)
            return
        dependency = next(d for d in product.dependencies if d.name == name)
        setattr(product, name, choose(frame, dependency, product.process_params))

    def making(self, product, overridden=()):
        """Give what makes a product with the task's parameters.

        Parameters
        ----------
        product : Product
            With its inputs set, as far as they decide the parameters.
        overridden : iterable of str, optional
            Inputs given by the user. By default none.

        Returns
        -------
        Making
            Its parameters are set.
        """
        return Making(
            product, product.names(), self.pars, overridden=overridden, kernel=kernel_name
        )


class CombineTask(FrameTask):
    """A task that combines the raw frames of a CCD and a night."""

    arguments = (
        Argument("validity", "'forever' or (start, end) instead of the nights around"),
    )  # fmt: skip
    group_by = ("chip", "readout", "filter")

    def units(self):
        """Group the raw frames by CCD, read-out mode, filter and night.

        Returns
        -------
        list of Unit
            One for each product.
        """
        groups = {}
        for frame in self.select(self.raw_class):
            links = [getattr(frame, n) for n in self.group_by]
            key = [None if link is None else link.object_id for link in links]
            if self.raw_filenames is None:
                key.append(frame.night)
            groups.setdefault(tuple(key), []).append(frame)
        return [Unit(_label(frames), {"frames": frames}) for frames in groups.values()]

    def with_validity(self, product):
        """Let a product have the interval that the user wants."""
        object.__setattr__(product, "_validity", self.validity)
        return product


def _label(frames):
    first = frames[0]
    parts = [first.chip.name]
    if first.filter is not None:
        parts.append(first.filter.name)
    return " ".join([*parts, f"{first.night:%Y-%m-%d}"])


def _each_file_once(frames):
    """Take each raw file once; a copy in the current project before others."""
    project = current.context().get_current_project()
    best = {}
    for frame in frames:
        held = best.get(frame.sha256)
        if held is None or (held.project is not project and frame.project is project):
            best[frame.sha256] = frame
    return list(best.values())
