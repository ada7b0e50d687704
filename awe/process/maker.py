"""The maker: gives products that are up to date, and makes those that are not."""

import contextlib

from awe.base import hooks
from awe.base.errors import AweError, AweLookupError, AweTypeError, AweValueError
from awe.base.utc import to_microseconds
from awe.process.candidates import Candidates, reference
from awe.process.choice import CalibrationNotFound
from awe.process.flags import decode, disqualifying_bits
from awe.process.parameters import as_pars, check_pars, pars_of, resolve
from awe.process.plan import Costs, Plan, choosing, foresee, planned_unit
from awe.process.product import Product
from awe.process.suspect import judged_bad
from awe.store import Restricted, registry
from awe.store.at_hand import at_hand

__all__ = ["Maker", "products_that_there_are", "recipe_of"]


class _AllBadError(CalibrationNotFound):
    """Nothing is left that a product could be made of again."""


class Maker:
    """Gives products that are up to date, and makes those that are not, calibrations first.

    Parameters
    ----------
    depth : int, optional
        How many levels of calibrations below a product may be made. By default all.
    commit : bool, optional
        Whether to store what is made. The default is False.
    pars : dict or Pars, optional
        The user's parameters. By default none.
    folder : path, optional
        Where files are left. By default none are.
    dry : bool, optional
        Whether to plan only: nothing is computed or stored. The default is False.

    Attributes
    ----------
    made : list of Product
        What was made, calibrations before what they serve.
    plan : Plan
        What was used, made (or would be), and is missing, in that order.
    """

    def __init__(self, depth=None, commit=False, pars=None, folder=None, *, dry=False):
        if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int)):
            msg = f"depth is a whole number of levels or None for all, not {depth!r}."
            raise AweTypeError(msg)
        if depth is not None and depth < 0:
            msg = f"depth is 0 or more levels of calibrations, not {depth}."
            raise AweValueError(msg)
        self.pars = check_pars(as_pars(pars), products_that_there_are())
        self._depth, self._left = depth, depth
        self._options = {"commit": commit, "folder": folder}
        self.dry = dry
        self.made, self.plan = [], Plan()
        self._costs = Costs()
        self._candidates = Candidates()
        self._fresh = {}
        self._recipes = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(at_hand([]))
        return self

    def __exit__(self, *error):
        self._stack.close()

    # --- one unit ---

    def task(self, cls, **arguments):
        """Give the recipe of a class with the user's parameters.

        Parameters
        ----------
        cls : type
            A class of products.
        **arguments
            Those of the recipe; what it does not have is left out.

        Returns
        -------
        Task
            Its calibrations are made where they must be.
        """
        recipe = self._recipe(cls)
        classes = [registry.find_class(name) for name in recipe.product_names]
        pars = {**arguments.pop("pars", {}), **pars_of(self.pars, classes)}
        known = {n: v for n, v in arguments.items() if n in recipe._arguments and v is not None}
        return recipe(**known, pars=pars, **self._options)

    def _recipe(self, cls):
        if cls not in self._recipes:
            self._recipes[cls] = recipe_of(cls)
        return self._recipes[cls]

    def settle(self, task, unit, interval=None):
        """Give the product of a unit: the one of this content that is there, or a new one.

        Parameters
        ----------
        task : Task
            From `task`.
        unit : Unit
            One of its units.
        interval : tuple of datetime.datetime, optional
            Validity of a new calibration. By default that of its night.

        Returns
        -------
        Product
            In a dry run perhaps one that is not made yet.
        """
        with choosing(task, self._calibration):
            makings = task.prepare(unit)
        products = foresee(makings)
        wanted = products[-1]
        if interval is not None and interval != (wanted.timestamp_start, wanted.timestamp_end):
            object.__setattr__(wanted, "_validity", interval)
            wanted.set_validity(interval)
        there = _there(wanted)
        if there is not None:
            self.plan.append(planned_unit(task, unit, "use", [there], self._costs))
            return there
        _refuse_bad(wanted)
        self.plan.append(planned_unit(task, unit, "make", products, self._costs))
        if not self.dry:
            unit.makings = makings
            task.run_unit(unit)
            self.made.append(wanted)
        if not wanted.is_committed:
            self._stack.enter_context(at_hand([wanted]))
        self._candidates.clear()
        return wanted

    # --- calibrations below ---

    @contextlib.contextmanager
    def _deeper(self):
        before = self._left
        self._left = None if before is None else before - 1
        try:
            yield
        finally:
            self._left = before

    def _calibration(self, frame, dependency, parameters=None):
        """Choose a calibration as tasks do, and make it where it is missing or out of date."""
        if self._left == 0:
            return self._candidates.choose(frame, dependency, parameters)
        try:
            best = self._candidates.choose(frame, dependency, parameters)
        except CalibrationNotFound as err:
            with self._deeper():
                return self._missing(frame, dependency, parameters, err)
        while best is not None:
            try:
                return self.fresh(best)
            except _AllBadError:
                # The next best may do.
                self._candidates.leave_out(best)
                best = self._candidates.choose(frame, dependency, parameters)
        return None

    def fresh(self, product):
        """Give what takes the place of a product now: itself where it is up to date.

        Parameters
        ----------
        product : Product
            A stored one.

        Returns
        -------
        Product
            Made of the same raw frames, as far as they are good, with the calibrations that
            would be chosen now.
        """
        key = reference(product)
        if key not in self._fresh:
            # Whoever asks for it on the way gets the product itself.
            self._fresh[key] = product
            if _can_be_made_again(product):
                with self._deeper():
                    self._fresh[key] = self.again(product)
        return self._fresh[key]

    def again(self, product):
        """Give the product that the recipe of a product gives now.

        Parameters
        ----------
        product : Product
            A stored one.

        Returns
        -------
        Product
            The same where that is up to date.
        """
        given = {n: getattr(product, n) or False for n in product.overridden_inputs}
        given = {n: v for n, v in given.items() if not judged_bad(v)}
        task = self.task(
            type(product), instrument=product.instrument.name, pars=_users_pars(product), **given
        )
        sources = {}
        for dependency in product.own_night:
            source = self._own_night(product, dependency)
            if source is not None and dependency.name not in given:
                sources[dependency.name] = source if self._left == 0 else self.fresh(source)
        unit = task.unit_again(product, sources)
        if unit is None:
            msg = f"{product!r} cannot be made again: all its raw frames are judged bad now."
            raise _AllBadError(msg, cause="all raw frames are judged bad")
        if product.picked and any(frame.is_suspect() for frame in unit.inputs["frames"]):
            msg = f"{product!r} is made of frames that hang on what is judged bad."
            raise AweValueError(
                msg, cause="it is made of suspect frames",
                remedy=f"Make these again, and then run {type(task).__name__}: people pick them.",
            )  # fmt: skip
        interval = None
        if "timestamp_start" in product._attributes:
            interval = (product.timestamp_start, product.timestamp_end)
        return self.settle(task, unit, interval)

    def _own_night(self, product, dependency):
        """Give the newest calibration of a product's own night, or the one that it has."""
        matched = tuple(getattr(product, name) for name in dependency.match)
        night = to_microseconds(product.night)
        for group in self._candidates.groups(dependency, matched, None):
            found = group.newest(night)
            if found is not None:
                return found
        return getattr(product, dependency.name)

    def _missing(self, frame, dependency, parameters, error):
        """Make a calibration that there is none of, of the nearest night that has raw frames."""
        reasons = []
        links = [n for n in ("instrument", "chip", "filter") if n in dependency.match]
        links = {n: getattr(frame, n, None) for n in links}
        names = {n: link.name for n, link in links.items() if link is not None}
        for name in dependency.class_names:
            cls = registry.find_class(name)
            for night in self._nights(cls, frame, dependency):
                try:
                    self.of_names(cls, {**names, "date": night})
                    return self._candidates.choose(frame, dependency, parameters)
                except AweError as err:
                    reasons.append(f"{name} of {night:%Y-%m-%d}: {err.cause}")
        if reasons:
            text = "\n  ".join([str(error), "and none could be made:", *reasons])
            raise CalibrationNotFound(text, cause=error.cause) from error
        raise error

    def of_names(self, cls, names):
        """Give the products of a class that some names tell.

        Parameters
        ----------
        cls : type
            The class.
        names : dict
            instrument, chip, filter, date, or any argument of the recipe.

        Returns
        -------
        list of Product
            Empty where there are no raw frames.
        """
        task = self.task(cls, **names)
        failed = []
        if self._left != 0 and not cls.picked:
            with self._deeper():
                for source in task.selected_classes():
                    # One kind may do where the other cannot be made.
                    with _noted(failed):
                        if issubclass(source, Product):
                            self.of_names(source, names)
        units = task.units()
        if not units and failed:
            raise failed[0]
        return [self.settle(task, unit) for unit in units]

    def _nights(self, cls, frame, dependency):
        """Give the nights with raw frames of which a calibration would serve, nearest first."""
        values = resolve(cls, frame.names() if hasattr(frame, "names") else {}, self.pars)[0]
        found = set()
        for raw in self._raw_classes(cls):
            query = raw.is_valid > 0
            for name in dependency.match:
                wanted = dependency.value_of(frame, name)
                if name in raw._attributes and wanted is not None:
                    query = query & (dependency.term_of(raw, name) == wanted)
            if query.exists():
                found |= {night.item() for night in set(query.table("night")["night"].data)}
        before, after = values.VALID_NIGHTS_BEFORE, values.VALID_NIGHTS_AFTER
        serve = [n for n in found if -before <= (frame.night - n).days <= after]
        return sorted(serve, key=lambda night: (abs(frame.night - night), night))

    def _raw_classes(self, cls):
        recipe = self._recipe(cls)
        for selected in recipe.selected_classes():
            if issubclass(selected, Product):
                yield from self._raw_classes(selected)
            else:
                yield selected


