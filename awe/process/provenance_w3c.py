"""The provenance of an object as a W3C PROV document."""

import datetime

from prov.model import Namespace, ProvDocument

__all__ = ["document_of"]

_VOPROV = Namespace("voprov", "http://www.ivoa.net/documents/ProvenanceDM/ns/voprov/")
_OURS = "urn:awe:"
# Attributes of the model that have a place of their own in PROV.
_PLACED = {"id", "startTime", "stopTime", "role", "location", "value"}
_DESCRIPTIONS = ("EntityDescription", "ActivityDescription", "UsageDescription",
                 "ParameterDescription")  # fmt: skip


def document_of(records):
    """Make a PROV document of provenance records.

    Parameters
    ----------
    records : awe.process.provenance.Records
        The records.

    Returns
    -------
    prov.model.ProvDocument
        Classes and attributes of the model stand in the namespace voprov; descriptions and
        parameters are entities, joined by wasInfluencedBy with their relation as type.
    """
    document = ProvDocument()
    document.add_namespace(_VOPROV)
    document.add_namespace("awe", _OURS)
    for row in records.tables["Entity"]:
        kind = "DatasetEntity" if "sha256" in row else "ValueEntity"
        document.entity(_name(row["id"]), _attributes(row, kind))
    for row in records.tables["Activity"]:
        document.activity(_name(row["id"]), _utc(row["startTime"]), _utc(row["stopTime"]),
                          _attributes(row, "Activity"))  # fmt: skip
    for row in records.tables["Agent"]:
        kind = {"Person": "prov:Person", "SoftwareAgent": "prov:SoftwareAgent"}[row["type"]]
        attributes = [
            *_attributes(row, "Agent"),
            ("prov:type", document.valid_qualified_name(kind)),
        ]
        document.agent(_name(row["id"]), attributes)
    for table in (*_DESCRIPTIONS, "Parameter"):
        for row in records.tables[table]:
            document.entity(_name(row["id"]), _attributes(row, table))
    _add_relations(document, records)
    return document


def _name(identifier):
    return f"awe:{identifier}"


def _utc(when):
    return when.replace(tzinfo=datetime.UTC)


def _attributes(row, kind):
    """Give the attributes of an element: its type, its label and what the model has of it."""
    found = [("prov:type", _VOPROV[kind])]
    if "name" in row:
        found.append(("prov:label", row["name"]))
    for name, value in row.items():
        if name == "location":
            found.append(("prov:location", value))
        elif name == "value":
            found.append(("prov:value", value))
        elif name == "role":
            found.append(("voprov:role", value))
        elif name not in _PLACED and not name.endswith("_id"):
            value = _utc(value) if isinstance(value, datetime.datetime) else value
            found.append((f"voprov:{name}", value))
    return found


def _add_relations(document, records):
    tables = records.tables
    for row in tables["Used"]:
        document.usage(_name(row["activity_id"]), _name(row["entity_id"]), None, None,
                       {"prov:role": row["role"]})  # fmt: skip
    for row in tables["WasGeneratedBy"]:
        document.generation(_name(row["entity_id"]), _name(row["activity_id"]), None, None,
                            {"prov:role": row["role"]})  # fmt: skip
    for row in tables["WasDerivedFrom"]:
        document.derivation(_name(row["generatedEntity_id"]), _name(row["usedEntity_id"]))
    for row in tables["WasAssociatedWith"]:
        document.association(_name(row["activity_id"]), _name(row["agent_id"]), None, None,
                             {"prov:role": row["role"]})  # fmt: skip
    for row in tables["WasAttributedTo"]:
        document.attribution(_name(row["entity_id"]), _name(row["agent_id"]), None,
                             {"voprov:role": row["role"]})  # fmt: skip
    influences = [
        ("Entity", "entityDescription_id", "IsDescribedBy"),
        ("Activity", "activityDescription_id", "IsDescribedBy"),
        ("UsageDescription", "activityDescription_id", "IsRelatedTo"),
        ("Parameter", "parameterDescription_id", "IsDescribedBy"),
        ("ParameterDescription", "activityDescription_id", "IsRelatedTo"),
    ]
    for table, column, kind in influences:
        for row in tables[table]:
            if column in row:
                document.influence(_name(row["id"]), _name(row[column]), None,
                                   {"prov:type": _VOPROV[kind]})  # fmt: skip
    for row in tables["Parameter"]:
        document.influence(
            _name(row["activity_id"]), _name(row["id"]), None,
            {"prov:type": _VOPROV["WasConfiguredBy"], "voprov:artefactType": "Parameter"},
        )  # fmt: skip
