"""Edits of stored objects: staged, stored, refused as stale, dropped; loops that commit."""

import contextlib
import datetime

import numpy as np
import pytest

from awe.base.errors import AwePermissionError, AweTypeError, AweValueError
from awe.store import DBObject, OwnedRecord, blocks, current, persistent, plain
from awe.store.commit import StaleEditError
from awe.store.context import Context
from awe.store.housekeeping import sweep
from awe.store.row import Row
from awe.store.storage import StoreError
from awe.store.unique import UniqueError
from awe.store.verify import verify


class EditStat(OwnedRecord):
    """A record."""

    mean = persistent("Mean", float)


class EditTarget(DBObject):
    """What is edited."""

    name = persistent("Name", str, unique=True, mutable=True)
    ra = persistent("RA", float, mutable=True)
    when = persistent("When", datetime.datetime, mutable=True)
    stat = persistent("Statistics", EditStat, mutable=True)
    tags = persistent("Tags", [str], mutable=True)
    friend = persistent("Friend", "EditTarget", mutable=True)
    header = persistent("Header", dict, mutable=True)
    table = persistent("Array", np.ndarray, mutable=True)
    kind = persistent("Kind", str, "star", required=True, mutable=True)
    fixed = persistent("Fixed", int, 1)
    key_columns = {"header": {"RA": float}}


@contextlib.contextmanager
def another_session(context, user="ann"):
    """Work as another session on the same store, and come back."""
    other = Context(context.session.where, context.files.folder, user, context.project.name)
    try:
        yield other
    finally:
        other.close()
        current.set_context(context)


CHANGES = [
    ("ra", 5.0),
    ("ra", None),
    ("name", "new"),
    ("when", datetime.datetime(2012, 6, 1)),
    ("stat", EditStat(mean=2.0)),
    ("stat", None),
    ("tags", ("a", "ü")),
    ("tags", ()),
    ("header", {"RA": 2.5}),
    ("header", None),
]


@pytest.mark.parametrize(("name", "value"), CHANGES)
@pytest.mark.parametrize("in_segment", [False, True])
def test_an_edit_survives_the_line_and_is_stored(context, monkeypatch, name, value, in_segment):
    monkeypatch.setattr(blocks, "TAIL_ROWS", 2 if in_segment else 100)
    target = EditTarget(name="t", ra=1.0, stat=EditStat(mean=1.0), tags=["x"], header={"RA": 1.0})
    context.commit(EditTarget(name="first"), target, EditTarget(name="last"))
    old = getattr(target, name)
    setattr(target, name, value)
    context.session.end()
    context.refresh()
    assert getattr(target, name) == value
    assert target.is_edited
    assert repr(target).endswith(f"uncommitted edits: {name}>")
    assert len(EditTarget.select_all()) == 3
    with another_session(context):
        assert getattr(EditTarget[target.object_id], name) == old
    context.commit(why="better")
    assert not target.is_edited
    assert "uncommitted" not in repr(target)
    assert getattr(target, name) == value
    (change,) = target.history()
    assert (change.attribute, change.who, change.why) == (name, "ann", "better")
    assert (change.old, change.new) == (old, value)
    assert abs(change.when - target.committed_at) < datetime.timedelta(hours=1)
    with another_session(context):
        assert getattr(EditTarget[target.object_id], name) == value
    assert [t.name for t in EditTarget.header["RA"] == 1.0] == (
        [] if name == "header" else [target.name]
    )


def test_columns_follow_an_edit(context, monkeypatch):
    monkeypatch.setattr(blocks, "TAIL_ROWS", 4)
    targets = [EditTarget(name=f"t{n}", ra=float(n), tags=["x"]) for n in range(10)]
    context.commit(targets)
    for number, target in enumerate(targets):
        target.ra = None if number % 2 else 77.0
        target.tags = [f"tag{number}"]
        target.name = f"n{number}"
    assert len(EditTarget.ra == 77.0) == 0
    context.commit()
    assert list(EditTarget.ra == 77.0) == targets[::2]
    assert list(EditTarget.ra == None) == targets[1::2]  # noqa: E711
    assert list(EditTarget.tags.contains("tag3")) == [targets[3]]
    assert list(EditTarget.name == "n9") == [targets[9]]
    assert EditTarget.select_all().table("name")["name"].tolist() == [f"n{n}" for n in range(10)]


