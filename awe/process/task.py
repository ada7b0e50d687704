"""Tasks: select inputs, make products one by one, tell what failed and why."""

import dataclasses
import tempfile
from pathlib import Path

from awe.base.errors import AweError, AweTypeError, did_you_mean
from awe.base.progress import track
from awe.process.parameters import check_pars
from awe.store import current

__all__ = ["Argument", "Failure", "Task", "TaskError", "Unit"]


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
    """

    name: str
    doc: str
    default: object = None
    required: bool = False


@dataclasses.dataclass
class Unit:
    """One unit of work: what one product, or one CCD, is made from.

    Attributes
    ----------
    label : str
        What it is, for people.
    inputs : dict
        What the task's `make` needs.
    """

    label: str
    inputs: dict


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
        return f"{type(self.error).__name__}: {str(self.error).splitlines()[:1]}"


class _TaskMeta(type):
    """Gives a task's class the arguments of its bases, and a text that lists them."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        collected = {}
        for base in reversed(cls.__mro__):
            for argument in base.__dict__.get("arguments", ()):
                collected[argument.name] = argument
        for left_out in namespace.get("without", ()):
            collected.pop(left_out, None)
        cls._arguments = collected

    @property
    def __doc__(cls):
        text = (cls.__dict__.get("__doc__") or "A task.").rstrip()
        width = max((len(n) for n in cls._arguments), default=0)
        lines = [f"    {a.name:<{width}}  {a.doc}" for a in cls._arguments.values()]
        return f"{text}\n\n    Arguments:\n\n" + "\n".join(lines) + "\n" + cls._parameters_text()


class Task(metaclass=_TaskMeta):
    """A recipe with its arguments.

    Parameters
    ----------
    **arguments
        As the class lists them; ``help`` shows them.
    """

    arguments = (
        Argument("commit", "whether to store the products; False does all the work and stores "
                           "nothing", False),
        Argument("pars", "process parameters, {'Class.process_params.NAME': value}"),
        Argument("folder", "where the files are left; None leaves none", "."),
    )  # fmt: skip
    product_names = ()

    def __init__(self, **arguments):
        known = self._arguments
        for name in arguments:
            if name not in known:
                msg = (
                    f"{type(self).__name__} has no argument {name!r}.{did_you_mean(name, known)}"
                )
                raise AweTypeError(msg, remedy=f"Arguments: {', '.join(known)}")
        for name, argument in known.items():
            if argument.required and arguments.get(name) is None:
                msg = f"{type(self).__name__} needs the argument {name}: {argument.doc}."
                raise AweTypeError(msg)
            setattr(self, name, arguments.get(name, argument.default))
        self.pars = check_pars(getattr(self, "pars", None), self.product_classes())
        self.products = []
        self.failures = []
        self.check()

    @classmethod
    def product_classes(cls):
        """Give the classes whose parameters the task uses."""
        from awe.store import registry

        return [registry.find_class(name) for name in cls.product_names]

    @classmethod
    def _parameters_text(cls):
        """Give the process parameters as text, for `help`."""
        from awe.process.parameters import parameters_class

        lines = []
        for product in cls.product_classes():
            record_class = parameters_class(product)
            if record_class is None or not record_class._attributes:
                continue
            lines.append(f"\n    Parameters of {product.__name__}.process_params:\n")
            for name, a in record_class._attributes.items():
                unit = f" {a.unit}" if a.unit else ""
                lines.append(
                    f"    {name:<28} {a.default!r}{unit} ({a.range_text()}): {a.doc}"
                )
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
        self.products, self.failures = [], []
        units = self.units()
        if not units:
            raise TaskError(self.nothing_selected())
        for unit in track(units, f"{type(self).__name__}"):
            try:
                self.products += self.run_unit(unit)
            except Exception as err:  # noqa: BLE001  the others go on; reported and raised below
                self.failures.append(Failure(unit.label, err))
        print(self.summary(len(units)))
        self._raise_unexpected()
        if not self.products:
            raise TaskError(f"{type(self).__name__} made nothing; the reasons stand above.")
        return self.products

    def run_unit(self, unit):
        """Make one unit, and commit its products where that was asked for.

        Parameters
        ----------
        unit : Unit
            The unit.

        Returns
        -------
        list of Product
            What was made.
        """
        folder, temporary = self._folder()
        products = self.make(unit, folder)
        if self.commit:
            current.context().commit(*products)
        for product in products:
            object.__setattr__(product, "_scratch", temporary)
        return products

    def _folder(self):
        if self.folder is not None:
            folder = Path(self.folder)
            folder.mkdir(parents=True, exist_ok=True)
            return folder, None
        # The folder lives as long as the products that refer to it.
        temporary = tempfile.TemporaryDirectory(prefix="awe-", ignore_cleanup_errors=True)
        return Path(temporary.name), temporary

    def nothing_selected(self):
        """Give the message where no input was found."""
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
        state = "committed" if self.commit else "not committed"
        done = count - len(self.failures)
        lines = [f"{type(self).__name__}: {done} of {count} done, {len(self.products)} products "
                 f"{state}"]  # fmt: skip
        by_cause = {}
        for failure in self.failures:
            by_cause.setdefault(failure.cause, []).append(failure)
        for cause, failures in by_cause.items():
            labels = ", ".join(f.label for f in failures[:3])
            more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
            lines.append(f"  {len(failures)} failed ({labels}{more}): {cause}")
            whole = str(failures[0].error).splitlines()
            rest = whole if whole and whole[0] != cause else whole[1:]
            lines += [f"    {line.strip()}" for line in rest]
        return "\n".join(lines)

    def _raise_unexpected(self):
        """Raise what is no user's error: it is a bug, and shows its traceback."""
        for failure in self.failures:
            if not isinstance(failure.error, AweError):
                failure.error.add_note(f"while {type(self).__name__} worked on {failure.label}")
                raise failure.error
