"""Plans: what a task, a chain of tasks or a target would make of what, before anything is done."""

import collections
import contextlib
import dataclasses

from awe.base.errors import AweError
from awe.base.progress import track
from awe.process.candidates import Candidates
from awe.process.needs import Needs
from awe.process.product import Product
from awe.store.at_hand import at_hand
from awe.store.files import DataObject

__all__ = [
    "Costs",
    "Plan",
    "PlannedUnit",
    "Used",
    "choosing",
    "foresee",
    "plan_tasks",
    "planned_unit",
]

# Lines of a plan that name single units.
_MOST = 12
# The costs of the last so many products are looked at.
_RECENT = 500
_STEPS = ((3600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))
_SIZES = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"), (1, "bytes"))


@dataclasses.dataclass(frozen=True)
class Used:
    """A calibration that would be used.

    Attributes
    ----------
    name : str
        The link, such as 'bias'.
    calibration : Product
        The stored one, or the one to be made.
    nights : int or None
        How far its night is from that of the frame.
    """

    name: str
    calibration: Product
    nights: int | None

    @property
    def coming(self):
        """Whether it is still to be made."""
        return not self.calibration.made_in

    def __str__(self):
        if self.coming:
            what = f"{type(self.calibration).__name__} to be made"
        else:
            what = repr(self.calibration)
        if self.nights is None:
            return f"{self.name}: {what}"
        plural = "" if self.nights == 1 else "s"
        return f"{self.name}: {what}, {self.nights} night{plural} away"


@dataclasses.dataclass
class PlannedUnit:
    """What would become of one unit of work.

    Attributes
    ----------
    task, label : str
        The recipe without 'Task', and the unit.
    class_name : str
        The class of its product.
    action : str
        'make', 'use' (it exists and is up to date) or 'missing'.
    product : Product or None
        The one that exists, or what it will be: with its inputs, parameters and content key.
    used : list of Used
        The calibrations.
    products : list of Product
        All that is made, with the product itself; empty where it exists.
    same : Product or None
        A stored product of the same content, though a new one would be made.
    error : AweError or None
        Why it cannot be made.
    seconds, bytes : float or None
        What it is expected to take; None where nothing is known.
    """

    task: str
    label: str
    class_name: str
    action: str
    product: Product | None = None
    used: list = dataclasses.field(default_factory=list)
    products: list = dataclasses.field(default_factory=list)
    same: Product | None = None
    error: AweError | None = None
    seconds: float | None = None
    bytes: float | None = None

    @property
    def inputs(self):
        """What the product is made from, as names of links and object_ids; for comparisons."""
        return [(n, o.object_id) for n, o in self.product.input_objects()]


