"""Provenance of an object in the terms of the IVOA Provenance Data Model 1.0 (2020)."""

import datetime
import hashlib

from awe.base.documents import Document
from awe.base.errors import AweError, AweTypeError, did_you_mean
from awe.process.lineage import Lineage, name_of
from awe.process.product import Product

__all__ = ["FORMATS", "Records", "provenance", "records_of"]

FORMATS = ("prov-json", "prov-n", "votable")
"""What a provenance document may be written in."""


class Records:
    """The provenance of an object as the classes of the model, one dict for each instance.

    Attributes
    ----------
    tables : dict of str to list of dict
        Instances by the class of the model, their attributes under the names of the model.
    """

    def __init__(self):
        names = (
            "Entity", "Activity", "Agent", "Used", "WasGeneratedBy", "WasDerivedFrom",
            "WasAssociatedWith", "WasAttributedTo", "EntityDescription", "ActivityDescription",
            "UsageDescription", "Parameter", "ParameterDescription",
        )  # fmt: skip
        self.tables = {name: [] for name in names}
        self._known = set()

    def add(self, table, **values):
        """Enter an instance; one with a known id is entered once.

        Parameters
        ----------
        table : str
            The class of the model.
        **values
            Its attributes; None is none.
        """
        key = values.get("id")
        if key is not None:
            if (table, key) in self._known:
                return
            self._known.add((table, key))
        self.tables[table].append({n: v for n, v in values.items() if v is not None})


def records_of(obj):
    """Collect the provenance of an object and of all its ancestors.

    Parameters
    ----------
    obj : ProcessTarget
        The object.

    Returns
    -------
    Records
        Entities, activities, agents, what connects them, and descriptions.
    """
    records = Records()
    for each in Lineage(obj).objects():
        _add_entity(records, each)
        if isinstance(each, Product):
            _add_activity(records, each)
    return records


def _entity_id(obj):
    return f"entity-{obj.object_id}"


def _add_entity(records, obj):
    cls = type(obj)
    if not hasattr(cls, "_attributes"):
        # Something that the reader may not see: that there is such a thing is all that is known.
        records.add("Entity", id=_entity_id(obj), name=f"restricted {obj.class_name}",
                    comment=f"It belongs to the project {obj.project}.")  # fmt: skip
        return
    has_file = "sha256" in obj._attributes
    description = f"description-{cls.__name__}"
    doc = (cls.__doc__ or "").strip().splitlines()
    records.add(
        "EntityDescription", id=description, name=cls.__name__,
        description=doc[0] if doc else None,
        contentType="application/fits" if has_file else None,
    )  # fmt: skip
    records.add(
        "Entity", id=_entity_id(obj), name=name_of(obj),
        location=obj.globalname if "globalname" in obj._attributes else None,
        generatedAtTime=obj.creation_date, comment="; ".join(obj.comments) or None,
        entityDescription_id=description, sha256=obj.sha256 if has_file else None,
        content_key=obj.content_key if isinstance(obj, Product) else None,
        is_valid=obj.is_valid,
    )  # fmt: skip


def _add_activity(records, product):
    cls, activity = type(product), f"making-{product.object_id}"
    made_in = datetime.timedelta(seconds=product.made_in or 0.0)
    description = f"making-{cls.__name__}-{product.code_version}"
    doc = (cls.make.__doc__ or "").strip().splitlines()
    records.add(
        "ActivityDescription", id=description, name=f"{cls.__name__}.make", type="Reduction",
        version=product.code_version, description=doc[0] if doc else None,
    )  # fmt: skip
    notes = [f"not done: {text}" for text in product.steps_not_done]
    notes += [f"input given by the user: {text}" for text in product.overridden_inputs]
    records.add(
        "Activity", id=activity, name=f"making of {cls.__name__} {product.object_id[-8:]}",
        startTime=product.creation_date - made_in, stopTime=product.creation_date,
        comment="; ".join([*notes, f"on {product.made_on}"]), activityDescription_id=description,
    )  # fmt: skip
    entity = _entity_id(product)
    records.add("WasGeneratedBy", entity_id=entity, activity_id=activity, role="product")
    for role, linked in product.input_objects():
        usage = f"usage-{cls.__name__}-{role}"
        records.add("UsageDescription", id=usage, role=role, activityDescription_id=description,
                    description=cls._attributes[role].doc)  # fmt: skip
        source = _entity_id(linked)
        records.add("Used", activity_id=activity, entity_id=source, role=role,
                    usageDescription_id=usage)  # fmt: skip
        records.add("WasDerivedFrom", generatedEntity_id=entity, usedEntity_id=source)
    _add_agents(records, product, entity, activity)
    _add_parameters(records, product, activity)


