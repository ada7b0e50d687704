"""Classes for the tests of this folder: a raw thing, a calibration of it, a product of both."""

import datetime

from awe.process import (
    Argument,
    Dependency,
    Making,
    ProcessParameters,
    ProcessTarget,
    Product,
    Task,
    Unit,
    parameter,
)
from awe.process.choice import FOREVER_END, FOREVER_START
from awe.store import DBObject, persistent

DAY = datetime.timedelta(days=1)
NIGHT = datetime.datetime(2020, 1, 10)


class PrChip(DBObject):
    """A chip."""

    abstract = False
    vocabulary = True
    name = persistent("Name", str, unique=True)


class PrRaw(ProcessTarget):
    """A raw thing."""

    abstract = False
    sha256 = persistent("Checksum", str)
    chip = persistent("Chip", PrChip)
    filter = persistent("Filter", str)
    DATE_OBS = persistent("When", datetime.datetime)
    night = persistent("Night", datetime.datetime)


class PrCalParameters(ProcessParameters):
    """How a calibration is made."""

    METHOD = parameter("Method", int, 6, low=0, high=10)
    WIDTH = parameter("Width", float, 2.0, unit="pix", low=0)
    LIMIT = parameter("Limit", float, 5.0, low=0, critical=False)
    WAY = parameter("Way", str, "mean", choices=("mean", "median"))


class PrCal(Product):
    """A calibration."""

    abstract = False
    inputs = ("raws",)
    raws = persistent("Made from", [PrRaw])
    chip = persistent("Chip", PrChip)
    filter = persistent("Filter", str)
    night = persistent("Night", datetime.datetime)
    timestamp_start = persistent("From", datetime.datetime, mutable=True)
    timestamp_end = persistent("Until", datetime.datetime, mutable=True)
    process_params = persistent("Parameters", PrCalParameters)
    value = persistent("What was made", float)

    def make(self):
        """Make it."""
        self.value = self.process_params.WIDTH * len(self.raws)


class PrRedParameters(ProcessParameters):
    """How a product is made."""

    METHOD = parameter("Method", int, 6, low=0, high=10)


class PrRed(Product):
    """A product."""

    abstract = False
    inputs = ("raw", "cal")
    dependencies = (Dependency("cal", ("PrCal",), ("chip", "filter"), ("METHOD",)),)
    raw = persistent("Raw", PrRaw)
    cal = persistent("Calibration", PrCal)
    process_params = persistent("Parameters", PrRedParameters)

    def make(self):
        """Make nothing."""


CAL = PrRed.dependencies[0]


class PrTask(Task):
    """Make PrReds."""

    arguments = (Argument("what", "what to do with each", required=True),)
    product_names = ("PrRed", "PrCal")

    def units(self):
        """Take every raw thing."""
        return [Unit(f"raw {n}", {"raw": r}) for n, r in enumerate(PrRaw.select_all())]

    def make(self, unit, folder):
        """Do what the test wants."""
        return self.what(unit.inputs["raw"], folder)


def raw(chip="A", filter="V", night=NIGHT, hours=20, sha="0"):
    """Give a new raw thing."""
    chip = PrChip.get_or_create(name=chip)
    when = night + datetime.timedelta(hours=hours)
    return PrRaw(chip=chip, filter=filter, night=night, DATE_OBS=when, sha256=sha * 8)


def cal(source, nights=0, width=7, pars=None, cls=PrCal, names=None, **values):
    """Make a calibration of a night, valid so many nights around."""
    night = source.night + nights * DAY
    made = cls(raws=[source], chip=source.chip, filter=source.filter, night=night)
    made.timestamp_start = night + DAY / 2 - width * DAY
    made.timestamp_end = night + 3 * DAY / 2 + width * DAY
    for name, value in values.items():
        setattr(made, name, value)
    return Making(made, names or {}, pars).run()


def forever(source, **values):
    """Make a calibration of last resort."""
    return cal(source, timestamp_start=FOREVER_START, timestamp_end=FOREVER_END, **values)
