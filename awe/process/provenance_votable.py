"""The provenance of an object as a VOTable: one table for each class of the model."""

import datetime
import io

__all__ = ["votable_text"]

# Attributes by class of the model; `id` and those that end in _id join the tables.
_COLUMNS = {
    "Entity": ("id", "name", "location", "generatedAtTime", "comment", "sha256", "content_key",
               "is_valid", "entityDescription_id"),
    "Activity": ("id", "name", "startTime", "stopTime", "comment", "activityDescription_id"),
    "Agent": ("id", "name", "type", "comment"),
    "Used": ("activity_id", "entity_id", "role", "usageDescription_id"),
    "WasGeneratedBy": ("entity_id", "activity_id", "role"),
    "WasDerivedFrom": ("generatedEntity_id", "usedEntity_id"),
    "WasAssociatedWith": ("activity_id", "agent_id", "role"),
    "WasAttributedTo": ("entity_id", "agent_id", "role"),
    "EntityDescription": ("id", "name", "description", "contentType"),
    "ActivityDescription": ("id", "name", "version", "description", "type"),
    "UsageDescription": ("id", "role", "description", "activityDescription_id"),
    "Parameter": ("id", "name", "value", "origin", "activity_id", "parameterDescription_id"),
    "ParameterDescription": ("id", "name", "valueType", "unit", "min", "max", "default",
                             "description", "activityDescription_id"),
}  # fmt: skip
_UCDS = {"id": "meta.id", "name": "meta.title", "comment": "meta.note", "description": "meta.note",
         "generatedAtTime": "time.creation", "startTime": "time.start", "stopTime": "time.end",
         "location": "meta.ref", "unit": "meta.unit"}  # fmt: skip


def votable_text(records):
    """Write provenance records as a VOTable.

    Parameters
    ----------
    records : awe.process.provenance.Records
        The records.

    Returns
    -------
    str
        The document (VOTable 1.4), its columns with the utypes of the model.
    """
    from astropy.io.votable.tree import Field, Resource, TableElement, VOTableFile

    votable = VOTableFile(version="1.4")
    resource = Resource(name="provenance", utype="voprov:ProvenanceDM")
    resource.description = "Provenance in the terms of the IVOA Provenance Data Model 1.0"
    votable.resources.append(resource)
    for name, columns in _COLUMNS.items():
        table = TableElement(votable, name=name, utype=f"voprov:{name}")
        resource.tables.append(table)
        for column in columns:
            ucd = {"ucd": _UCDS[column]} if column in _UCDS else {}
            table.fields.append(
                Field(votable, name=column, datatype="unicodeChar",
                      arraysize="*", utype=f"voprov:{name}.{column}", **ucd)
            )  # fmt: skip
        rows = records.tables[name]
        table.create_arrays(len(rows))
        for at, row in enumerate(rows):
            table.array[at] = tuple(_text(row.get(column)) for column in columns)
    stream = io.BytesIO()
    votable.to_xml(stream)
    return stream.getvalue().decode("utf-8")


def _text(value):
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return f"{value.isoformat()}Z"
    return str(value)