class Plan(list):
    """What would be made, used and is missing, in the order of making; a list of PlannedUnit.

    Attributes
    ----------
    left_out : list of str
        Which frames are not worked on, and why.
    """

    def __init__(self, units=(), left_out=()):
        super().__init__(units)
        self.left_out = list(left_out)

    def of(self, action):
        """Give the units of one action.

        Parameters
        ----------
        action : str
            'make', 'use' or 'missing'.

        Returns
        -------
        list of PlannedUnit
            In their order.
        """
        return [unit for unit in self if unit.action == action]

    @property
    def seconds(self):
        """Expected seconds of computing, or None where some are not known."""
        return _sum(unit.seconds for unit in self.of("make"))

    @property
    def bytes(self):
        """Expected bytes of the files, or None where some are not known."""
        return _sum(unit.bytes for unit in self.of("make"))

    def __repr__(self):
        return str(self)

    def __str__(self):
        if not self:
            return "Plan: nothing to do."
        lines = [f"Plan: {self._counts()}"]
        lines += [f"  {line}" for line in self.left_out]
        lines += self._class_lines()
        lines += self._unit_lines()
        return "\n".join([*lines, *self._missing_lines(), *self._cost_lines()])

    def _counts(self):
        words = {"make": "to be made", "use": "there and used", "missing": "cannot be made"}
        counts = ((len(self.of(action)), text) for action, text in words.items())
        return ", ".join(f"{n} {text}" for n, text in counts if n)

    def _class_lines(self):
        """Give a line for each class, with how far its calibrations are away."""
        groups = collections.Counter((u.action, u.class_name) for u in self if u.error is None)
        lines = []
        for (action, name), number in groups.items():
            lines.append(f"  {action:<5} {number:>5} {name}")
            if action == "make":
                units = [u for u in self if (u.action, u.class_name) == (action, name)]
                lines += [f"              {line}" for line in _with_each(units)]
                lines += [f"              {line}" for line in _distances(units)]
                same = sum(unit.same is not None for unit in units)
                if same:
                    lines.append(f"              of {same} the same is there already")
        return lines

    def _unit_lines(self):
        units, lines = self.of("make"), []
        if len(units) > _MOST:
            return []
        for unit in units:
            lines.append(f"  {unit.class_name} {unit.label}")
            lines += [f"      {used}" for used in unit.used]
        return lines

    def _missing_lines(self):
        from awe.process.task import Failure, failure_lines

        failures = [Failure(unit.label, unit.error) for unit in self.of("missing")]
        return [line.replace(" failed (", " cannot be made (", 1)
                for line in failure_lines(failures)]  # fmt: skip

    def _cost_lines(self):
        if not self.of("make"):
            return []
        seconds, size = self.seconds, self.bytes
        time = "unknown" if seconds is None else f"about {_amount(seconds, _STEPS)}"
        disk = "unknown" if size is None else f"about {_amount(size, _SIZES)}"
        return [f"  expected: time {time}, files {disk}"]


def _sum(numbers):
    numbers = list(numbers)
    return None if None in numbers else float(sum(numbers))


def _amount(number, steps):
    size, unit = next((s for s in steps if number >= s[0]), steps[-1])
    return f"{number / size:.3g} {unit}"


def _with_each(units):
    """Tell what is made together with products of a class."""
    others = {type(p).__name__: 0 for u in units for p in u.products if p is not u.product}
    for unit in units:
        for product in unit.products:
            if product is not unit.product:
                others[type(product).__name__] += 1
    if others:
        yield f"with {', '.join(f'{n} {name}' for name, n in others.items())}"


def _distances(units):
    """Tell of each kind of calibration how many are how far away."""
    counts = {}
    for unit in units:
        for used in unit.used:
            if used.nights is not None:
                counts.setdefault(used.name, collections.Counter())[used.nights] += 1
    for name, nights in counts.items():
        parts = (f"{n} night{'' if n == 1 else 's'} away ({k})" for n, k in sorted(nights.items()))
        yield f"{name}: {', '.join(parts)}"


class Costs:
    """Expected time and size of products, from what earlier ones of their class took."""

    def __init__(self):
        self._known = {}

    def of(self, products):
        """Give what the making of some products takes.

        Parameters
        ----------
        products : list of Product
            New ones.

        Returns
        -------
        seconds, bytes : float or None
            None where there is no earlier product of a class and instrument.
        """
        costs = [self._of(product) for product in products]
        return _sum(seconds for seconds, _ in costs), _sum(size for _, size in costs)

    def _of(self, product):
        instrument = getattr(product, "instrument", None)
        key = (type(product), instrument)
        if key not in self._known:
            self._known[key] = _measured(*key)
        return self._known[key]


def _measured(cls, instrument):
    """Give the median seconds and bytes of the last products of a class and instrument."""
    import numpy as np

    query = cls.select_all()
    if instrument is not None and "instrument" in cls._attributes:
        query = cls.instrument == instrument
    if not query.exists():
        return None, None
    has_file = issubclass(cls, DataObject)
    names = ("made_in", "size") if has_file else ("made_in",)
    recent = query.table(*names)[-_RECENT:]
    medians = []
    for name in names:
        values = np.ma.compressed(np.ma.asarray(recent[name]))
        medians.append(float(np.median(values)) if len(values) else None)
    return (*medians, 0.0)[:2]


