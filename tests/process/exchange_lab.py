"""Classes with files for the tests of export and import, and a small store of them."""

import datetime
import hashlib
import json

import numpy as np

from awe.process import Import, Making, ProcessTarget, Product
from awe.process.exchange import MANIFEST, SUMS, record_digest
from awe.store import DBObject, OwnedRecord, current, persistent
from awe.store.attributes import persistent as declared
from awe.store.files import DataObject
from awe.store.kinds import Table
from awe.store.staging import DESK_LOCK

NIGHT = datetime.datetime(2020, 1, 10, 3, 4, 5, 678901)


class ExSite(DBObject):
    """Where a telescope is."""

    abstract = False
    vocabulary = True
    name = persistent("Name", str, unique=True)
    height = persistent("Height", float, unit="m", mutable=True)


class ExTarget(DBObject):
    """What was observed."""

    abstract = False
    name = persistent("Name", str, unique=True, mutable=True)


class ExPlace(OwnedRecord):
    """A place on a detector."""

    x = persistent("Column", float)
    when = persistent("When", datetime.datetime)


class ExRaw(DataObject, ProcessTarget):
    """A raw thing with a file and a value of every kind."""

    abstract = False
    site = persistent("Where", ExSite)
    target = persistent("What", ExTarget)
    DATE_OBS = persistent("When", datetime.datetime)
    number = persistent("A number", float)
    count = persistent("A whole number", int)
    flag = persistent("Yes or no", bool)
    levels = persistent("Numbers", [float])
    places = persistent("Places", [ExPlace])
    header = persistent("Anything", dict)
    image = declared("Numbers in rows", np.ndarray)
    table = declared("Columns", Table)


class ExRed(DataObject, Product):
    """A product with a file."""

    abstract = False
    inputs = ("raws",)
    raws = persistent("Made from", [ExRaw])
    prev = persistent("The one before", "ExRed")
    weight = persistent("Its weight", "ExWeight")
    value = persistent("What was made", float)

    def make(self):
        """Make it."""
        self.value = float(len(self.raws))

    def write(self, folder):
        """Write the file."""
        path = folder / f"red-{self.object_id[-8:]}.dat"
        path.write_bytes(b"red" * 100 + self.content_key.encode())
        self.attach(path)


class ExWeight(Product):
    """A product that belongs to another."""

    abstract = False
    inputs = ("frame",)
    frame = persistent("What it belongs to", ExRed)

    def make(self):
        """Make nothing."""


def raw(folder, number, target="M 13"):
    """Give a raw thing with a value of every kind."""
    from astropy.table import MaskedColumn
    from astropy.table import Table as AstropyTable

    path = folder / f"raw{number}.dat"
    path.write_bytes(bytes([number]) * (2000 + number))
    table = AstropyTable({"n": [1, 2], "name": ["a", "bc"]}, meta={"key": (1, 2.5)})
    table["mag"] = MaskedColumn([1.5, np.nan], mask=[False, True], unit="mag")
    made = ExRaw(
        site=ExSite.get_or_create(name="Paranal"), target=ExTarget.get_or_create(name=target),
        DATE_OBS=NIGHT, number=float("nan"), count=2**62, flag=True,
        levels=[0.1, float("inf"), float("nan"), None, -0.0],
        places=[ExPlace(x=1.25, when=NIGHT), ExPlace()],
        header={"A": 1, "list": (1, 2.5, None, "\u00e4"), "when": NIGHT, "raw": b"\0\xff",
                "deep": {"items": {"float": float("-inf")}}},
        image=np.arange(6, dtype=">i2").reshape(2, 3), table=table, comments=["good", "\u00fc"],
    )  # fmt: skip
    made.attach(path)
    return made


def red(folder, raws, previous=None):
    """Make a product with its weight."""
    made = ExRed(raws=raws, prev=previous)
    Making(made).run()
    made.write(folder)
    made.weight = Making(ExWeight(frame=made)).run()
    return made


def fill(folder):
    """Store two products, the second compared with the first, of five raw things."""
    folder.mkdir(exist_ok=True)
    raws = [raw(folder, number) for number in range(5)]
    first = red(folder, raws[:2])
    current.context().commit(first)
    second = red(folder, raws[1:], previous=first)
    current.context().commit(second)
    return first, second


CLASSES = (ExRaw, ExRed, ExWeight, ExSite, ExTarget, Import)


def nothing_entered(context):
    """Tell that the store is as empty as at the start, and its folder of files too."""
    context.refresh()
    objects = [len(cls.select_all()) for cls in CLASSES]
    # The lock of the folder in which this process stages files is no file of the store.
    found = [p for p in context.files.folder.rglob("*") if p.is_file() and p.name != DESK_LOCK]
    return objects == [0] * len(CLASSES) and not found


def rewrite(folder, change):
    """Change the manifest, and make its checksums true again: what somebody hostile does."""
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    for record in manifest["objects"] if isinstance(manifest.get("objects"), list) else ():
        if isinstance(record, dict):
            record["sha256"] = record_digest(record)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    seal(folder)


def seal(folder):
    """Let SHA256SUMS be true for the manifest as it is."""
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    lines = (folder / SUMS).read_text().splitlines()
    lines = [line for line in lines if not line.endswith(MANIFEST)]
    (folder / SUMS).write_text("\n".join([*lines, f"{digest}  {MANIFEST}"]) + "\n")


def of_class(manifest, name):
    """Give the first record of a class."""
    return next(r for r in manifest["objects"] if r["class"] == name)