def _add_agents(records, product, entity, activity):
    name = product.made_by or "unknown"
    person = f"user-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    records.add("Agent", id=person, name=name, type="Person")
    records.add("WasAssociatedWith", activity_id=activity, agent_id=person, role="operator")
    records.add("WasAttributedTo", entity_id=entity, agent_id=person, role="creator")
    libraries = ", ".join(product.dependency_versions)
    software = hashlib.sha256(f"{product.package_version} {libraries}".encode()).hexdigest()[:12]
    records.add("Agent", id=f"software-{software}", name=f"awe {product.package_version}",
                type="SoftwareAgent", comment=libraries)  # fmt: skip
    records.add("WasAssociatedWith", activity_id=activity, agent_id=f"software-{software}",
                role="software")  # fmt: skip


def _add_parameters(records, product, activity):
    values = product.process_params if "process_params" in product._attributes else None
    if values is None:
        return
    name = type(product).__name__
    origins = dict(text.split(": ", 1) for text in product.parameter_origins)
    for key, declared in values._attributes.items():
        description = f"parameter-{name}-{key}"
        records.add(
            "ParameterDescription", id=description, name=key, valueType=str(declared.kind.spec),
            unit=declared.unit, description=declared.doc, min=_text(declared.low),
            max=_text(declared.high), default=_text(declared.default),
            activityDescription_id=f"making-{name}-{product.code_version}",
        )  # fmt: skip
        records.add(
            "Parameter", id=f"parameter-{product.object_id}-{key}", name=key,
            value=repr(getattr(values, key)), activity_id=activity, origin=origins.get(key),
            parameterDescription_id=description,
        )  # fmt: skip


def _text(value):
    return None if value is None else repr(value)


def provenance(obj, format="prov-json", path=None):
    """Give the provenance of an object as a document.

    Parameters
    ----------
    obj : ProcessTarget
        The object.
    format : str, optional
        One of `FORMATS`. The default is 'prov-json'.
    path : str or os.PathLike, optional
        File for it. By default none is written.

    Returns
    -------
    Document
        A text: W3C PROV as JSON or PROV-N with the classes of the model as types, or a
        VOTable with one table for each class of the model.

    Raises
    ------
    AweTypeError
        There is no such format.
    AweError
        The library that writes PROV is not installed.
    AweValueError
        The file cannot be written.
    """
    if format not in FORMATS:
        msg = f"There is no provenance format {format!r}.{did_you_mean(str(format), FORMATS)}"
        raise AweTypeError(msg, remedy=f"Formats: {', '.join(FORMATS)}")
    records = records_of(obj)
    if format == "votable":
        from awe.process.provenance_votable import votable_text

        text = votable_text(records)
    else:
        document = _prov_document(records)
        text = document.get_provn() if format == "prov-n" else document.serialize(indent=1)
    text = Document(text)
    if path is not None:
        text.write(path)
    return text


def _prov_document(records):
    try:
        from awe.process.provenance_w3c import document_of
    except ImportError as err:
        msg = "PROV documents are written by the library prov, which is not installed."
        raise AweError(msg, remedy="Type: pip install prov, or take format='votable'") from err
    return document_of(records)