def foresee(makings):
    """Set the content keys of products that are prepared, and what else does not need pixels.

    Parameters
    ----------
    makings : list of Making
        As a task prepares them.

    Returns
    -------
    list of Product
        Their products, in the same order.
    """
    products = [making.product for making in makings]
    waiting = {id(product): product for product in products}
    for product in products:
        _foresee(product, waiting)
    return products


def _foresee(product, waiting):
    # The key of a product needs those of its inputs.
    if waiting.pop(id(product), None) is None:
        return
    for _, origin in product.input_objects():
        _foresee(origin, waiting)
    product.foresee()
    product.content_key = product.compute_content_key()


def planned_unit(task, unit, action, products, costs, **more):
    """Describe what becomes of a unit.

    Parameters
    ----------
    task : Task
        The task.
    unit : Unit
        The unit.
    action : str
        'make' or 'use'.
    products : list of Product
        What is made, the product that the unit is for last; or the one that exists.
    costs : Costs
        What things take.
    **more
        Further attributes of the `PlannedUnit`.

    Returns
    -------
    PlannedUnit
        With the calibrations and, where it is made, the costs.
    """
    product = products[-1]
    planned = PlannedUnit(
        _name(task), unit.label, type(product).__name__, action, product, _used(product), **more
    )
    if action == "make":
        planned.products = products
        planned.seconds, planned.bytes = costs.of(products)
    return planned


def _name(task):
    return type(task).__name__.removesuffix("Task")


def _used(product):
    """Give the calibrations of a product with their distances."""
    found = []
    chosen = (*product.dependencies, *product.own_night)
    night = _night(product)
    for name in dict.fromkeys(dependency.name for dependency in chosen):
        calibration = getattr(product, name)
        if isinstance(calibration, Product):
            other = getattr(calibration, "night", None)
            nights = None if None in (night, other) else abs((other - night).days)
            found.append(Used(name, calibration, nights))
    return found


def _night(product):
    """Give the night of a product, or of what it is made from."""
    night = getattr(product, "night", None)
    return night if night is not None else getattr(product.input_objects()[0][1], "night", None)


def plan_tasks(tasks):
    """Plan tasks that are done one after the other; nothing is computed or stored.

    What earlier tasks will make is found by later ones as if it were there.

    Parameters
    ----------
    tasks : list of Task
        With their arguments.

    Returns
    -------
    Plan
        The units of all.

    Raises
    ------
    TaskError
        A task finds nothing to work on.
    """
    from awe.process.task import TaskError

    plan, costs = Plan(), Costs()
    with contextlib.ExitStack() as stack:
        for task in tasks:
            units, coming = task.units(), []
            plan.left_out += [line.strip() for line in getattr(task, "_left_out_lines", list)()]
            if not units:
                raise TaskError(task.nothing_selected())
            needs = Needs(task)
            with choosing(task, Candidates().choose):
                for unit in track(units, f"plan of {_name(task)}"):
                    plan.append(_planned(task, unit, costs, coming, needs))
            stack.enter_context(at_hand(coming))
    return plan


@contextlib.contextmanager
def choosing(task, chooser):
    """Let a task choose calibrations in another way.

    Parameters
    ----------
    task : Task
        The task.
    chooser : callable
        Called as `awe.process.choose`.

    Yields
    ------
    None
        Afterwards the task chooses as before.
    """
    before = vars(task).get("chooser")
    task.chooser = chooser
    try:
        yield
    finally:
        del task.chooser
        if before is not None:
            task.chooser = before


def _planned(task, unit, costs, coming, needs):
    """Plan one unit; what it will make is added to what is coming."""
    products, error = [], None
    try:
        if hasattr(task, "prepare"):
            products = foresee(task.prepare(unit))
        else:
            error = needs.lacking(unit)
    except AweError as err:
        error = err
    if error is not None:
        name = task.product_names[-1] if task.product_names else ""
        return PlannedUnit(_name(task), unit.label, name, "missing", error=error)
    if not products:
        name = ", ".join(task.product_names)
        return PlannedUnit(_name(task), unit.label, name, "make")
    coming += products
    product = products[-1]
    same = (type(product).content_key == product.content_key).max("creation_date")
    return planned_unit(task, unit, "make", products, costs, same=same)