def test_an_edit_back_to_the_stored_value_is_none(context):
    target = EditTarget(name="t", ra=1.0, header={"a": 1}).commit()
    target.ra = 2.0
    target.header = {"a": 2}
    target.ra = 1
    target.edit("header")["a"] = 1
    assert not target.is_edited
    context.commit()
    assert target.history() == []


def test_what_is_not_mutable_says_so_and_what_may_change(context):
    target = EditTarget(name="t").commit()
    with pytest.raises(
        AwePermissionError,
        match=r"EditTarget.fixed of <EditTarget .* t> cannot .*What may change: name, ra",
    ):
        target.fixed = 2
    with pytest.raises(AweTypeError, match=r"EditTarget.ra takes a number"):
        target.ra = "x"
    assert not target.is_edited


def test_a_change_by_somebody_else_is_reported_not_overwritten(context):
    target = EditTarget(name="t", ra=1.0, kind="star").commit()
    target.ra = 2.0
    with another_session(context):
        theirs = EditTarget[target.object_id]
        theirs.ra = 3.0
        theirs.commit()
    context.refresh()
    assert target.ra == 2.0
    with pytest.raises(StaleEditError, match=r"EditTarget.ra .* to 3.0 since you set it to 2.0"):
        context.commit()
    assert (target.ra, target.stored_value("ra")) == (2.0, 3.0)
    with pytest.raises(StaleEditError):
        context.commit()
    context.rollback()
    assert target.ra == 3.0
    target.ra = 2.0
    target.commit()
    assert [c.new for c in target.history()] == [3.0, 2.0]


def test_assigning_again_after_the_report_sets_ones_own(context):
    target = EditTarget(name="t", ra=1.0).commit()
    target.ra = 2.0
    with another_session(context):
        theirs = EditTarget[target.object_id]
        theirs.ra = 3.0
        theirs.commit()
    with pytest.raises(StaleEditError, match="assign again"):
        context.commit()
    target.ra = 4.0
    context.commit()
    assert [(c.old, c.new) for c in target.history()] == [(1.0, 3.0), (3.0, 4.0)]


def test_edits_of_different_attributes_by_two_do_not_clash(context):
    target = EditTarget(name="t", ra=1.0, header={"a": 1}).commit()
    target.ra = 2.0
    target.edit("header")["b"] = 2
    with another_session(context):
        theirs = EditTarget[target.object_id]
        theirs.kind = "galaxy"
        theirs.tags = ["x", "x"]
        theirs.commit()
    context.commit()
    assert (target.ra, target.kind, target.tags) == (2.0, "galaxy", ("x", "x"))
    assert dict(target.header) == {"a": 1, "b": 2}


def test_a_container_that_somebody_else_changed_is_stale(context):
    target = EditTarget(name="t", header={"a": 1}, tags=["a"]).commit()
    target.edit("header")["b"] = 2
    with another_session(context):
        theirs = EditTarget[target.object_id]
        theirs.edit("header")["c"] = 3
        theirs.commit()
    context.refresh()
    target.edit("header")["d"] = 4
    with pytest.raises(StaleEditError, match="header"):
        context.commit()
    assert dict(target.stored_value("header")) == {"a": 1, "c": 3}


def test_an_object_that_somebody_else_deleted_says_so(context):
    target = EditTarget(name="t").commit()
    target.ra = 2.0
    with another_session(context) as other:
        other.delete(EditTarget[target.object_id], why="mistake")
    with pytest.raises(LookupError, match=r"deleted by ann at .*: mistake"):
        context.commit()
    context.rollback()
    context.refresh()
    assert len(EditTarget.select_all()) == 0


