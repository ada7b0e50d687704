"""Targets: ask for a result; what exists and is up to date is given, the rest is made."""

from awe.base.errors import AweError, AweLookupError, AweTypeError, AweValueError, did_you_mean
from awe.base.progress import track
from awe.process.candidates import reference
from awe.process.given import as_objects
from awe.process.maker import Maker, recipe_of
from awe.process.plan import PlannedUnit
from awe.process.product import Product
from awe.process.task import Failure, Products, failure_lines
from awe.store.kinds import ListKind

__all__ = ["remake", "target", "targets"]


def target(cls, raw=None, *, depth=None, commit=False, pars=None, folder=None, plan=False, **names):
    """Give a product: the one that exists if it is up to date, or else a new one.

    Parameters
    ----------
    cls : type
        The class of the product.
    raw : RawFrame, optional
        The frame to be worked on. By default `names` tell the product.
    depth, commit, pars, folder
        As for `Maker`.
    plan : bool, optional
        Whether only the plan is wanted. The default is False.
    **names
        instrument, chip, filter, date, or any argument of the recipe.

    Returns
    -------
    Product or Plan
        The product; with ``plan=True`` what would be done for it.

    Raises
    ------
    AweError
        It cannot be made.
    """
    _check_names(cls, names)
    if (raw is None) == (not names):
        msg = f"{cls.__name__}.target needs either raw= or instrument=, chip=, filter= and date=."
        raise AweTypeError(msg)
    if raw is None and not plan:
        # Nothing is made before it is known to be one.
        with Maker(depth, commit, pars, folder, dry=True) as maker:
            _check_single(cls, names, maker.of_names(cls, names), depth)
    with Maker(depth, commit, pars, folder, dry=plan) as maker:
        if raw is None or _combines(cls, raw):
            found = maker.of_names(cls, names or _different([raw])[0])
        else:
            task = maker.task(cls, instrument=_instrument(cls, raw))
            found = [maker.settle(task, unit) for unit in _units(task, [raw])]
            if not found:
                why = ", ".join(task.left_out)
                msg = f"There is no {cls.__name__} to be made of {raw!r}: it is left out, {why}."
                raise AweLookupError(msg)
        if raw is not None and not plan:
            _check_single(cls, {"raw": raw}, found, depth)
    return maker.plan if plan else _part(found[0], cls)


def _combines(cls, raw):
    """Tell whether a class combines raw frames: then a frame stands for its CCD and night."""
    _instrument(cls, raw)
    return isinstance(cls._attributes[cls.inputs[0]].kind, ListKind)


def _check_single(cls, names, found, depth):
    """Raise where names tell no product, or several."""
    if len(found) == 1:
        return
    words = _words(names)
    if found:
        told = "\n  ".join(repr(p).replace(" uncommitted", "") for p in found[:5])
        msg = f"{words} tells {len(found)} {cls.__name__}:\n  {told}"
        raise AweValueError(msg, remedy=f"Say which, or type {cls.__name__}.targets(query).")
    why = "what it is made of is not there, and depth=0 makes none"
    why = why if depth == 0 else "there are no raw frames"
    msg = f"There is no {cls.__name__} to be made of {words}: {why}."
    raise AweLookupError(msg)


def _check_names(cls, names):
    recipe = recipe_of(cls)
    for name in names:
        if name not in recipe._arguments:
            hint = did_you_mean(name, recipe._arguments)
            msg = f"{cls.__name__}.target has no argument {name!r}.{hint}"
            raise AweTypeError(msg, remedy=f"Arguments: raw, {', '.join(recipe._arguments)}, depth")


def _words(names):
    return ", ".join(f"{n}={getattr(v, 'name', v)!r}" for n, v in names.items())


def _instrument(cls, raw):
    instrument = getattr(raw, "instrument", None)
    if instrument is None:
        msg = f"{cls.__name__}.target(raw=...) takes a raw frame, not {raw!r}."
        raise AweTypeError(msg)
    return instrument.name


def _units(task, frames):
    """Give the units for some frames: raw ones, or products that are wanted again."""
    selected = task.selected_classes()
    raws = [frame for frame in frames if isinstance(frame, selected)]
    if len(raws) == len(frames):
        good = task.good(raws)
        return task.units_of(good) if good else []
    wrong = next(frame for frame in frames if not isinstance(frame, selected))
    names = " or ".join(cls.__name__ for cls in selected)
    msg = f"{type(task).__name__} works on {names}, not on {wrong!r}."
    raise AweTypeError(msg)


def _part(product, cls):
    """Give what was asked for of what a recipe makes together."""
    waiting = [product]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, cls):
            return found
        waiting += [getattr(found, name) for name in found.companions]
        waiting += [o for _, o in found.input_objects() if isinstance(o, Product)]
    msg = f"{product!r} has no {cls.__name__}."
    raise AweLookupError(msg)


