"""What it means to make something from something: products and the record of their making."""

import datetime
import functools
import hashlib
import json
import time

from awe.base.errors import AweError, AweValueError
from awe.base.utc import now
from awe.base.version import __version__
from awe.process.flags import decode
from awe.process.parameters import parameters_class, resolve
from awe.process.traced import Traced
from awe.process.wanted import Dated, Judged
from awe.store import DBObject, current, persistent
from awe.store.files import DataObject

__all__ = ["Making", "ProcessTarget", "Product", "content_key_of"]

_VALID = (0, 1, 2)
_LIBRARIES = ("numpy", "scipy", "astropy", "photutils", "numba")


class ProcessTarget(Traced, Judged, DBObject):
    """Anything that has a quality: raw frames and products."""

    abstract = True
    checked_names = ("is_valid",)

    creation_date = persistent("When the object was made (UTC)", datetime.datetime)
    is_valid = persistent(
        "What people say of it: 0 bad, 1 good, 2 proposed for the next level", int, 1,
        mutable=True,
    )  # fmt: skip
    quality_flags = persistent(
        "What the system says of it: a sum of bits, see quality()", int, 0, mutable=True
    )
    comments = persistent("Remarks of people", [str], mutable=True)

    def _complete(self, values):
        if "creation_date" not in values:
            values["creation_date"] = now()

    def check_value(self, name, value):
        """Refuse an is_valid that means nothing.

        Parameters
        ----------
        name : str
            The attribute.
        value : object
            Its value to be.

        Raises
        ------
        AweValueError
            It is none of 0, 1 and 2.
        """
        if name == "is_valid" and value not in _VALID:
            msg = (
                f"{type(self).__name__}.is_valid is 0 (bad), 1 (good) or 2 (proposed for the next "
                f"level), not {value!r}."
            )
            raise AweValueError(msg)

    def quality(self):
        """Give the quality flags that are set.

        Returns
        -------
        list of QualityFlag
            Empty where nothing was found wrong.
        """
        return decode(self.quality_flags)


def content_key_of(obj):
    """Give the content key of an input.

    Parameters
    ----------
    obj : DBObject
        A product; a raw frame, whose key is that of its file and of what is known of its
        amplifiers; anything else with a file.

    Returns
    -------
    str
        Hexadecimal digits; the object_id of something that has neither.
    """
    return getattr(obj, "content_key", None) or getattr(obj, "sha256", None) or obj.object_id


