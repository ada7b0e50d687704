"""The reference: what it says of parameters, attributes, mask bits and validity is what holds."""

import re
import textwrap
from pathlib import Path

import pytest

from awe import model
from awe.model.base import BaseFrame
from awe.model.illumination import IlluminationRecord
from awe.model.validity import Calibration
from awe.pixels import MASK_BITS
from awe.process import Product
from awe.process.parameters import parameters_class
from awe.store.kinds import LinkKind, ListKind, OwnedKind

_REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
_CLASSES = (
    "ReadNoise", "BiasFrame", "DarkFrame", "HotPixelMap", "GainLinearity", "DomeFlatFrame",
    "ColdPixelMap", "TwilightFlatFrame", "MasterFlatFrame", "NightSkyFlatFrame", "FringeFrame",
    "IlluminationCorrection", "IlluminationCorrectionFrame", "ReducedScienceFrame", "WeightFrame",
    "SaturatedPixelMap", "CosmicMap", "SatelliteMap", "ProcessedExposure",
)  # fmt: skip
_WIDTH = 118
_NIGHTS = ("VALID_NIGHTS_BEFORE", "VALID_NIGHTS_AFTER")
# What every reduced frame takes from its raw frame is no finding.
_HEADER = ("DATE_OBS", "night", "EXPTIME", "OBJECT", "AIRMSTRT", "AIRMEND")


def _columns(cells, widths, text):
    """Give a line of a table of text, whose last column is wrapped."""
    head = "".join(f"{c:<{w - 1}} " for c, w in zip(cells, widths, strict=True))
    indent = sum(widths)
    lines = textwrap.wrap(text, _WIDTH - indent) or [""]
    return [(head + lines[0]).rstrip(), *(" " * indent + line for line in lines[1:])]


def parameters_text():
    """Give the table of parameters as the reference has it."""
    lines = []
    for name in _CLASSES:
        record_class = parameters_class(getattr(model, name))
        if record_class is None or not set(record_class._attributes) - set(_NIGHTS):
            continue
        lines += ["", name]
        for parameter, a in record_class._attributes.items():
            # In the table of calibrations and maps.
            if parameter in _NIGHTS:
                continue
            star = "" if a.critical else " *"
            default = "none" if a.default is None else f"{a.default} {a.unit or ''}".rstrip()
            cells = (f"  {parameter}{star}", default, a.range_text().removeprefix("one of "))
            lines += _columns(cells, (38, 19, 17), a.doc)
    return "\n".join(lines[1:])


def attributes_text():
    """Give the table of what is found and stored, as the reference has it."""
    lines = []
    common = {*Calibration._attributes, *BaseFrame._attributes, *_HEADER}
    for cls in (*(getattr(model, n) for n in _CLASSES), IlluminationRecord):
        found = [
            (n, a) for n, a in cls._attributes.items()
            if _is_value(a.kind) and (cls is IlluminationRecord or n not in common)
        ]  # fmt: skip
        if found:
            lines += ["", cls.__name__]
        for name, a in found:
            lines += _columns((f"  {name}", a.unit or ""), (25, 14), a.doc)
    return "\n".join(lines[1:])


def _is_value(kind):
    item = kind.item if isinstance(kind, ListKind) else kind
    return not isinstance(item, (LinkKind, OwnedKind))


def _section(title):
    text = _REFERENCE.read_text()
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL).group(1)


def _block(title):
    (block,) = re.findall(r"```text\n(.*?)\n```", _section(title), re.DOTALL)
    return block


def test_every_product_is_in_the_reference():
    everything = [getattr(model, name) for name in model.__all__]
    products = {
        c.__name__ for c in everything
        if isinstance(c, type) and issubclass(c, Product) and not c.abstract
    }  # fmt: skip
    assert products == set(_CLASSES)
    table = _section("Calibrations and maps")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(_CLASSES)


def test_the_parameters_of_the_reference_are_those_of_the_classes():
    assert _block("Process parameters") == parameters_text()


def test_the_attributes_of_the_reference_are_those_of_the_classes():
    assert _block("What is found and stored") == attributes_text()


@pytest.mark.parametrize("name", _CLASSES)
def test_the_nights_of_the_reference_are_those_of_the_classes(name):
    (row,) = re.findall(rf"^\| `{name}` \|.*\| (.*) \|$", _section("Calibrations and maps"), re.M)
    parameters = parameters_class(getattr(model, name))
    known = {} if parameters is None else parameters._attributes
    nights = [known[n].default for n in _NIGHTS if n in known]
    assert row == (str(nights[0]) if nights else "-")
    assert len(set(nights)) < 2


def test_the_mask_bits_of_the_reference_are_those_of_the_code():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", _section("Masks and maps"), re.MULTILINE)
    assert {name: int(bit) for bit, name in rows} == MASK_BITS