def test_what_a_deleted_object_was_stays_known(context):
    header, table = {"RA": 5.0, "NOTE": "x"}, np.arange(6.0).reshape(2, 3)
    target = EditTarget(name="t", ra=1.0, header=header, table=table).commit()
    target.ra = 2.0
    context.commit(why="better")
    packed, fields = target._packed, EditTarget._fields()
    context.delete(target, why="mistake")
    context.refresh()
    assert len(EditTarget.select_all()) == 0
    stone = plain.loads(context.session.root.tombstones[packed])
    row = Row(*stone["record"])
    values = dict(zip((name for name, _ in fields), row.values(), strict=True))
    assert (values["name"], values["ra"], values["kind"]) == ("t", 2.0, "star")
    assert row.committed < stone["when"]
    kept = context.session.children(packed)
    attributes = EditTarget._attributes
    assert attributes["header"].kind.unpack(kept["header"].data) == header
    assert np.array_equal(attributes["table"].kind.unpack(kept["table"].data), table)
    # The number is not given to another object, whose records these would be.
    assert EditTarget(name="t").commit()._packed != packed
    assert verify(context) == []
    sweep(context)
    assert set(context.session.children(packed)) == {"header", "table"}


def test_rollback_of_one_or_of_all(context):
    one, two = EditTarget(name="a"), EditTarget(name="b")
    context.commit(one, two)
    one.ra = two.ra = 5.0
    context.rollback(one)
    assert (one.ra, two.ra) == (None, 5.0)
    context.rollback()
    assert two.ra is None
    assert context.session.staged == {}


def test_committing_an_empty_list_commits_nothing(context):
    target = EditTarget(name="t").commit()
    target.ra = 5.0
    context.commit([])
    assert target.is_edited
    context.commit(EditTarget.name == "none")
    assert target.is_edited
    context.rollback([])
    assert target.is_edited


def test_only_the_named_object_is_committed(context):
    one, two = EditTarget(name="a"), EditTarget(name="b")
    context.commit(one, two)
    one.ra = two.ra = 5.0
    one.commit()
    assert not one.is_edited
    assert two.is_edited


def test_an_edit_stores_the_new_objects_that_it_links_to(context):
    target = EditTarget(name="t").commit()
    target.friend = EditTarget(name="new", friend=EditTarget(name="newer"))
    context.commit()
    assert EditTarget.get(name="newer") is target.friend.friend
    assert list(EditTarget.friend.friend.name == "newer") == [target]


def test_a_refused_edit_leaves_all_as_it_was(context):
    one, two = EditTarget(name="a"), EditTarget(name="b")
    context.commit(one, two)
    one.ra = 7.0
    two.name = "a"
    with pytest.raises(UniqueError, match="name = 'a' must be unique"):
        context.commit()
    assert (one.stored_value("ra"), two.stored_value("name")) == (None, "b")
    assert (one.ra, two.name) == (7.0, "a")
    two.name = "c"
    context.commit()
    assert [(t.name, t.ra) for t in EditTarget.select_all()] == [("a", 7.0), ("c", None)]
    one.kind = None
    with pytest.raises(AweValueError, match="kind is required; it cannot become None"):
        context.commit()
    context.rollback()


def test_a_failed_commit_leaves_new_objects_to_be_committed_again(context, monkeypatch):
    batch = [EditTarget(name="a"), EditTarget(name="b")]
    batch[1].friend = batch[0]

    def fail():
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(context.session, "commit_transaction", fail)
        with pytest.raises(StoreError, match="No space left"):
            context.commit(batch)
    assert [o.is_committed for o in batch] == [False, False]
    assert len(EditTarget.select_all()) == 0
    ids = [o.object_id for o in batch]
    context.commit(batch)
    assert [o.object_id for o in EditTarget.select_all()] == ids
    assert batch[1].friend is batch[0]


