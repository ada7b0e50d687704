"""Tasks: select inputs, make products one by one, tell what failed and why."""

import dataclasses
import itertools
import reprlib
import shutil
import sys
import tempfile
import textwrap
import weakref
from pathlib import Path

from awe.base.errors import AweError, AweTypeError, AweValueError, did_you_mean
from awe.base.paths import typed_path
from awe.base.progress import track
from awe.process.own_code import helpers_of
from awe.process.parameters import check_pars
from awe.store import current
from awe.store.commit import closure

__all__ = ["Argument", "Failure", "Products", "Task", "TaskError", "Unit", "as_flag", "as_folder",
           "check_folder", "failure_lines"]  # fmt: skip

# Lines of a list of products.
_MOST = 10


class TaskError(AweError):
    """A task could make nothing."""


@dataclasses.dataclass(frozen=True)
class Argument:
    """An argument of a task.

    Attributes
    ----------
    name, doc : str
        Its name and meaning.
    default : object
        Its value where none is given.
    required : bool
        Whether it must be given.
    check : callable or None
        Called with the task's class name, the argument's and the value; gives the value to use,
        or raises.
    """

    name: str
    doc: str
    default: object = None
    required: bool = False
    check: object = None


def as_flag(task, name, value):
    """Take True, False, 1 or 0 as an argument.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : object
        What the user gave.

    Returns
    -------
    bool
        The value.

    Raises
    ------
    AweTypeError
        It is something else.
    """
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    msg = f"{task}: {name} is True or False, not {type(value).__name__} {value!r}."
    raise AweTypeError(msg)


def as_folder(task, name, value):
    """Take a folder as an argument.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : object
        What the user gave.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    AweTypeError
        It is no path.
    """
    if isinstance(value, (str, Path)):
        return typed_path(value)
    msg = f"{task}: {name} is a path or None, not {type(value).__name__} {value!r}."
    raise AweTypeError(msg)


@dataclasses.dataclass
class Unit:
    """One unit of work: what one product, or one CCD, is made from.

    Attributes
    ----------
    label : str
        What it is, for people.
    inputs : dict
        What the task's `make` needs.
    makings : list of Making or None
        What makes its products, where that is prepared already.
    """

    label: str
    inputs: dict
    makings: list | None = None


class Products(list):
    """What a task made: a list of which the prompt shows a few, and how many there are."""

    def __repr__(self):
        lines = [repr(obj) for obj in self[:_MOST]]
        if len(self) > _MOST:
            lines[-2:] = [f"... and {len(self) - _MOST + 2} more, {len(self)} in all"]
        return "[" + ",\n ".join(lines) + "]"


@dataclasses.dataclass(frozen=True)
class Failure:
    """A unit that failed.

    Attributes
    ----------
    label : str
        The unit.
    error : Exception
        Why.
    """

    label: str
    error: Exception

    @property
    def cause(self):
        """The first line of the reason, the same for all that fail for it."""
        if isinstance(self.error, AweError):
            return self.error.cause
        first = (str(self.error).splitlines() or [""])[0]
        return f"{type(self.error).__name__}: {first}"

    @property
    def text(self):
        """The whole reason."""
        return str(self.error)


def failure_lines(failures):
    """Group failures by cause, as a person reads them.

    Parameters
    ----------
    failures : iterable of Failure
        Or anything with `label`, `cause` and `text`.

    Returns
    -------
    list of str
        Of each cause the count, some of the units, and what to do.
    """
    by_cause, lines = {}, []
    for failure in failures:
        by_cause.setdefault(failure.cause, []).append(failure)
    for cause, alike in by_cause.items():
        labels = ", ".join(f.label for f in alike[:3])
        more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
        lines.append(f"  {len(alike)} failed ({labels}{more}): {cause}")
        whole = alike[0].text.splitlines()
        rest = whole[1:] if whole and cause.endswith(whole[0]) else whole
        told = list(itertools.takewhile(lambda line: not line.startswith(" "), rest))
        # A table below keeps its columns.
        told += textwrap.dedent("\n".join(rest[len(told) :])).splitlines()
        lines += [f"    {line}" for line in told]
    return lines


