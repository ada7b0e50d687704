"""What must be true of the lineage of everything in a store, whatever was done before."""

from awe.process import Product
from awe.process.lineage import Lineage
from awe.process.parameters import parameters_class
from awe.store import DBObject

_WRITTEN = ("code_version", "package_version", "content_key", "kernel", "made_by", "creation_date",
            "dependency_versions")  # fmt: skip


def check_lineage(products):
    """Walk from products down to what was not made, and see that nothing is missing on the way.

    Parameters
    ----------
    products : iterable of Product
        Stored ones.

    Returns
    -------
    int
        How many products were walked over.
    """
    known = {}
    for product in products:
        assert Lineage(product).roots(), product
        for obj in Lineage(product).objects():
            if obj.object_id in known:
                continue
            known[obj.object_id] = obj
            assert isinstance(obj, DBObject), obj
            assert obj.is_committed, obj
            if isinstance(obj, Product):
                _check_record(obj)
            else:
                assert obj.sha256, obj
    made = [obj for obj in known.values() if isinstance(obj, Product)]
    for product in made:
        for _, origin in product.input_objects():
            assert product in origin.dependents(), (product, origin)
    return len(made)


def _check_record(product):
    for name in _WRITTEN:
        assert getattr(product, name) not in (None, "", ()), (product, name)
    assert product.content_key == product.compute_content_key()
    record_class = parameters_class(type(product))
    if record_class is not None:
        told = {text.split(": ", 1)[0] for text in product.parameter_origins}
        assert told == set(record_class._attributes), product
