"""Queries: lazy, answered from columns, combined with & | ~."""

import itertools
import operator

from awe.base import hooks
from awe.base.errors import (
    AweAttributeError,
    AweIndexError,
    AweLookupError,
    AweTypeError,
    did_you_mean,
)
from awe.store import aggregates, at_hand, current, results
from awe.store import expressions as ex

__all__ = ["Query"]

_MISUSE = (
    "A query is neither true nor false. Combine conditions with & | ~ (not with and, or, not, "
    "and not as 0 < X.a < 5)"
)


class Query:
    """The objects of a class that meet a condition and that the context may see.

    Parameters
    ----------
    cls : type
        The class; its subclasses count.
    condition : condition
        A tree of `awe.store.expressions`.
    order : tuple of (Path, bool), optional
        Attributes to sort by, each with True for descending. By default the order of commit.
    """

    # NumPy must not take a query for an array of conditions.
    __array_ufunc__ = None

    def __init__(self, cls, condition, order=()):
        self._cls = cls
        self._condition = condition
        self._order = order
        self._found = None
        self._found_at = None

    # --- combining ---

    def _other(self, other, sign="&"):
        if not isinstance(other, Query):
            from awe.store.terms import missing_parentheses

            missing_parentheses("...", getattr(other, "_path", None) or repr(other), sign)
        if issubclass(other._cls, self._cls):
            return other._cls
        if issubclass(self._cls, other._cls):
            return self._cls
        msg = (
            f"A query on {self._cls.__name__} and one on {other._cls.__name__} have no objects "
            f"in common."
        )
        raise AweTypeError(msg)

    def __and__(self, other):
        cls = self._other(other)
        return Query(cls, ex.And([self._condition, other._condition]), self._order)

    def __or__(self, other):
        self._other(other, "|")
        if self._cls is not other._cls:
            msg = (
                f"`|` joins queries on one class, not on {self._cls.__name__} and "
                f"{other._cls.__name__}."
            )
            raise AweTypeError(msg)
        return Query(self._cls, ex.Or([self._condition, other._condition]), self._order)

    def __invert__(self):
        return Query(self._cls, ex.Not(self._condition), self._order)

    def __xor__(self, other):
        raise AweTypeError(_MISUSE + ".")

    def __rand__(self, other):
        self._refuse_left(other, "&")

    def __ror__(self, other):
        self._refuse_left(other, "|")

    def _refuse_left(self, other, sign):
        from awe.store.terms import missing_parentheses

        missing_parentheses(repr(other), "...", sign)

    __rxor__ = __xor__

    def __bool__(self):
        raise AweTypeError(_MISUSE + ".", remedy="Ask q.exists() or len(q).")

    def project_only(self, project=None):
        """Narrow the query, in place, to one project.

        Parameters
        ----------
        project : Project or str, optional
            The project or its name. The default is the current one.

        Returns
        -------
        Query
            The query itself.
        """
        project = current.context().find_project(project)
        scope = ex.Scope("project", project._packed, f"project {project.name}")
        return self._narrow(scope)

    def user_only(self):
        """Narrow the query, in place, to what the current user created.

        Returns
        -------
        Query
            The query itself.
        """
        user = current.context().get_current_user()
        return self._narrow(ex.Scope("creator", user._packed, f"user {user.name}"))

    def not_suspect(self):
        """Leave out what hangs on something that people judged bad.

        Returns
        -------
        Query
            A new query; what it leaves out has its reasons in ``why_suspect()``.
        """
        suspect = ex.Hooked("suspect")
        return Query(self._cls, ex.And([self._condition, ex.Not(suspect)]), self._order)

    def _narrow(self, scope):
        self._condition = ex.And([self._condition, scope])
        self._found = None
        return self

    def order_by(self, *names):
        """Sort by attributes; missing values come last.

        Parameters
        ----------
        *names : str
            Attributes such as 'DATE_OBS' or 'filter.name'; a minus in front sorts descending.

        Returns
        -------
        Query
            A new query.
        """
        order = []
        for name in names:
            descending = isinstance(name, str) and name.startswith("-")
            path = results.named_path(self._cls, name[1:] if descending else name)
            results.check_scalar(path, "order_by")
            order.append((path, descending))
        return Query(self._cls, self._condition, tuple(order))

    # --- answers ---

    def _rows(self):
        """Give the numbers of the objects in order, as of the present snapshot."""
        session = current.session()
        session.ensure()
        stamp = (session, session.epoch, current.context().version)
        if self._found is None or self._found_at != stamp:
            found = results.find(session, self._cls, self._condition)
            if self._order:
                found = aggregates.sort(session, self._cls, found, self._order)
            self._found, self._found_at = found, stamp
            results.warn_of_unknown(session, self._cls)
        return self._found

    def __len__(self):
        session = current.session()
        session.ensure()
        stamp = (session, session.epoch, current.context().version)
        if self._found is not None and self._found_at == stamp:
            return len(self._found)
        results.warn_of_unknown(session, self._cls)
        return results.count(session, self._cls, self._condition)

    def exists(self):
        """Tell whether there is any object.

        Returns
        -------
        bool
            True where ``len`` is not 0.
        """
        return len(self) > 0

    def __iter__(self):
        # The rows are fixed here: a commit in the loop's body changes nothing of what it sees.
        stored = results.objects(current.session(), self._rows().copy())
        new = at_hand.new_ones(self._cls, self._condition)
        return itertools.chain(stored, new) if new else stored

    def __getitem__(self, index):
        rows = self._rows()
        session = current.session()
        if isinstance(index, slice):
            return list(results.objects(session, rows[index]))
        try:
            packed = rows[operator.index(index)]
        except TypeError:
            msg = f"A query is indexed by whole numbers and slices, not by {index!r}."
            raise AweTypeError(msg) from None
        except IndexError:
            msg = f"The query finds {len(rows)} objects of {self._cls.__name__}; there is no "
            remedy = "q.explain() tells which condition leaves none." if not len(rows) else None
            raise AweIndexError(msg + f"[{index}].", remedy=remedy) from None
        return session.get(int(packed))

    def __contains__(self, obj):
        return bool(getattr(obj, "_packed", 0)) and bool((self._rows() == obj._packed).any())

    def max(self, name):
        """Give the object with the greatest value.

        Parameters
        ----------
        name : str
            The attribute.

        Returns
        -------
        DBObject or None
            The first in the order of commit where several have it; None where no object has a
            value.
        """
        return self._extreme(name, greatest=True)

    def min(self, name):
        """Give the object with the least value.

        Parameters
        ----------
        name : str
            The attribute.

        Returns
        -------
        DBObject or None
            The first in the order of commit where several have it; None where no object has a
            value.
        """
        return self._extreme(name, greatest=False)

    def _extreme(self, name, greatest):
        path = results.named_path(self._cls, name)
        results.check_scalar(path, "max" if greatest else "min")
        session = current.session()
        packed = aggregates.extreme(session, self._cls, self._rows(), path, greatest)
        return None if packed is None else session.get(packed)

    def table(self, *names):
        """Give attributes of all objects as a table, straight from the columns.

        Parameters
        ----------
        *names : str
            Attributes such as 'DATE_OBS', 'filter.name', 'imstat.max', and keys of dicts such as
            "header['EXPTIME']"; for a key without a column each object is read.

        Returns
        -------
        astropy.table.Table
            One row per object, missing values masked, times as datetime64 in UTC.
        """
        if not names:
            msg = "table() takes the names of attributes, such as q.table('DATE_OBS')."
            raise AweTypeError(msg)
        return results.table(current.session(), self._cls, self._rows(), names)

    def values(self, *names):
        """Give attributes of all objects as plain values, straight from the columns.

        Parameters
        ----------
        *names : str
            Attributes such as 'DATE_OBS', 'filter.name'.

        Returns
        -------
        list of tuple
            One for each object; None where a value is missing.
        """
        paths = [results.named_path(self._cls, name) for name in names]
        rows, session = self._rows(), current.session()
        return results.plain_values(session, rows, paths)

    def stats(self, name):
        """Give count, least, greatest, mean, median and standard deviation.

        Parameters
        ----------
        name : str
            A number attribute.

        Returns
        -------
        Statistics
            None and NaN are counted apart and otherwise ignored.
        """
        path = results.named_path(self._cls, name)
        results.check_column(path, "stats")
        return aggregates.statistics(current.session(), self._cls, self._rows(), path)

    def inspect(self, *, save=None, block=None, mask=False, blink=False):
        """Look at the frames of the query side by side, or in turn; the first 24.

        Parameters
        ----------
        save : str or os.PathLike, optional
            File for the picture. By default a window is opened where there is a screen.
        block : bool, optional
            Whether to wait until the window is closed. By default in scripts only.
        mask : bool, optional
            Whether bad pixels are marked by colour from the beginning. The default is False.
        blink : bool, optional
            Whether they are shown in turn, with the key ``b``. The default is False.

        Returns
        -------
        pathlib.Path or None
            The picture that ``save`` names.
        """
        picture = hooks.call("inspect", self, save=save, block=block, mask=mask, blink=blink)
        return None if save is None else picture

    def plot(self, x, y=None, *, by=None, save=None, block=None):
        """Draw one attribute against another; a click on a point prints its object.

        Parameters
        ----------
        x, y : str
            Attributes such as 'DATE_OBS', 'imstat.median', or of a class that links here or is
            linked to: 'ProcessedExposure.seeing'. One alone is drawn against time.
        by : str, optional
            The attribute that decides the colour. By default all are alike.
        save : str or os.PathLike, optional
            File for the picture. By default a window is opened where there is a screen.
        block : bool, optional
            Whether to wait until the window is closed. By default in scripts only.

        Returns
        -------
        pathlib.Path or None
            The picture that ``save`` names.
        """
        picture = hooks.call("plot", self, x, y, by=by, save=save, block=block)
        return None if save is None else picture

    def hist(self, name, *, bins=None, by=None, log=None, save=None, block=None):
        """Draw how often the values of an attribute occur.

        Parameters
        ----------
        name : str
            The attribute: a number or time in bins, of anything else a bar for each value.
        bins : int, optional
            Number of bins. By default as many as the values need.
        by : str, optional
            The attribute that decides the colour. By default all are alike.
        log : bool, optional
            Whether the axis of values is logarithmic. By default where they span a wide range.
        save, block : optional
            As for `plot`.

        Returns
        -------
        pathlib.Path or None
            The picture that ``save`` names.
        """
        options = {"bins": bins, "by": by, "log": log, "save": save, "block": block}
        picture = hooks.call("hist", self, name, **options)
        return None if save is None else picture

    def sky(self, *, ra=None, dec=None, by=None, save=None, block=None):
        """Draw the positions on the sky, of frames with world coordinates their outlines.

        Parameters
        ----------
        ra, dec : str, optional
            Attributes with the position in degrees. By default those that the class has.
        by : str, optional
            The attribute that decides the colour. By default all are alike.
        save, block : optional
            As for `plot`.

        Returns
        -------
        pathlib.Path or None
            The picture that ``save`` names.
        """
        picture = hooks.call("sky", self, ra=ra, dec=dec, by=by, save=save, block=block)
        return None if save is None else picture

    def explain(self):
        """Print how many objects remain after each condition, and which one left none."""
        emptied = False
        for text, number in self.steps():
            mark = "  <- leaves none" if number == 0 and not emptied else ""
            emptied = emptied or number == 0
            print(f"{number:>10}  {text}{mark}")

    def steps(self):
        """Count the objects that remain after each condition.

        Returns
        -------
        list of (str, int)
            Each condition with the count after it; the first is everything visible.
        """
        terms = _flat(self._condition)
        session = current.session()
        session.ensure()
        steps = [(f"all {self._cls.__name__} you may see", ex.Everything())]
        steps += [(str(t), t) for t in terms]
        counts, before = [], []
        for text, term in steps:
            before.append(term)
            number = results.count(session, self._cls, ex.And(before))
            counts.append((text, number))
        return counts

    def _repr_html_(self):
        return hooks.call("html", self) if hooks.is_known("html") else None

    def __repr__(self):
        return f"<Query on {self._cls.__name__}: {self._condition}; {len(self)} objects>"

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._cls._attributes or name in self._cls._inverses:
            hint = f" {name} belongs to each {self._cls.__name__}: [x.{name} for x in query]."
        else:
            hint = did_you_mean(name, [n for n in dir(type(self)) if not n.startswith("_")])
        msg = f"A query has no attribute {name!r}.{hint}"
        raise AweAttributeError(msg)

    def one(self):
        """Give the only object.

        Returns
        -------
        DBObject
            The object.

        Raises
        ------
        AweLookupError
            There is none, or more than one.
        """
        rows = self._rows()
        if len(rows) != 1:
            msg = f"{len(rows)} objects of {self._cls.__name__} meet {self._condition}, not one."
            remedy = "Ask q.explain() which condition leaves none." if len(rows) == 0 else None
            raise AweLookupError(msg, remedy=remedy)
        return current.session().get(int(rows[0]))


def _flat(condition):
    if isinstance(condition, ex.And):
        return [t for term in condition.terms for t in _flat(term)]
    return [] if isinstance(condition, ex.Everything) else [condition]
