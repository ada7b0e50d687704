"""What a script calls that makes an object again: find raw frames, make, compare, store."""

import datetime
import shutil
import tempfile
import weakref
from pathlib import Path

from awe.base.errors import AweLookupError, AweValueError
from awe.process.product import Making
from awe.process.remaking import array_digests, prepared
from awe.store import current, registry
from awe.store.finding import find_by_id

__all__ = ["Again"]


class _Wish:
    """What a script says of a product besides its inputs, as `prepared` takes it."""

    def __init__(self, validity, overridden):
        if validity is not None:
            start, end = (datetime.datetime.fromisoformat(t) for t in validity)
            self.timestamp_start, self.timestamp_end = start, end
        self.overridden_inputs = overridden


class Again:
    """Makes products one by one as they were made before.

    Parameters
    ----------
    kernel : callable, optional
        Tells which form of the pixel steps runs. By default 'python'.
    """

    def __init__(self, kernel=None):
        self._kernel = kernel
        self._folder = Path(tempfile.mkdtemp(prefix=".awe-again-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._notes = []
        self._made = []

    def find(self, class_name, object_id, filename=None, sha256=None):
        """Find what the script starts from: a raw frame or a table of the user's.

        Parameters
        ----------
        class_name, object_id : str
            Its class and name.
        filename, sha256 : str, optional
            Its file; another object with the same file serves where that one is not there. By
            default it has none.

        Returns
        -------
        DBObject
            The object.

        Raises
        ------
        AweLookupError
            There is none that you may see.
        """
        cls = registry.find_class(class_name)
        session = current.session()
        try:
            return find_by_id(session, cls, object_id)
        except AweLookupError as err:
            same = [] if sha256 is None else list(cls.sha256 == sha256)
            if not same:
                what = f"file {filename} (SHA-256 {sha256})" if sha256 else f"id {object_id}"
                msg = f"There is no {class_name} with the {what} that you may see."
                remedy = "Type: awe ingest FILE --commit, or awe import FOLDER"
                raise AweLookupError(msg, remedy=remedy) from err
        mine = current.context().get_current_project()
        return next((obj for obj in same if obj.project is mine), same[0])

    def make(
        self, class_name, *, parameters=None, like=(), values=None, links=None, validity=None,
        overridden=(), code_version=None, content_key=None, **inputs,
    ):  # fmt: skip
        """Make a product.

        Parameters
        ----------
        class_name : str
            Its class.
        parameters : dict, optional
            All process parameters by name. By default it has none.
        like : list of (DBObject, str), optional
            From which object it has which attributes, names separated by blanks.
        values : dict, optional
            Further attributes.
        links : dict of str to (str, str, str), optional
            Links to what is in the store: class, object_id and name.
        validity : tuple of str, optional
            Start and end of its interval (UTC).
        overridden : list of str, optional
            Inputs that the user gave instead of the choice.
        code_version, content_key : str, optional
            What it had; a difference is told at the end.
        **inputs
            What it is made from, by link.

        Returns
        -------
        Product
            Made and verified, not committed.
        """
        cls = registry.find_class(class_name)
        attributes = dict(values or {}) | inputs
        for source, names in like:
            attributes |= {name: getattr(source, name) for name in names.split()}
        for name, (kind, object_id, text) in (links or {}).items():
            attributes[name] = self._named(kind, object_id, text)
        pars = {f"{class_name}.process_params.{n}": v for n, v in (parameters or {}).items()}
        product = prepared(cls(**attributes), _Wish(validity, overridden))
        making = Making(product, product.names() if pars else {}, pars, overridden=overridden,
                        kernel=self._kernel)  # fmt: skip
        making.run()
        if hasattr(product, "write"):
            product.write(self._folder)
        if content_key is not None and product.content_key != content_key:
            why = ""
            if code_version != product.code_version:
                why = f": code {code_version} made it, this is {product.code_version}"
            self._notes.append(f"{product!r} has another content key{why}")
        self._made.append(product)
        return product

    def _named(self, kind, object_id, text):
        cls = registry.find_class(kind)
        try:
            return find_by_id(current.session(), cls, object_id)
        except AweLookupError:
            found = [obj for obj in cls.select_all() if obj.summary() == text]
        if len(found) != 1:
            msg = f"There {'is no' if not found else 'is more than one'} {kind} {text!r}."
            raise AweLookupError(msg)
        return found[0]

    def finish(self, product, arrays=None, numbers=None, *, commit=False):
        """Compare the result with what the script says it was, and store it where wanted.

        Parameters
        ----------
        product : Product
            The result.
        arrays : dict of str to str, optional
            SHA-256 of its arrays, as `array_digests` gives them. By default it has none.
        numbers : dict, optional
            Attributes and their values. By default none are compared.
        commit : bool, optional
            Whether to store it with what it was made from. The default is False.

        Raises
        ------
        AweValueError
            It is not the same; it is not stored.
        """
        found = array_digests(product)
        wrong = [f"{name} differs" for name in {**found, **(arrays or {})}
                 if found.get(name) != (arrays or {}).get(name)]  # fmt: skip
        for name, value in (numbers or {}).items():
            now = getattr(product, name)
            if now != value and (now == now or value == value):
                wrong.append(f"{name} was {value!r} and is {now!r}")
        before = len(self._made) - 1
        print(f"Made {product!r} after {before} others, content key {product.content_key}.")
        for note in self._notes:
            print(f"  {note}")
        if wrong:
            msg = f"{product!r} is not the same: {'; '.join(wrong)}."
            raise AweValueError(msg, remedy="versions of code and libraries: see product.info()")
        what = " and ".join(
            filter(None, ["pixels" if arrays else "", "numbers" if numbers else ""])
        )
        print(f"Its {what or 'content'} are identical.")
        if commit:
            current.context().commit(product)
            print(f"Committed: {product!r}")
        elif hasattr(product, "retrieve"):
            print(f"Not committed; its file: {product.retrieve('.')}")
