"""Names of objects: ordered in time, found by a prefix, and one object for each."""

import gc
import time
import uuid

import pytest

from awe.base.errors import AweLookupError
from awe.store import DBObject, blocks, objects, persistent
from awe.store.ids import new_object_id


class IdThing(DBObject):
    """Something with a link."""

    name = persistent("Name", str)
    other = persistent("Other", "IdThing")


class IdSubThing(IdThing):
    """A subclass."""


class IdStranger(DBObject):
    """Another class."""

    name = persistent("Name", str)


def test_names_are_uuids_of_version_7_in_order():
    before = time.time_ns() // 1_000_000
    names = [new_object_id() for _ in range(20000)]
    after = time.time_ns() // 1_000_000
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    for name in (names[0], names[-1]):
        made = uuid.UUID(bytes=name)
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert before <= made.int >> 80 <= after + 10


def test_an_object_keeps_its_name(context):
    thing = IdThing(name="a")
    name = thing.object_id
    assert len(name) == 32
    thing.commit()
    assert thing.object_id == name
    context.reopen()
    assert IdThing[name].object_id == name
    assert IdThing[str(uuid.UUID(name)).upper()].name == "a"


def test_the_same_object_is_the_same_on_every_read(context):
    thing = IdThing(name="a")
    linking = IdThing(name="b", other=thing)
    context.commit(linking)
    assert IdThing[thing.object_id] is thing
    assert next(iter(IdThing.name == "a")) is thing
    assert (IdThing.name == "a")[0] is thing
    assert linking.other is thing
    assert thing.inverse_objects()[0] is linking
    first = id(thing)
    context.refresh()
    assert id(IdThing.get(name="a")) == first
    del thing
    gc.collect()
    assert IdThing.get(name="a") is linking.other


def test_a_prefix_of_eight_digits_finds_the_object(context, monkeypatch):
    numbers = iter(range(1, 100))

    def spaced():
        high = (next(numbers) << 80) | (7 << 76)
        return (high | (2 << 62)).to_bytes(16, "big")

    monkeypatch.setattr(objects, "new_object_id", spaced)
    monkeypatch.setattr(blocks, "TAIL_ROWS", 4)
    things = [IdSubThing(name=str(n)) if n % 3 else IdThing(name=str(n)) for n in range(12)]
    context.commit(things)
    for thing in things:
        digits = thing.object_id
        assert IdThing[digits] is thing
        assert IdThing[digits[:20]] is thing
    with pytest.raises(AweLookupError, match=r"12 objects .* '00000000' .*\n.*Give more"):
        IdThing["00000000"]
    with pytest.raises(AweLookupError, match="No IdSubThing that you may see"):
        IdSubThing[things[0].object_id]
    with pytest.raises(AweLookupError, match="No IdStranger that you may see"):
        IdStranger[things[0].object_id]


@pytest.mark.parametrize("text", ["", "0123456", "0" * 33, "xyzw0123", 5, None])
def test_what_is_no_name_says_so(context, text):
    with pytest.raises(AweLookupError, match="at least the first or the last 8 are needed"):
        IdThing[text]


def test_names_with_the_highest_bit_set_are_found(context, monkeypatch):
    made = iter([b"\xff" * 16, b"\x80" + b"\0" * 15, b"\x7f" * 16, b"\xff" * 15 + b"\xfe"])
    monkeypatch.setattr(objects, "new_object_id", lambda: next(made))
    monkeypatch.setattr(blocks, "TAIL_ROWS", 2)
    things = [IdThing(name=str(n)) for n in range(4)]
    context.commit(things)
    for thing in things:
        assert IdThing[thing.object_id] is thing
    assert IdThing["80000000"] is things[1]
    with pytest.raises(AweLookupError, match="2 objects"):
        IdThing["f" * 31]


def test_an_object_is_found_by_the_last_digits_that_repr_shows(context):
    things = [IdThing(name=f"t{n}") for n in range(50)]
    context.commit(things)
    for thing in things:
        last = repr(thing).split()[1].strip(">")
        assert last == thing.object_id[-8:]
        assert IdThing[last] is thing
    with pytest.raises(AweLookupError, match="beginning or ending"):
        IdThing["01234567"]