@contextlib.contextmanager
def _noted(failed):
    try:
        yield
    except AweError as err:
        failed.append(err)


def recipe_of(cls):
    """Give the recipe that makes a class of products.

    Parameters
    ----------
    cls : type
        The class.

    Returns
    -------
    type
        The task.

    Raises
    ------
    AweLookupError
        There is none, or the recipes are not loaded.
    """
    if not hooks.is_known("recipe_of"):
        msg = f"The recipes are not loaded, so nothing is known of how a {cls.__name__} is made."
        raise AweLookupError(msg, remedy="Type: import awe.recipes")
    return hooks.call("recipe_of", cls)


def products_that_there_are():
    """Give the classes of products of which there may be objects.

    Returns
    -------
    list of type
        All that are declared and not abstract.
    """
    return [c for c in registry.all_classes() if issubclass(c, Product) and not c.abstract]


def _there(wanted):
    """Give the newest good product of the same content, or None."""
    cls = type(wanted)
    bits = disqualifying_bits() if "timestamp_start" in cls._attributes else 0
    good = [
        p for p in cls.content_key == wanted.content_key
        if type(p) is cls and p.is_valid > 0 and not p.quality_flags & bits
        and all(_alike(getattr(p, n), getattr(wanted, n)) for n in cls.companions)
    ]  # fmt: skip
    return max(good, key=lambda p: p.creation_date, default=None)