def test_a_failed_edit_can_be_committed_again(context, monkeypatch):
    target = EditTarget(name="a", ra=1.0).commit()
    target.ra = 2.0

    def fail():
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(context.session, "commit_transaction", fail)
        with pytest.raises(StoreError, match="No space left"):
            context.commit()
    assert (target.ra, target.stored_value("ra")) == (2.0, 1.0)
    context.commit()
    assert target.stored_value("ra") == 2.0


def test_a_file_that_fails_stores_nothing(context, monkeypatch):
    target, moved_back = EditTarget(name="a"), []

    class Broken:
        def move_in(self):
            raise OSError(5, "Input/output error")

        def move_back(self):
            moved_back.append(self)

        def give_back(self):
            moved_back.append(self)

    monkeypatch.setattr(EditTarget, "prepare_files", lambda self, context: [Broken()])
    with pytest.raises(StoreError, match="Input/output"):
        target.commit()
    assert len(moved_back) == 2
    assert not target.is_committed
    monkeypatch.undo()
    assert target.commit().is_committed


def test_a_loop_that_commits_sees_its_rows_to_the_end(context):
    context.commit([EditTarget(name=f"t{n}", ra=0.0) for n in range(20)])
    query = EditTarget.ra == 0.0
    seen = []
    for number, target in enumerate(query):
        seen.append(target.name)
        target.ra = 1.0
        EditTarget(name=f"new{number}", ra=0.0).commit()
        context.commit()
    assert seen == [f"t{n}" for n in range(20)]
    assert [t.name for t in query] == [f"new{n}" for n in range(20)]


def test_a_snapshot_is_renewed_by_refresh_and_by_a_commit(context):
    query = EditTarget.select_all()
    assert len(query) == 0
    with another_session(context):
        EditTarget(name="theirs").commit()
    assert len(query) == 0
    context.refresh()
    assert len(query) == 1
    with another_session(context):
        EditTarget(name="more").commit()
    EditTarget(name="mine").commit()
    assert [t.name for t in query] == ["theirs", "more", "mine"]


def test_values_of_an_object_follow_the_snapshot(context):
    target = EditTarget(name="t", ra=1.0, header={"a": 1}).commit()
    assert (target.ra, dict(target.header)) == (1.0, {"a": 1})
    with another_session(context):
        theirs = EditTarget[target.object_id]
        theirs.ra = 2.0
        theirs.header = {"a": 2}
        theirs.commit()
    assert (target.ra, dict(target.header)) == (1.0, {"a": 1})
    context.refresh()
    assert (target.ra, dict(target.header)) == (2.0, {"a": 2})


def declare_grown(grown):
    """Declare a class whose record has one field more the second time."""
    fields = {"a": persistent("a", float)}
    if grown:
        fields["b"] = persistent("b", int, 3)
    record = type(OwnedRecord)("EditGrownRecord", (OwnedRecord,), fields)
    body = {
        "rec": persistent("r", record, mutable=True),
        "recs": persistent("r", [record], mutable=True),
        "x": persistent("x", int, mutable=True),
    }
    return record, type(DBObject)("EditGrown", (DBObject,), body)


def test_history_is_read_after_a_record_has_grown(context):
    record, cls = declare_grown(False)
    obj = cls(rec=record(a=1.0), recs=[record(a=5.0)]).commit()
    obj.rec = record(a=2.0)
    obj.recs = []
    obj.commit()
    object_id = obj.object_id
    del obj
    record, cls = declare_grown(True)
    context.reopen()
    obj = cls[object_id]
    assert obj.rec == record(a=2.0, b=3)
    assert [(c.old, c.new) for c in obj.history()] == [
        (record(a=1.0, b=3), record(a=2.0, b=3)),
        ((record(a=5.0, b=3),), ()),
    ]
    obj.x = 5
    obj.commit()
    assert obj.rec == record(a=2.0, b=3)
    assert list(cls.rec.b == 3) == [obj]
    obj.rec = record(a=2.0, b=9)
    obj.commit()
    assert obj.history()[-1].new == record(a=2.0, b=9)
    assert list(cls.rec.b == 9) == [obj]
