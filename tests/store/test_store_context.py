"""Who sees, makes, publishes, changes and deletes what."""

import datetime

import pytest
from store_lab import open_new

from awe.base.errors import (
    AweAttributeError,
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.store import DBObject, Restricted, persistent
from awe.store.context import Context
from awe.store.unique import UniqueError


class CtxCamera(DBObject):
    """Vocabulary."""

    vocabulary = True
    name = persistent("Name", str, unique=True)


class CtxFrame(DBObject):
    """Data with links."""

    name = persistent("Name", str, unique=True)
    camera = persistent("Camera", CtxCamera)
    raw = persistent("Made from", "CtxFrame")
    inputs = persistent("Made from", ["CtxFrame"])
    is_valid = persistent("Valid", int, 1, mutable=True)
    comment = persistent("Comment", str, mutable=True)
    timestamp_start = persistent("From", datetime.datetime, mutable=True)
    timestamp_end = persistent("Until", datetime.datetime, mutable=True)


@pytest.fixture
def open_as(tmp_path):
    """Give a function that opens the store as a user, closing the session of before."""
    opened = []

    def open_as(user, project=None, level=1):
        for before in opened:
            before.close()
        opened[:] = [open_new(tmp_path, user, project=project, privileges=level)]
        return opened[0]

    yield open_as
    for context in opened:
        context.close()


def fill(context):
    """Store a frame at each level in a project with a member and a second manager."""
    context.create_project("SHARED", "For the tests", members=["bob"], maximum_privileges=5)
    context.set_project("SHARED")
    context.add_member("mia", manager=True)
    camera = CtxCamera(name="OMEGACAM").commit()
    for level in range(1, 6):
        context.set_privileges(level)
        CtxFrame(name=f"ann{level}", camera=camera).commit()


@pytest.fixture
def filled(open_as):
    """Give the opener of a store with a frame of ann at each level of project SHARED."""
    open_as("bob")
    open_as("mia")
    open_as("cleo")
    context = open_as("ann")
    fill(context)
    return open_as


# What each user sees of ann's frames with each privileges, by the level of the frame.
SEEN = [
    ("ann", 1, "12345"),
    ("ann", 2, "2345"),
    ("ann", 3, "345"),
    ("ann", 4, "45"),
    ("ann", 5, "5"),
    ("bob", 1, "2345"),
    ("bob", 2, "2345"),
    ("bob", 3, "345"),
    ("bob", 4, "45"),
    ("bob", 5, "5"),
    ("mia", 1, "2345"),
    ("mia", 2, "2345"),
    ("mia", 3, "345"),
    ("mia", 4, "45"),
    ("mia", 5, "5"),
    ("cleo", 1, "345"),
    ("cleo", 2, "345"),
    ("cleo", 3, "345"),
    ("cleo", 4, "45"),
    ("cleo", 5, "5"),
    ("anonymous", 1, "45"),
    ("anonymous", 2, "45"),
    ("anonymous", 3, "45"),
    ("anonymous", 4, "45"),
    ("anonymous", 5, "5"),
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Give the folder of a store with a frame of ann at each level of project SHARED."""
    folder = tmp_path_factory.mktemp("shelf")
    for user in ("bob", "mia", "cleo"):
        Context(folder / "store", folder / "data", user).close()
    context = Context(folder / "store", folder / "data", "ann")
    fill(context)
    context.close()
    return folder


@pytest.mark.parametrize(("user", "privileges", "levels"), SEEN)
def test_who_sees_what_at_every_level(shelf, user, privileges, levels):
    context = Context(shelf / "store", shelf / "data", user, privileges=privileges)
    names = [f"ann{level}" for level in levels]
    try:
        assert [f.name for f in CtxFrame.select_all()] == names
        assert len(CtxFrame.select_all()) == len(names)
        assert [f.name for f in CtxFrame.camera.name == "OMEGACAM"] == names
        assert [c.name for c in CtxCamera.select_all()] == ["OMEGACAM"]
    finally:
        context.close()


def test_an_object_is_found_by_id_only_by_those_who_may_see_it(filled):
    ids = [f.object_id for f in filled("ann", "SHARED").session and CtxFrame.select_all()]
    filled("cleo")
    for level, object_id in enumerate(ids, 1):
        if level >= 3:
            assert CtxFrame[object_id].name == f"ann{level}"
        else:
            with pytest.raises(AweLookupError, match="No CtxFrame that you may see"):
                CtxFrame[object_id]


def test_a_member_who_is_taken_out_sees_it_no_more(filled):
    context = filled("ann", "SHARED")
    context.remove_member("bob")
    with pytest.raises(AweLookupError, match="'bbo' is not a member"):
        context.remove_member("bbo")
    context.remove_member("mia")
    with pytest.raises(AweValueError, match="only manager"):
        context.remove_member("ann")
    assert [u.name for u in context.project.members] == ["ann"]
    context = filled("bob")
    assert "".join(f.name[-1] for f in CtxFrame.select_all()) == "345"
    with pytest.raises(AwePermissionError, match="not a member of the project 'SHARED'"):
        context.set_project("SHARED")


def test_a_public_project_has_everybody_as_member(open_as):
    open_as("ann").create_project("ALL", public=True)
    context = open_as("cleo")
    context.set_project("ALL")
    assert context.project.name == "ALL"


# --- projects ---


def test_a_first_start_makes_a_project_to_work_in(open_as):
    context = open_as("ann")
    assert context.get_current_project().name == "ann's project"
    assert context.get_current_user().name == "ann"
    assert context.privileges == 1
    CtxFrame(name="x").commit()
    context = open_as("ann")
    assert context.get_current_project().name == "ann's project"
    assert [p.name for p in context.projects()] == ["ann's project"]


def test_printing_the_project_is_as_in_the_tutorial(open_as, capsys):
    context = open_as("ann")
    context.create_project("OMEGACAM@VST", "All public data for OmegaCAM.")
    context.set_project("OMEGACAM@VST")
    print(context.get_current_project())
    assert capsys.readouterr().out.splitlines() == [
        "   Project:     OMEGACAM@VST  (id = 2)",
        "   Description: All public data for OmegaCAM.",
        "   Instrument:  -",
        "   Maximum Privileges: 4 (World)",
        "   Current Privileges: 1 (MyDB)",
    ]


def test_a_project_that_cannot_be_entered_leaves_the_current_one(filled):
    context = filled("cleo")
    with pytest.raises(AweLookupError, match=r"no project 'SHARD'. Did you mean 'SHARED'"):
        context.set_project("SHARD")
    with pytest.raises(AweLookupError, match="create_project"):
        context.set_project("NOWHERE")
    with pytest.raises(AwePermissionError, match="managers can add you: ann, mia"):
        context.set_project("SHARED")
    with pytest.raises(AweTypeError, match="by its name, not by int"):
        context.set_project(5)
    assert context.get_current_project().name == "cleo's project"
    with pytest.raises(AweLookupError, match="no project 'SHARD'"):
        filled("cleo", "SHARD")
    assert context is not None


def test_two_projects_cannot_have_one_name(filled):
    context = filled("cleo")
    with pytest.raises(UniqueError, match="'SHARED' must be unique"):
        context.create_project("SHARED")
    assert context.get_current_project().name == "cleo's project"


@pytest.mark.parametrize("level", [0, 6, True, "1", None, 1.5])
def test_a_level_that_is_none_is_refused(open_as, level):
    context = open_as("ann")
    with pytest.raises(AweValueError, match=r"they are 1 \(MyDB\), 2 \(Project\)"):
        context.set_privileges(level)
    assert context.privileges == 1


def test_only_managers_change_a_project(filled):
    context = filled("bob", "SHARED")
    with pytest.raises(AwePermissionError, match="Only a manager of SHARED can add members: ann"):
        context.add_member("cleo")
    project = context.project
    project.managers = [context.user]
    with pytest.raises(AwePermissionError, match="Only a manager"):
        context.commit()
    assert not context.is_manager(project)
    context.rollback()
    project.description = "mine"
    with pytest.raises(AwePermissionError, match="Only a manager"):
        project.commit()
    context = filled("mia", "SHARED")
    context.add_member("cleo")
    assert filled("cleo", "SHARED").project.name == "SHARED"


def test_membership_that_is_only_staged_opens_nothing(filled):
    context = filled("cleo")
    project = CtxFrame.get(name="ann3").project
    project.members = [*project.members, context.user]
    with pytest.raises(AwePermissionError, match="not a member"):
        context.set_project("SHARED")
    context.refresh()
    assert len(CtxFrame.name == "ann2") == 0


def test_project_only_and_user_only_narrow_in_place(filled):
    context = filled("bob", "SHARED", 2)
    CtxFrame(name="bob2").commit()
    context.set_project("bob's project")
    CtxFrame(name="own2").commit()
    query = CtxFrame.select_all()
    assert len(query) == 6
    assert query.project_only() is query
    assert [f.name for f in query] == ["own2"]
    shared = CtxFrame.select_all().project_only("SHARED").user_only()
    assert [f.name for f in shared] == ["bob2"]
    with pytest.raises(AweLookupError, match="Did you mean 'SHARED'"):
        query.project_only("SHAREDD")
    query = CtxFrame.select_all()
    query.user_only()
    assert [f.name for f in query] == ["bob2", "own2"]


def test_a_query_follows_the_context(filled):
    context = filled("ann", "SHARED")
    query = CtxFrame.select_all()
    assert len(query) == 5
    context.set_privileges(4)
    assert len(query) == 2
    assert [f.name for f in query] == ["ann4", "ann5"]


# --- new objects ---


def test_new_objects_carry_creator_project_and_level(filled):
    context = filled("ann", "SHARED", 2)
    frame = CtxFrame(name="new")
    assert (frame.creator, frame.project, frame.privileges, frame.committed_at) == (None,) * 4
    frame.commit()
    assert (frame.creator.name, frame.project.name, frame.privileges) == ("ann", "SHARED", 2)
    assert frame.committed_at is not None
    camera = CtxCamera.get(name="OMEGACAM")
    assert (camera.creator, camera.project, camera.privileges) == (None, None, None)
    assert context.privileges == 2


def test_only_managers_make_objects_from_level_3_on(filled):
    context = filled("bob", "SHARED", 3)
    frame = CtxFrame(name="bob3")
    with pytest.raises(AwePermissionError, match=r"manager of SHARED can make objects at level 3"):
        frame.commit()
    assert not frame.is_committed
    context.set_privileges(2)
    frame.commit()
    filled("mia", "SHARED", 3)
    CtxFrame(name="mia3").commit()


def test_nothing_lies_above_the_projects_maximum(open_as):
    context = open_as("ann")
    context.create_project("LOW", maximum_privileges=2)
    context.set_project("LOW")
    context.set_privileges(3)
    with pytest.raises(AwePermissionError, match=r"at most at level 2 \(Project\), not at 3"):
        CtxFrame(name="x").commit()
    context.set_privileges(1)
    frame = CtxFrame(name="x").commit()
    with pytest.raises(AwePermissionError, match=r"may lie at most at 2 \(Project\)"):
        context.publish(frame, 3)
    assert frame.privileges == 1


def test_the_unnamed_reader_changes_nothing(filled):
    context = filled("anonymous")
    assert context.get_current_project() is None
    for change in (
        lambda: CtxFrame(name="x").commit(),
        lambda: context.create_project("MINE"),
        lambda: context.update_is_valid(CtxFrame.get(name="ann4"), 0),
        lambda: context.publish(CtxFrame.get(name="ann4"), 5),
        lambda: context.delete(CtxFrame.get(name="ann4")),
        lambda: CtxFrame.select_all().user_only(),
    ):
        with pytest.raises(AwePermissionError):
            change()
    with pytest.raises(AweLookupError, match="There is no current project"):
        CtxFrame.select_all().project_only()
    assert CtxFrame.get(name="ann4").is_valid == 1


def test_a_new_object_above_its_inputs_is_refused_unless_restricted(filled):
    context = filled("ann", "SHARED", 3)
    low = CtxFrame(name="made", raw=CtxFrame.get(name="ann3"))
    low.commit()
    context.set_privileges(1)
    hidden = CtxFrame.get(name="ann1")
    context.set_privileges(4)
    for links in ({"raw": hidden}, {"inputs": [hidden]}):
        made = CtxFrame(name="high", **links)
        with pytest.raises(AwePermissionError, match=r"would lie above its .*ann1.*\n.*publish"):
            made.commit()
        assert not made.is_committed
    made.commit(restricted=True)
    made_id = made.object_id
    filled("cleo")
    made = CtxFrame[made_id]
    (placeholder,) = made.inputs
    assert isinstance(placeholder, Restricted)
    assert placeholder.class_name == "CtxFrame"
    assert placeholder.project == "SHARED"
    assert repr(placeholder).startswith("<Restricted CtxFrame ")
    with pytest.raises(AweAttributeError, match=r"may not see it.*Ask a manager of the project S"):
        placeholder.name  # noqa: B018
    assert placeholder == made.inputs[0]


def test_a_hidden_link_is_a_placeholder_and_none_in_a_path(filled):
    context = filled("ann", "SHARED")
    hidden = CtxFrame.get(name="ann1")
    context.set_privileges(4)
    CtxFrame(name="high", raw=hidden).commit(restricted=True)
    for user, sees in (("ann", True), ("cleo", False)):
        filled(user)
        frame = CtxFrame.get(name="high")
        assert isinstance(frame.raw, CtxFrame if sees else Restricted)
        assert len(CtxFrame.raw.name == "ann1") == sees
        assert ("high" in [f.name for f in CtxFrame.raw.name == None]) is not sees  # noqa: E711
        assert "high" not in [f.name for f in CtxFrame.raw == None]  # noqa: E711
        table = (CtxFrame.name == "high").table("raw.name")
        assert bool(getattr(table["raw.name"], "mask", [False])[0]) is not sees


def test_one_may_link_to_what_one_may_not_see_any_more(filled):
    context = filled("ann", "SHARED")
    hidden = CtxFrame.get(name="ann1")
    context.set_privileges(4)
    CtxFrame(name="high", raw=hidden).commit(restricted=True)
    context = filled("cleo")
    context.set_privileges(2)
    placeholder = CtxFrame.get(name="high").raw
    with pytest.raises(AwePermissionError, match="would lie above its raw <Restricted"):
        CtxFrame(name="mine", raw=placeholder).commit()
    context.set_privileges(1)
    assert CtxFrame(name="mine", raw=placeholder).commit().raw == placeholder


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
