"""What the recipes have in common: selection of frames, choice of calibrations, making."""

from awe.recipes.arguments import as_names, as_night, as_start, as_text
from awe.recipes.present import ARGUMENTS, frames_of_file, what_exists, why_not

from awe.base.errors import AweError, AweLookupError, AweValueError, did_you_mean
from awe.pixels import kernel_name
from awe.process import Argument, Making, Task, Unit, decode
from awe.process.choice import check_given, choose
from awe.process.flags import disqualifying_bits
from awe.store import current

__all__ = ["CombineTask", "FrameTask", "each_file_once", "label_of", "made"]


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

    Its `prepare(unit)` gives what makes the products of a unit, with their inputs and parameters
    set and nothing computed, so that it can be planned and asked for; one without it has a `make`
    of its own.

    Attributes
    ----------
    raw_class : type
        The class of its raw frames.
    tolerated : int
        Disqualifying bits of `quality_flags` of raw frames that do not matter here.
    chooser : callable
        Chooses a calibration; called as `awe.process.choose`.
    """

    arguments = (
        Argument("instrument", "name of the instrument", required=True, check=as_text),
        Argument("date", "the night that begins on this date, 'YYYY-MM-DD'", check=as_night),
        Argument("template", "start of the observing template, 'YYYY-MM-DDThh:mm:ss'",
                 check=as_start),
        Argument("chip", "name of the CCD; * and ? are wildcards", check=as_text),
        Argument("filter", "name of the filter; * and ? are wildcards", check=as_text),
        Argument("object", "OBJECT of the frames; * and ? are wildcards", check=as_text),
        Argument("raw_filenames", "names of the raw frames, instead of the above",
                 check=as_names),
    )  # fmt: skip
    raw_class = None
    tolerated = 0
    chooser = staticmethod(choose)

    def __init__(self, *positional, **arguments):
        super().__init__(*positional, **arguments)
        self.left_out = {}

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
            query = query & cls.filename.in_(self.raw_filenames)
            self._check_found(cls, query)
        return each_file_once(self.good(query))

    def good(self, query):
        """Leave out what people or the system call bad, and remember how many and why.

        Parameters
        ----------
        query : Query
            Frames or calibrations.

        Returns
        -------
        list
            Those with ``is_valid > 0`` and no disqualifying quality flag.
        """
        bits, good = disqualifying_bits() & ~self.tolerated, []
        for frame in query:
            bad = frame.quality_flags & bits
            if frame.is_valid > 0 and not bad:
                good.append(frame)
                continue
            names = ", ".join(f.name for f in decode(bad))
            reason = f"quality flags {names}" if bad else f"is_valid is {frame.is_valid}"
            self.left_out[reason] = self.left_out.get(reason, 0) + 1
        return good

    def execute(self):
        """Do the work; one unit's failure does not stop the others.

        Returns
        -------
        list of Product
            What was made; `failures` has the rest.

        Raises
        ------
        TaskError
            Nothing could be made.
        """
        self.left_out = {}
        return super().execute()

    def summary(self, count):
        """Give what was made, what was left out and what failed, grouped by cause.

        Parameters
        ----------
        count : int
            The number of units.

        Returns
        -------
        str
            A few lines.
        """
        lines = [super().summary(count), *self._left_out_lines()]
        again = sum(_made_before(product) for product in self.products)
        if again:
            was = "was" if again == 1 else "were"
            lines.append(f"  {again} {was} there already, made of the same in the same way")
        return "\n".join(lines)

    def _left_out_lines(self):
        return [f"  {number} left out: {why}" for why, number in self.left_out.items()]

    @classmethod
    def selected_classes(cls):
        """Give the classes that the task selects from.

        Returns
        -------
        tuple of type
            By default that of its raw frames.
        """
        return (cls.raw_class,)

    def nothing_selected(self):
        """Give the message where no input was found.

        Returns
        -------
        str
            What was wanted, and what exists.
        """
        name = self._instrument_name()
        given = {n: getattr(self, n) for n in ARGUMENTS}
        given = {n: v for n, v in given.items() if v is not None}
        words = ", ".join(f"{n} {str(v).removesuffix(' 00:00:00')}" for n, v in given.items())
        classes = " or ".join(c.__name__ for c in self.selected_classes())
        head = f"{type(self).__name__}: no {classes} of {name}{' with ' if words else ''}{words}."
        told = self._left_out_lines()
        for cls in self.selected_classes():
            told += [f"  {line}" for line in what_exists(cls, name, given)]
        return "\n".join([head, *told])

    def make(self, unit, folder):
        """Make the products of one unit.

        Parameters
        ----------
        unit : Unit
            The unit.
        folder : pathlib.Path
            Where the files go.

        Returns
        -------
        list of Product
            Not committed.
        """
        return [made(making, folder) for making in self.prepared(unit)]

    def prepared(self, unit):
        """Give what makes the products of a unit, prepared now if it was not before.

        Parameters
        ----------
        unit : Unit
            The unit.

        Returns
        -------
        list of Making
            In the order of making; the product that the unit is for comes last.
        """
        return self.prepare(unit) if unit.makings is None else unit.makings

    def units_of(self, frames):
        """Group frames to units.

        Parameters
        ----------
        frames : list of RawFrame
            Good ones.

        Returns
        -------
        list of Unit
            One for each product or CCD.
        """
        raise NotImplementedError

    def unit_again(self, product, sources):
        """Give the unit that makes a product again.

        Parameters
        ----------
        product : Product
            One that the task has made.
        sources : dict of str to Product
            What takes the place of calibrations that it was made of, by link.

        Returns
        -------
        Unit or None
            None where its raw frames are all bad now.
        """
        frames = self.good(getattr(product, product.inputs[0]))
        return Unit(label_of(frames), {"frames": frames}) if frames else None

    def _instrument_name(self):
        from awe.model import Instrument

        known = [i.name for i in Instrument.select_all()]
        if self.instrument in known:
            return self.instrument
        msg = (
            f"{type(self).__name__}: the store has nothing of an instrument "
            f"{self.instrument!r}.{did_you_mean(self.instrument, known)}"
        )
        there = f"It has: {', '.join(known)}." if known else "It is empty: awe ingest PATH --commit"
        raise AweLookupError(msg, remedy=there)

    def _check_found(self, cls, query):
        found = set(query.table("filename")["filename"]) if len(query) else set()
        missing = [n for n in self.raw_filenames if n not in found]
        if missing:
            msg = (
                f"{len(missing)} of {len(self.raw_filenames)} raw_filenames are no {cls.__name__} "
                f"of {self.instrument} that you may see and that meets the other arguments: "
                f"{self._why_missing(cls, missing[0])}"
            )
            raise AweLookupError(msg)

    def _why_missing(self, cls, name):
        """Tell which argument a file does not meet, or which name was probably meant."""
        given = {n: getattr(self, n) for n in ("instrument", *ARGUMENTS)}
        told = why_not(cls, name, {n: v for n, v in given.items() if v is not None})
        if told is not None:
            return told
        known = cls.select(instrument=self.instrument)
        names = {str(n) for n in known.table("filename")["filename"]} if len(known) else set()
        frames = [n for n in frames_of_file(name) if n in names]
        if frames:
            more = ", ..." if len(frames) > 3 else ""
            return f"{name} is a raw file; its frames are {', '.join(frames[:3])}{more}."
        return f"{name}.{did_you_mean(name, names - {name})}"

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
            Gets the name where the user gave it, or False to leave it out.
        """
        dependency = next(d for d in product.dependencies if d.name == name)
        given = getattr(self, name, None)
        if given is None:
            setattr(product, name, self.chooser(frame, dependency, product.process_params))
            return
        if given is False:
            if dependency.required:
                msg = f"{type(self).__name__} cannot leave out {name}: it needs one."
                raise AweValueError(msg)
            overridden.append(name)
            return
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        setattr(product, name, _fitting(frame, dependency, given, product.process_params))
        overridden.append(name)

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

    def check(self):
        """Check the validity before any work."""
        from awe.model.validity import interval_of

        super().check()
        if self.validity is not None:
            interval_of(self.validity)

    def units(self):
        """Group the raw frames by CCD, read-out mode, filter and night.

        Returns
        -------
        list of Unit
            One for each product.
        """
        return self.units_of(self.select(self.raw_class))

    def units_of(self, frames):
        """Group frames by CCD, read-out mode, filter and night.

        Parameters
        ----------
        frames : list of RawFrame
            Good ones.

        Returns
        -------
        list of Unit
            One for each product.
        """
        groups = {}
        for frame in frames:
            links = [getattr(frame, n) for n in self.group_by]
            key = [None if link is None else link.object_id for link in links]
            if self.raw_filenames is None:
                key.append(frame.night)
            groups.setdefault(tuple(key), []).append(frame)
        return [Unit(label_of(frames), {"frames": frames}) for frames in groups.values()]

    def with_validity(self, product):
        """Let a product have the interval that the user wants.

        Parameters
        ----------
        product : Calibration
            A new one.

        Returns
        -------
        Calibration
            The same.
        """
        object.__setattr__(product, "_validity", self.validity)
        return product