def targets(cls, query, *, depth=None, commit=False, pars=None, folder=None, plan=False):
    """Give the products of many frames, and make those that are missing or out of date.

    Parameters
    ----------
    cls : type
        The class of the products.
    query : Query or list
        Raw frames that its recipe works on, or products of the class.
    depth, commit, pars, folder
        As for `Maker`.
    plan : bool, optional
        Whether only the plan is wanted. The default is False.

    Returns
    -------
    Products or Plan
        The products; `failures` has the reasons of the rest. With ``plan=True`` the plan.
    """
    frames = as_objects(query, f"{cls.__name__}.targets")
    with Maker(depth, commit, pars, folder, dry=plan) as maker:
        wishes = _wishes(maker, cls, frames)
        found = _settled(maker, wishes, f"{cls.__name__} targets")
    if plan:
        return maker.plan
    found[:] = {reference(p): p for p in found}.values()
    print(_told(cls, found, maker))
    return found


def _settled(maker, wishes, words):
    """Give the products of wishes; one that cannot be fulfilled does not stop the others."""
    found = Products()
    found.failures = []
    for label, cls, make in track(wishes, words):
        try:
            found += [_part(product, cls) for product in make()]
        except AweError as err:
            found.failures.append(Failure(label, err))
            maker.plan.append(PlannedUnit("", label, cls.__name__, "missing", error=err))
    return found


def _wishes(maker, cls, frames):
    """Give for each unit its label, the class that is wanted, and what settles it."""
    wishes, by_task = [], {}
    for frame in frames:
        if isinstance(frame, cls):
            wishes.append((repr(frame), cls, lambda frame=frame: [maker.again(frame)]))
        else:
            by_task.setdefault(_instrument(cls, frame), []).append(frame)
    for instrument, group in by_task.items():
        task = maker.task(cls, instrument=instrument)
        alike = all(isinstance(frame, task.selected_classes()) for frame in group)
        if alike and not _combines(cls, group[0]):
            units = _units(task, group)
            maker.plan.left_out += [line.strip() for line in task._left_out_lines()]
            for unit in units:
                wishes.append((unit.label, cls, lambda t=task, u=unit: [maker.settle(t, u)]))
            continue
        for names in _different(group):
            label = _words(names)
            wishes.append((label, cls, lambda names=names: _of_names(maker, cls, names)))
    return wishes


def _of_names(maker, cls, names):
    found = maker.of_names(cls, names)
    if not found:
        msg = f"There are no good raw frames to make a {cls.__name__} of {_words(names)}."
        raise AweLookupError(msg, cause=f"no good raw frames for a {cls.__name__}")
    return found


def _different(frames):
    """Give the different instruments, CCDs, filters and nights of frames."""
    found = {}
    for frame in frames:
        names = {n: getattr(frame, n, None) for n in ("instrument", "chip", "filter")}
        names = {n: v.name for n, v in names.items() if v is not None}
        found.setdefault((*names.items(), frame.night), {**names, "date": frame.night})
    return list(found.values())


def _told(cls, found, maker):
    made = {reference(p) for p in maker.made}
    new = sum(reference(p) in made for p in found)
    lines = [f"{cls.__name__}: {len(found) - new} there and up to date, {new} made"]
    below = {}
    for product in maker.made:
        if not isinstance(product, cls):
            below[type(product).__name__] = below.get(type(product).__name__, 0) + 1
    if below:
        lines.append(f"  made below: {', '.join(f'{n} {name}' for name, n in below.items())}")
    return "\n".join([*lines, *failure_lines(found.failures)])


def remake(product, *, depth=None, commit=False, pars=None, folder=None, plan=False):
    """Make a product again without what is judged bad or out of date.

    Parameters
    ----------
    product : Product or iterable of Product
        What is suspect or out of date; of a query or list each.
    depth, commit, pars, folder, plan
        As for `targets`.

    Returns
    -------
    Product, Products or Plan
        What takes its place; the same where it is up to date.
    """
    single = isinstance(product, Product)
    products = as_objects(product, "remake")
    for each in products:
        if not isinstance(each, Product):
            msg = f"remake takes products, such as q.not_suspect() leaves out, not {each!r}."
            raise AweTypeError(msg)
    with Maker(depth, commit, pars, folder, dry=plan) as maker:
        if single:
            found = _part(maker.again(product), type(product))
        else:
            wishes = [(repr(p), type(p), lambda p=p: [maker.again(p)]) for p in products]
            found = _settled(maker, wishes, "remake")
    if plan:
        return maker.plan
    if not single:
        print(_told(Product, found, maker))
    return found
