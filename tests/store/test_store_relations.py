"""What a declaration promises of several objects: uniqueness, and relations in step."""

import pytest
from declared_lab import DeclCamera, DeclChip, DeclExposure, DeclFrame, DeclReport, DeclTag, reread

from awe.base.errors import (
    AwePermissionError,
    AweTypeError,
)
from awe.store import DBObject, persistent
from awe.store.context import Context
from awe.store.unique import UniqueError

# --- unique ---


def test_vocabulary_is_unique_in_the_whole_store(context):
    DeclCamera(name="A").commit()
    context.create_project("OTHER")
    context.set_project("OTHER")
    with pytest.raises(UniqueError, match=r"DeclCamera: name = 'A' must be unique"):
        DeclCamera(name="A").commit()
    assert len(DeclCamera.select_all()) == 1


def test_unique_together_takes_both(context):
    one, two = DeclCamera(name="A"), DeclCamera(name="B")
    context.commit(DeclChip(camera=one, name="c"), DeclChip(camera=two, name="c"))
    with pytest.raises(UniqueError, match=r"camera = .* name = 'c'"):
        DeclChip(camera=one, name="c").commit()
    DeclChip(camera=one).commit()
    DeclChip(camera=one).commit()
    assert len(DeclChip.camera == one) == 3


def test_unique_holds_within_the_project_and_at_level_1_within_the_creator(tmp_path):
    for user in ("bob", "ann"):
        context = Context(tmp_path / "store", tmp_path / "data", user)
        if user == "bob":
            context.create_project("P", members=["ann"])
        context.set_project("P")
        DeclFrame(name="n").commit()
        with pytest.raises(UniqueError, match=r"name = 'n'.*has it"):
            DeclFrame(name="n").commit()
        context.set_project(f"{user}'s project")
        DeclFrame(name="n").commit()
        context.set_project("P")
        if user == "bob":
            context.set_privileges(2)
            DeclFrame(name="m").commit()
            context.close()
    context.set_privileges(2)
    with pytest.raises(UniqueError, match="name = 'm'"):
        DeclFrame(name="m").commit()
    assert [f.name for f in DeclFrame.select_all()] == ["m"]
    context.close()


def test_unique_follows_edits_and_deletion(context):
    exposures = [DeclExposure(name=n) for n in "ab"]
    context.commit(exposures)
    context.delete(exposures[0])
    again = DeclExposure(name="a").commit()
    assert list(DeclExposure.select_all()) == [exposures[1], again]


def test_a_failed_commit_of_several_stores_none_and_can_be_repeated(context):
    DeclFrame(name="x").commit()
    batch = [DeclFrame(name="y"), DeclFrame(name="x")]
    with pytest.raises(UniqueError):
        context.commit(batch)
    assert [o.is_committed for o in batch] == [False, False]
    assert len(DeclFrame.select_all()) == 1
    batch[1].name = "z"
    context.commit(batch)
    assert [f.name for f in DeclFrame.select_all()] == ["x", "y", "z"]


def test_get_or_create_gives_the_same_object(context):
    one = DeclCamera.get_or_create(name="A")
    assert DeclCamera.get_or_create(name="A") is one
    context.create_project("OTHER")
    context.set_project("OTHER")
    assert DeclCamera.get_or_create(name="A") is one
    chip = DeclChip.get_or_create(camera=one, name="c")
    assert DeclChip.get_or_create(camera=one, name="c") is chip
    chip.commit()
    assert one.is_committed
    assert DeclChip.get_or_create(camera=one, name="c") is chip
    assert len(DeclChip.select_all()) == 1
    with pytest.raises(AweTypeError, match="needs all that makes an object unique: camera and"):
        DeclChip.get_or_create(name="c")
    with pytest.raises(AweTypeError, match="nothing unique"):
        DeclTag.get_or_create(name="t")


# --- relations ---


