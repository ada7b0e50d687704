"""Classes with an attribute of every kind, and relations of every kind."""

import datetime

import numpy as np

from awe.store import DBObject, OwnedRecord, Table, persistent


class DeclStat(OwnedRecord):
    """Statistics."""

    mean = persistent("Mean", float, unit="adu")
    count = persistent("Pixels", int, 0)
    label = persistent("Label", str)


class DeclCamera(DBObject):
    """Vocabulary with a unique name."""

    vocabulary = True
    name = persistent("Name", str, unique=True, required=True)


class DeclChip(DBObject):
    """Vocabulary that is unique by two attributes."""

    vocabulary = True
    camera = persistent("Camera", DeclCamera)
    name = persistent("Name", str)
    unique_together = [("camera", "name")]


class DeclExposure(DBObject):
    """Has a computed list of frames and a computed partner."""

    name = persistent("Name", str, unique=True)
    frames = persistent("Frames", ["DeclFrame"], inverse="exposure")
    report = persistent("Its report", "DeclReport", inverse="exposure", mutable=True)


class DeclFrame(DBObject):
    """One attribute of every kind."""

    name = persistent("Name", str, unique=True)
    flag = persistent("Flag", bool, mutable=True)
    number = persistent("Number", int, 7, mutable=True)
    value = persistent("Value", float, unit="s", mutable=True)
    when = persistent("When", datetime.datetime, mutable=True)
    chip = persistent("Chip", DeclChip)
    stat = persistent("Statistics", DeclStat, mutable=True)
    values = persistent("Values", [float], mutable=True)
    labels = persistent("Labels", [str], mutable=True)
    times = persistent("Times", [datetime.datetime])
    stats = persistent("Statistics of parts", [DeclStat])
    inputs = persistent("Inputs", ["DeclFrame"])
    header = persistent("Header", dict, mutable=True)
    pixels = persistent("Pixels", np.ndarray, mutable=True)
    sources = persistent("Sources", Table, mutable=True)
    exposure = persistent("Exposure", DeclExposure, inverse="frames", mutable=True)


class DeclReport(DBObject):
    """The computed side of one to one, and of many to many."""

    exposure = persistent("Exposure", DeclExposure, inverse="report")
    tags = persistent("Tags", ["DeclTag"], inverse="reports", mutable=True)


class DeclTag(DBObject):
    """The stored side of many to many."""

    name = persistent("Name", str)
    reports = persistent("Reports", [DeclReport], inverse="tags", mutable=True)


def reread(context, obj):
    """Give the same object as a new session reads it."""
    cls, object_id = type(obj), obj.object_id
    context.reopen()
    return cls[object_id]
