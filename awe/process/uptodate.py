"""What is up to date: thousands of products are judged at once, from columns."""

import contextlib

import numpy as np

from awe.base import hooks
from awe.base.errors import AweLookupError, AweTypeError
from awe.process.given import as_objects
from awe.process.judge import Judge
from awe.process.product import Product
from awe.store import current
from awe.store.attributes import path_of
from awe.store.query import Query
from awe.store.results import column_of

__all__ = ["missing", "uptodate", "why_outdated"]


def why_outdated(product, pars=None):
    """Tell why a product is out of date.

    Parameters
    ----------
    product : Product
        The product.
    pars : dict or Pars, optional
        Parameters that are wanted. By default those that a user gave when it was made, and the
        present defaults.

    Returns
    -------
    list of str
        Empty where it is up to date.
    """
    if product.is_committed:
        judge = Judge(pars)
        return list(judge.reasons(np.array([product._packed]))[product._packed])
    from awe.process.maker import Maker

    with Maker(pars=pars, dry=True) as maker:
        again = maker.again(product)
    same = again.content_key == product.content_key
    return [] if same else ["it would be made of other inputs or with other parameters now"]


def uptodate(query, pars=None):
    """Tell of many products which are up to date.

    Parameters
    ----------
    query : Query or list of Product
        Stored products.
    pars : dict or Pars, optional
        As for `why_outdated`.

    Returns
    -------
    numpy.ndarray of bool
        One for each, in the order of the query.
    """
    numbers = _numbers(query)
    reasons = Judge(pars).reasons(np.unique(numbers))
    return np.array([not reasons[n] for n in numbers.tolist()], bool)


def _numbers(query):
    if isinstance(query, Query):
        if not issubclass(query._cls, Product):
            msg = f"uptodate takes products; a {query._cls.__name__} is made of nothing."
            remedy = "What is still to be made of such: missing(CLASS_OF_PRODUCTS, query)"
            raise AweTypeError(msg, remedy=remedy)
        return query._rows()
    products = as_objects(query, "uptodate")
    for each in products:
        if not isinstance(each, Product) or not each.is_committed:
            msg = f"uptodate takes a query or a list of stored products, not {each!r}."
            raise AweTypeError(msg)
    return np.array([each._packed for each in products], np.int64)


def missing(cls, query, pars=None):
    """Give the raw frames that have no up-to-date product: those that `targets` would work on.

    What was made with parameters or calibrations that a user gave is not what is asked for,
    unless `pars` says so.

    Parameters
    ----------
    cls : type
        A class of products of single raw frames, such as ReducedScienceFrame, or of several.
    query : Query or list of RawFrame
        The frames.
    pars : dict or Pars, optional
        Parameters that are wanted. By default the present defaults.

    Returns
    -------
    list of RawFrame
        In the order of the query.
    """
    if not (isinstance(cls, type) and issubclass(cls, Product) and cls.inputs):
        msg = f"missing takes a class of products and a query of raw frames, not {cls!r}."
        raise AweTypeError(msg, remedy="Type: missing(ReducedScienceFrame, query)")
    session = current.session()
    link = cls.inputs[0]
    kind = cls._attributes[link].kind
    kind = getattr(kind, "item", kind)
    frames = as_objects(query, "missing")
    wrong = next((f for f in frames if not isinstance(f, kind.target)), None)
    if wrong is not None:
        msg = f"{cls.__name__} is made of {kind.target_name}, not of {wrong!r}."
        raise AweTypeError(msg)
    numbers = (cls.is_valid > 0)._rows()
    reasons = Judge(pars, _made_with(cls)).reasons(np.sort(numbers))
    links = column_of(session, numbers, path_of(cls, link)).to_list() if len(numbers) else []
    served = set()
    for number, linked in zip(numbers.tolist(), links, strict=True):
        if not reasons[number]:
            served.update(linked if isinstance(linked, (tuple, list)) else [linked])
    return [frame for frame in frames if frame._packed not in served]


def _made_with(cls):
    """Give a class and those that its recipe makes together with it, calibrations left out."""
    together = ()
    # One without a recipe is made alone.
    with contextlib.suppress(AweLookupError):
        together = hooks.call("recipe_of", cls).product_classes()
    return {cls, *(each for each in together if "timestamp_start" not in each._attributes)}
