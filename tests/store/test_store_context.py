"""Who sees, makes, publishes, changes and deletes what."""

import pytest
from context_lab import CtxCamera, CtxFrame, fill

from awe.base.errors import (
    AweAttributeError,
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.store import Restricted
from awe.store.context import Context
from awe.store.unique import UniqueError

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