class Product(Dated, ProcessTarget):
    """Something made from something; the machinery writes how, never the author of a class.

    Attributes
    ----------
    inputs : tuple of str
        The links to what it is made from.
    key_names : tuple of str
        Links to named things that decide what is made besides the inputs, such as the CCD.
    dependencies : tuple of Dependency
        Inputs that are chosen for a frame, and by which criteria.
    own_night : tuple of Dependency
        Inputs of which the newest of the product's own night counts.
    companions : tuple of str
        Links to what is made together with the product and is no input of it.
    picked : bool
        Whether people pick the science frames that it is made of; then nothing but a wish for
        it makes it again.
    code_version : str
        Raised by hand when the pixels that `make` gives change.
    """

    abstract = True
    inputs = ()
    key_names = ()
    dependencies = ()
    own_night = ()
    companions = ()
    picked = False
    pixel_version = "1.0"

    code_version = persistent("Version of the code of its class, 'major.minor'", str)
    package_version = persistent("Version of awe", str)
    dependency_versions = persistent("Versions of Python and of the libraries", [str])
    kernel = persistent("Which form of the pixel steps ran", str)
    content_key = persistent(
        "SHA-256 over class, code version, critical parameters and the keys of the inputs", str
    )
    parameter_origins = persistent("Where each process parameter came from", [str])
    overridden_inputs = persistent("Inputs that the user gave instead of the choice", [str])
    steps_not_done = persistent("Steps for which there was no input", [str])
    made_by = persistent("Who made it", str)
    made_on = persistent("On which machine", str)
    made_in = persistent("How long it took", float, unit="s")

    def make(self):
        """Make the product from its inputs and parameters; each class says how.

        Raises
        ------
        NotImplementedError
            The class does not say how.
        """
        raise NotImplementedError

    def verify(self):
        """Set the bits of `quality_flags` by the limits of the parameters.

        Returns
        -------
        int
            The flags; by default none is set.
        """
        return self.quality_flags

    def compare(self):
        """Compare the product with the one before it.

        Returns
        -------
        int
            Flags to be added to `quality_flags`; by default there is nothing to compare with.
        """
        return 0

    def content_arrays(self):
        """Give what the product holds besides its attributes: pixels, or columns of a table.

        Returns
        -------
        dict of str to array
            By name; by default there is nothing.
        """
        return {}

    def foresee(self):
        """Set what follows from inputs and parameters alone, before anything is made."""

    @classmethod
    def unused_inputs(cls, parameters):
        """Give the inputs that some parameters leave out.

        Parameters
        ----------
        parameters : ProcessParameters
            Those of a product.

        Returns
        -------
        set of str
            Their links; by default none.
        """
        return set()

    def input_objects(self):
        """Give the inputs in their order.

        Returns
        -------
        list of (str, DBObject)
            Each with the name of its link.
        """
        found = []
        for name in self.inputs:
            found += [(name, o) for o in self._attributes[name].kind.links(getattr(self, name))]
        return found

    def compute_content_key(self):
        """Compute the content key of what is made here.

        Returns
        -------
        str
            64 hexadecimal digits, the same in every process.
        """
        parameters = []
        record_class = parameters_class(type(self))
        if record_class is not None and self.process_params is not None:
            parameters = record_class.critical_values(self.process_params)
        inputs = [[n, content_key_of(o)] for n, o in self.input_objects()]
        names = [getattr(self, name).name for name in self.key_names]
        return self.content_key_from(parameters, inputs, names)

    @classmethod
    def content_key_from(cls, parameters, inputs, names):
        """Give the content key of what is made of some inputs with the present code.

        Parameters
        ----------
        parameters : list of (str, object)
            The critical ones, sorted by name.
        inputs : list of (str, str)
            Names of links with the content keys of what they lead to, in their order.
        names : list of str
            What `key_names` lead to.

        Returns
        -------
        str
            64 hexadecimal digits, the same in every process.
        """
        content = {
            "class": cls.__name__,
            "code_version": cls.pixel_version,
            "parameters": parameters,
            "inputs": inputs,
        }
        if names:
            content["names"] = names
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _check_complete(self):
        super()._check_complete()
        if not self.content_key:
            msg = f"{self!r} was not made by awe's machinery, so nothing is known of its lineage."
            raise AweError(msg, remedy="Make it with its task, or with awe.process.Making.")
        if not self.input_objects():
            msg = f"{self!r} has no inputs: a product without lineage is not stored."
            raise AweError(msg)


class Making:
    """Makes a product and writes the record of it.

    Parameters
    ----------
    product : Product
        A new object with its inputs set.
    names : dict, optional
        Names of 'instrument', 'filter' and 'chip', which decide the defaults of the parameters.
    pars : dict, optional
        The user's parameters. By default none.
    overridden : iterable of str, optional
        Names of inputs that the user gave.
    kernel : callable, optional
        Tells which form of the pixel steps runs. By default 'python'.
    """

    def __init__(self, product, names=None, pars=None, *, overridden=(), kernel=None):
        self.product = product
        self.overridden = overridden
        self._kernel = kernel
        if parameters_class(type(product)) is not None and product.process_params is None:
            values, origins = resolve(type(product), names or {}, pars)
            product.process_params = values
            product.parameter_origins = [f"{n}: {o}" for n, o in sorted(origins.items())]

    def run(self):
        """Make the product, verify it and record how it was made.

        Returns
        -------
        Product
            The product, not committed.
        """
        import socket

        product = self.product
        began = time.perf_counter()
        if not product.input_objects():
            msg = f"{type(product).__name__} cannot be made: it has no inputs."
            raise AweValueError(msg)
        for _, each in product.input_objects():
            if isinstance(each, DataObject) and each.is_committed:
                each.check_file()
        product.make()
        product.overridden_inputs = self.overridden
        product.code_version = type(product).pixel_version
        product.package_version = __version__
        product.dependency_versions = _dependency_versions()
        product.kernel = "python" if self._kernel is None else self._kernel()
        product.content_key = product.compute_content_key()
        product.made_by = current.context().user_name
        product.made_on = socket.gethostname()
        product.creation_date = now()
        product.quality_flags = product.verify() | product.compare()
        product.made_in = time.perf_counter() - began
        return product


@functools.cache
def _dependency_versions():
    # Only what makes a product waits for these.
    import importlib.metadata
    import platform

    versions = [f"python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        versions.append(f"{name} {version}")
    return tuple(versions)