def _alike(first, second):
    return getattr(first, "content_key", None) == getattr(second, "content_key", None)


def _refuse_bad(wanted):
    """Refuse a calibration of which the same content is judged bad: it would be no better."""
    if "timestamp_start" not in wanted._attributes:
        return
    same = type(wanted).content_key == wanted.content_key
    bad = max(same, key=lambda p: p.creation_date, default=None)
    if bad is None:
        return
    if bad.is_valid == 0:
        why = "is judged bad"
    else:
        bits = bad.quality_flags & disqualifying_bits()
        why = f"has the quality flags {', '.join(f.name for f in decode(bits))}"
    msg = f"{bad!r} {why}, and made again of the same in the same way it would be no better."
    raise AweValueError(
        msg, cause=f"the {type(bad).__name__} of the same content {why}",
        remedy="Judge its raw frames (context.update_is_valid), or change a parameter.",
    )  # fmt: skip


def _can_be_made_again(product):
    """Tell whether a recipe would find all that a product was made of."""
    inputs = [o for _, o in product.input_objects()]
    hidden = any(isinstance(o, Restricted) for o in inputs)
    return product.is_committed and not product.picked and not hidden


def _users_pars(product):
    """Give the parameters that a user gave when a product was made."""
    origins = dict(text.split(": ", 1) for text in product.parameter_origins)
    prefix = f"{type(product).__name__}.process_params."
    return {
        prefix + name: getattr(product.process_params, name)
        for name, origin in origins.items() if origin == "user"
    }  # fmt: skip