def _made_before(product):
    """Tell whether the store has another product of the same content."""
    same = type(product).content_key == product.content_key
    return len(same) > int(product.is_committed)


def _fitting(frame, dependency, given, parameters):
    """Give the first of the user's calibrations that fits a frame, or say why none does."""
    refusal = None
    for candidate in given:
        try:
            return check_given(frame, dependency, candidate, parameters)
        except AweError as err:
            refusal = refusal or err
    if refusal is None:
        msg = f"{dependency.name} is an empty list; leave it out for the best one."
        raise AweLookupError(msg)
    raise refusal


def label_of(frames):
    """Give the label of a unit.

    Parameters
    ----------
    frames : list of RawFrame
        Of one CCD.

    Returns
    -------
    str
        CCD, filter and night.
    """
    first = frames[0]
    parts = [first.chip.name]
    if first.filter is not None:
        parts.append(first.filter.name)
    return " ".join([*parts, f"{first.night:%Y-%m-%d}"])


def each_file_once(frames):
    """Take each raw file once; a copy in the current project before others.

    Parameters
    ----------
    frames : iterable of RawFrame
        The frames.

    Returns
    -------
    list of RawFrame
        In their order.
    """
    project = current.context().get_current_project()
    best = {}
    for frame in frames:
        held = best.get(frame.sha256)
        if held is None or (held.project is not project and frame.project is project):
            best[frame.sha256] = frame
    return list(best.values())