def test_links_and_computed_lists_are_in_step(context):
    exposure = DeclExposure(name="e")
    first = DeclFrame(exposure=exposure)
    second = DeclFrame()
    assert exposure.frames == (first,)
    exposure.frames = [first, second]
    assert second.exposure is exposure
    context.commit(exposure, first, second)
    assert exposure.frames == (first, second)
    third = DeclFrame(exposure=exposure)
    assert exposure.frames == (first, second, third)
    first.exposure = None
    assert exposure.frames == (second, third)
    exposure.frames = [first]
    assert (first.exposure, second.exposure, third.exposure) == (exposure, None, None)
    context.refresh()
    assert exposure.frames == (first,)
    context.rollback()
    assert set(exposure.frames) == {first, second}
    first.exposure = None
    context.commit()
    left = second.object_id
    assert reread(context, exposure).frames == (DeclFrame[left],)


def test_a_computed_list_of_immutable_links_changes_all_or_nothing(context):
    class DeclFixed(DBObject):
        exposures = persistent("x", ["DeclExposureOfFixed"], inverse="fixed")

    class DeclExposureOfFixed(DBObject):
        fixed = persistent("x", DeclFixed, inverse="exposures")

    owner = DeclFixed()
    stored = DeclExposureOfFixed(fixed=owner).commit()
    new = DeclExposureOfFixed(fixed=owner)
    with pytest.raises(AwePermissionError, match="cannot change after commit"):
        owner.exposures = []
    assert owner.exposures == (stored, new)


def test_one_to_one_is_in_step_and_moves(context):
    exposure = DeclExposure(name="e")
    one, two = DeclReport(exposure=exposure), DeclReport()
    assert exposure.report is one
    two.exposure = exposure
    assert (one.exposure, exposure.report) == (None, two)
    context.commit(exposure, one, two)
    exposure.report = one
    assert (two.exposure, exposure.report) == (None, one)
    context.commit()
    assert exposure.report is one
    assert list(DeclExposure.report == one) == [exposure]
    assert list(DeclReport.exposure == exposure) == [one]
    assert list(DeclReport.exposure.name == "e") == [one]
    assert list(DeclReport.exposure.in_([exposure])) == [one]
    assert list(DeclReport.exposure != exposure) == [two]
    assert list(DeclReport.exposure == None) == [two]  # noqa: E711
    exposure.report = None
    context.commit()
    assert one.exposure is None
    assert list(DeclExposure.report == None) == [exposure]  # noqa: E711
    assert set(DeclReport.exposure == None) == {one, two}  # noqa: E711


def test_many_to_many_is_in_step(context):
    reports = [DeclReport(), DeclReport()]
    tag = DeclTag(name="t", reports=reports)
    other = DeclTag(name="u")
    reports[0].tags = [tag, other]
    assert other.reports == (reports[0],)
    context.commit(tag, other)
    reports[0].tags = [other]
    assert tag.reports == (reports[1],)
    context.commit()
    assert reports[0].tags == (other,)
    assert reports[1].tags == (tag,)
    assert list(DeclReport.tags.contains(tag)) == [reports[1]]
    assert list(DeclTag.reports.contains(reports[0])) == [other]


def test_queries_follow_computed_links(context):
    exposures = [DeclExposure(name=n) for n in "abc"]
    frames = [DeclFrame(name=n, exposure=e) for n, e in zip("xyz", exposures, strict=True)]
    report = DeclReport(exposure=exposures[1], tags=[DeclTag(name="t")])
    context.commit(frames, report)
    assert list(DeclExposure.frames.contains(frames[2])) == [exposures[2]]
    assert len(DeclExposure.frames.contains(DeclFrame())) == 0
    assert list(DeclFrame.exposure.report == report) == [frames[1]]
    assert list(DeclFrame.exposure.frames.contains(frames[0])) == [frames[0]]
    assert set(frames[0].exposure.inverse_objects()) == {frames[0]}
    assert set(report.inverse_objects()) == {exposures[1], report.tags[0]}
    assert DeclExposure.get(name="b") is exposures[1]
    assert list(DeclFrame.select(exposure="b")) == [frames[1]]
    assert list(DeclExposure.select(frames=frames[2])) == [exposures[2]]


def test_a_relation_without_a_stored_side_says_so(context):
    class DeclLoose(DBObject):
        others = persistent("x", ["DeclLoose"], inverse="nothing")

    with pytest.raises(AweTypeError, match=r"inverse is DeclLoose.nothing, which is no link"):
        DeclLoose().others  # noqa: B018
