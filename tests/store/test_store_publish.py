"""Who publishes, changes and deletes what."""

import datetime

import pytest
from context_lab import CtxCamera, CtxFrame

from awe.base.errors import (
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.store.unique import UniqueError

# --- publish ---


def test_publish_raises_the_closure_of_the_lineage(filled, capsys):
    context = filled("ann", "SHARED", 1)
    raw = CtxFrame(name="raw", camera=CtxCamera.get(name="OMEGACAM"))
    bias = CtxFrame(name="bias", inputs=[raw])
    done = CtxFrame(name="done", raw=raw, inputs=[bias, CtxFrame.get(name="ann4")])
    context.commit(done)
    assert [o.name for o in context.publish(done, 3, why="paper")] == ["raw", "bias", "done"]
    told = capsys.readouterr().out
    assert "3 objects raised to level 3 (Astro-WISE)." in told
    assert [o.privileges for o in (raw, bias, done)] == [3, 3, 3]
    (change,) = raw.history()
    assert (change.attribute, change.old, change.new, change.why) == ("privileges", 1, 3, "paper")
    with pytest.raises(AweValueError, match="levels only go up"):
        context.publish(done, 2)
    assert context.publish(done, 3) == []
    filled("cleo")
    assert CtxFrame.get(name="done").raw.name == "raw"


def test_publish_raises_all_or_nothing(filled):
    context = filled("bob", "SHARED")
    mine = CtxFrame(name="mine").commit()
    context.publish(mine, 2)
    with pytest.raises(AwePermissionError, match=r"Only a manager of SHARED can raise .*mine"):
        context.publish(mine, 3)
    context = filled("ann", "SHARED")
    hidden = CtxFrame.get(name="ann1")
    context.set_privileges(2)
    CtxFrame(name="over", raw=hidden).commit(restricted=True)
    context = filled("mia", "SHARED")
    top = CtxFrame(name="top", raw=CtxFrame.get(name="mine"), inputs=[CtxFrame.get(name="over")])
    top.commit()
    with pytest.raises(AwePermissionError, match="you may not see it; nothing was published"):
        context.publish(top, 3)
    assert [CtxFrame.get(name=n).privileges for n in ("mine", "over", "top")] == [2, 2, 1]


def test_publish_is_refused_where_a_name_is_taken(filled):
    context = filled("bob", "SHARED")
    CtxFrame(name="n").commit()
    context.set_privileges(2)
    CtxFrame(name="n2").commit()
    context = filled("ann", "SHARED")
    frame = CtxFrame(name="n2").commit()
    with pytest.raises(UniqueError, match="n2"):
        context.publish(frame, 2)
    assert frame.privileges == 1
    context.publish(CtxFrame(name="n").commit(), 2)


def test_publish_needs_a_stored_object_with_a_level(filled):
    context = filled("ann", "SHARED")
    with pytest.raises(AweValueError, match="not stored yet"):
        context.publish(CtxFrame(name="x"), 2)
    with pytest.raises(AweValueError, match="vocabulary"):
        context.publish(CtxCamera.get(name="OMEGACAM"), 2)
    with pytest.raises(AweValueError, match="not a level"):
        context.publish(CtxFrame.get(name="ann1"), 7)


def test_a_long_lineage_is_published(open_as):
    context = open_as("ann")
    frame = None
    chain = []
    for number in range(1500):
        frame = CtxFrame(name=f"f{number}", raw=frame)
        chain.append(frame)
    context.commit(frame)
    assert len(context.publish(frame, 2)) == 1500
    assert len(context.delete(chain[0], dependents=True)) == 1500


# --- updates and history ---


def test_updates_are_recorded_with_who_when_and_why(filled):
    context = filled("mia", "SHARED")
    frame = CtxFrame.get(name="ann2")
    context.update_is_valid(frame, 0, "satellite")
    context.update_timestamp_start(frame, "2012-06-01")
    context.update_timestamp_end(frame, datetime.datetime(2012, 7, 1))
    history = frame.history()
    assert [(c.attribute, c.old, c.new, c.why, c.who) for c in history] == [
        ("is_valid", 1, 0, "satellite", "mia"),
        ("timestamp_start", None, datetime.datetime(2012, 6, 1), None, "mia"),
        ("timestamp_end", None, datetime.datetime(2012, 7, 1), None, "mia"),
    ]
    assert history[0].when < history[1].when < history[2].when
    assert history[0].when > frame.committed_at
    assert list(CtxFrame.is_valid == 0) == [frame]


def test_an_update_that_fails_keeps_other_edits(filled):
    context = filled("mia", "SHARED")
    frame = CtxFrame.get(name="ann2")
    frame.comment = "mine"
    with pytest.raises(AweTypeError):
        context.update_is_valid(frame, "bad")
    assert (frame.comment, frame.is_valid) == ("mine", 1)
    context = filled("cleo")
    frame = CtxFrame.get(name="ann3")
    frame.comment = "theirs"
    with pytest.raises(AwePermissionError, match="creator or a member"):
        context.update_is_valid(frame, 0)
    assert (frame.comment, frame.is_valid) == ("theirs", 1)
    context.rollback()
    assert (frame.comment, frame.history()) == (None, [])
    with pytest.raises(AweValueError, match="not stored yet"):
        context.update_is_valid(CtxFrame(name="x"), 0)


# --- delete ---


def test_what_something_depends_on_is_not_deleted(filled):
    context = filled("ann", "SHARED")
    raw = CtxFrame(name="raw")
    bias = CtxFrame(name="bias", inputs=[raw])
    done = CtxFrame(name="done", raw=bias)
    context.commit(done)
    assert raw.inverse_objects() == [bias]
    with pytest.raises(AwePermissionError, match=r"1 objects \(<CtxFrame .* bias>\) depend on"):
        context.delete(raw)
    with pytest.raises(AwePermissionError, match="done"):
        context.delete([raw, bias])
    told = context.delete(raw, dependents=True, why="wrong night")
    assert [t.split()[-1] for t in told] == ["done>", "bias>", "raw>"]
    assert len(CtxFrame.name.in_(["raw", "bias", "done"])) == 0
    with pytest.raises(AweLookupError, match=r"CtxFrame .* \(raw\) was deleted by ann at .*night"):
        raw.name  # noqa: B018
    assert repr(raw).endswith("deleted>")
    CtxFrame(name="raw").commit()


def test_a_hidden_dependant_protects_without_being_named(filled):
    filled("bob", "SHARED")
    CtxFrame(name="secret", raw=CtxFrame.get(name="ann2")).commit()
    context = filled("ann", "SHARED")
    for options in ({}, {"dependents": True}):
        with pytest.raises(AwePermissionError, match="1 that you may not see depend on") as raised:
            context.delete(CtxFrame.get(name="ann2"), **options)
        assert "secret" not in str(raised.value)
    assert CtxFrame.get(name="ann2").inverse_objects() == []


def test_who_deletes_what(filled):
    context = filled("bob", "SHARED")
    with pytest.raises(AwePermissionError, match="Only its creator or a manager"):
        context.delete(CtxFrame.get(name="ann2"))
    context = filled("mia", "SHARED")
    context.delete(CtxFrame.get(name="ann2"))
    context = filled("ann", "SHARED")
    with pytest.raises(AwePermissionError, match=r"published at level 3 .*\n.*update_is_valid"):
        context.delete(CtxFrame.get(name="ann3"))
    with pytest.raises(AwePermissionError, match="vocabulary"):
        context.delete(CtxCamera.get_or_create(name="NEW").commit())
    with pytest.raises(AweValueError, match="not stored"):
        context.delete(CtxFrame(name="x"))
    with pytest.raises(AweTypeError, match="not an object of the store"):
        context.delete("ann1")
    assert len(context.delete(CtxFrame.name == "ann1")) == 1
    assert [f.name for f in CtxFrame.select_all()] == ["ann3", "ann4", "ann5"]


def test_one_published_dependant_protects_all(filled):
    context = filled("ann", "SHARED")
    raw = CtxFrame(name="raw").commit()
    context.set_privileges(3)
    CtxFrame(name="pub", raw=raw).commit(restricted=True)
    with pytest.raises(AwePermissionError, match="published"):
        context.delete(raw, dependents=True)
    assert CtxFrame.get(name="pub").raw is raw