class _Scratch:
    """A folder for the files of one unit, removed at the latest when nobody refers to it."""

    def __init__(self, parent):
        try:
            if parent is not None:
                parent.mkdir(parents=True, exist_ok=True)
            made = tempfile.mkdtemp(prefix=".awe-task-", dir=parent)
        except (OSError, ValueError) as err:
            msg = f"No file can be written into {parent or 'the temporary folder'}: {err}."
            raise AweValueError(msg, remedy="Give another folder=, or None.") from err
        self.folder = Path(made).absolute()
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def holds(self, obj):
        """Tell whether the file of an object lies here."""
        local = getattr(obj, "_local_path", None)
        return local is not None and local.parent == self.folder


def check_folder(folder):
    """Raise where no file can be left in a folder.

    Parameters
    ----------
    folder : str, pathlib.Path or None
        The folder, which is made; None where no file is wanted.

    Raises
    ------
    AweValueError
        Nothing can be written there.
    """
    if folder is not None:
        _Scratch(typed_path(folder)).remove()


class _TaskMeta(type):
    """Gives a task's class the arguments of its bases, and a text that lists them."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        collected = {}
        for base in reversed(cls.__mro__):
            for argument in base.__dict__.get("arguments", ()):
                collected[argument.name] = argument
            for left_out in base.__dict__.get("without", ()):
                collected.pop(left_out, None)
        cls._arguments = collected

    @property
    def __doc__(cls):
        text = (cls.__dict__.get("__doc__") or "A task.").rstrip()
        width = max((len(n) for n in cls._arguments), default=0)
        lines = [f"    {a.name:<{width}}  {a.doc}" for a in cls._arguments.values()]
        return f"{text}\n\n    Arguments:\n\n" + "\n".join(lines) + "\n" + cls._parameters_text()


class Task(metaclass=_TaskMeta):
    """A recipe with its arguments, which are given by name."""

    arguments = (
        Argument("commit", "whether to store the products; False does all the work and stores "
                           "nothing", False, check=as_flag),
        Argument("pars", "process parameters: a Pars, or {'Class.process_params.NAME': value}"),
        Argument("folder", "where the files are left; None leaves none", ".", check=as_folder),
    )  # fmt: skip
    product_names = ()

    def __init__(self, *positional, **arguments):
        known = self._arguments
        if positional:
            raise AweTypeError(self._by_name_only(positional))
        for name in arguments:
            if name not in known:
                msg = f"{type(self).__name__} has no argument {name!r}.{did_you_mean(name, known)}"
                raise AweTypeError(msg, remedy=f"Arguments: {', '.join(known)}")
        for name, argument in known.items():
            if argument.required and arguments.get(name) is None:
                msg = f"{type(self).__name__} needs the argument {name}: {argument.doc}."
                raise AweTypeError(msg)
            value = arguments.get(name, argument.default)
            if value is not None and argument.check is not None:
                value = argument.check(type(self).__name__, name, value)
            setattr(self, name, value)
        self.pars = check_pars(getattr(self, "pars", None), self.product_classes())
        self.products = Products()
        self.failures = []
        self.check()

    @classmethod
    def _by_name_only(cls, values):
        name = cls.__name__
        names = sorted(cls._arguments, key=lambda n: not cls._arguments[n].required)
        given = ", ".join(f"{n}={reprlib.repr(v)}" for n, v in zip(names, values, strict=False))
        return f"{name} takes its arguments by name, as in {name}({given}), not by place."

    @classmethod
    def product_classes(cls):
        """Give the classes whose parameters the task uses."""
        from awe.store import registry

        return [registry.find_class(name) for name in cls.product_names]

    @classmethod
    def _parameters_text(cls):
        """Give the process parameters as text, for `help`."""
        from awe.process.parameters import parameter_lines

        lines = []
        for product in cls.product_classes():
            described = parameter_lines(product)
            if described:
                lines.append(f"\n    Parameters of {product.__name__}.process_params:\n")
                lines += [f"    {line}" for line in described]
        return "\n".join(lines) + ("\n" if lines else "")

    def check(self):
        """Raise where the arguments do not fit together; called before any work."""

    def units(self):
        """Select the inputs.

        Returns
        -------
        list of Unit
            What to do, one product or CCD each.
        """
        raise NotImplementedError

    def make(self, unit, folder):
        """Make the products of one unit.

        Parameters
        ----------
        unit : Unit
            The unit.
        folder : pathlib.Path
            Where to leave the files.

        Returns
        -------
        list of Product
            Not committed.
        """
        raise NotImplementedError

    def plan(self):
        """Find out what `execute` would make of what; nothing is computed or stored.

        Returns
        -------
        Plan
            Printing it shows what would be made, with which calibrations, what is missing and
            why, and how long it may take.

        Raises
        ------
        TaskError
            Nothing is selected.
        """
        from awe.process.plan import plan_tasks

        return plan_tasks([self])

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
        self.products, self.failures = Products(), []
        units = self.units()
        if not units:
            raise TaskError(self.nothing_selected())
        for ended, unit in enumerate(track(units, f"{type(self).__name__}")):
            try:
                self.products += self.run_unit(unit)
            except KeyboardInterrupt:
                print(f"{type(self).__name__}: stopped at {unit.label}; {ended} of {len(units)} "
                      f"ended before, {self._products_kept()}")  # fmt: skip
                raise
            except Exception as err:  # noqa: BLE001  the others go on; reported and raised below
                self.failures.append(Failure(unit.label, err))
        print(self.summary(len(units)))
        self._raise_unexpected()
        if not self.products:
            raise TaskError(f"{type(self).__name__} made nothing; the reasons stand above.")
        return self.products

    def run_unit(self, unit, store=None):
        """Make one unit, and commit its products where that was asked for.

        Parameters
        ----------
        unit : Unit
            The unit.
        store : callable, optional
            Commits the products, which it is called with. By default `context.commit`.

        Returns
        -------
        list of Product
            What was made.
        """
        scratch = _Scratch(self.folder)
        try:
            products = self.make(unit, scratch.folder)
            new = closure(products)
            self._note_recipe(new)
            if self.folder is None:
                for obj in new:
                    if scratch.holds(obj):
                        obj.give_file()
            if self.commit:
                (store or current.context().commit)(*products)
            made_here = [o for o in new if scratch.holds(o)]
            if self.folder is not None:
                self._leave(made_here)
        except BaseException:
            scratch.remove()
            raise
        if self.folder is None and not self.commit:
            # The folder lives as long as the uncommitted products that refer to it.
            for obj in made_here:
                object.__setattr__(obj, "_scratch", scratch)
        else:
            scratch.remove()
        return products

    def _note_recipe(self, new):
        """Let products of a recipe of the user's own remember by which file they were made."""
        name = type(self).__module__
        checksum = getattr(sys.modules.get(name), "__awe_checksum__", None)
        if not checksum:
            return
        own = {name: checksum, **helpers_of(sys.modules[name])}
        noted = [f"{each} {digest}" for each, digest in own.items()]
        for obj in new:
            if "dependency_versions" in obj._attributes:
                obj.dependency_versions = (*obj.dependency_versions, *noted)

    def _leave(self, made):
        """Move the files into the user's folder, once all of the unit are made and stored."""
        for obj in made:
            target = (self.folder / obj._local_path.name).absolute()
            obj._local_path.rename(target)
            object.__setattr__(obj, "_local_path", target)

    def nothing_selected(self):
        """Give the message where no input was found.

        Returns
        -------
        str
            What was asked for.
        """
        given = ", ".join(
            f"{n}={getattr(self, n)!r}"
            for n in self._arguments
            if getattr(self, n) is not None and n not in ("commit", "pars", "folder")
        )
        return f"{type(self).__name__}: no input frames for {given}."

    def summary(self, count):
        """Give what was made and what failed, grouped by cause.

        Parameters
        ----------
        count : int
            The number of units.

        Returns
        -------
        str
            A few lines.
        """
        done = count - len(self.failures)
        lines = [f"{type(self).__name__}: {done} of {count} done, {self._products_kept()}"]
        lines += failure_lines(self.failures)
        return "\n".join(lines)

    def _products_kept(self):
        state = "committed" if self.commit else "not committed"
        return f"{len(self.products)} products {state}"

    def _raise_unexpected(self):
        """Raise what is no user's error: it is a bug, and shows its traceback."""
        for failure in self.failures:
            if not isinstance(failure.error, AweError):
                failure.error.add_note(f"while {type(self).__name__} worked on {failure.label}")
                raise failure.error
