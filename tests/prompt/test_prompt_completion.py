"""What TAB offers, asked of the completer itself."""

import types

import pytest

import awe.model as model
from awe.prompt.completion import Completer
from awe.prompt.extension import unsaved_text


@pytest.fixture
def complete(context):
    """Give a function from the text before the cursor to the words offered."""
    camera = model.Instrument(name="OMEGACAM").commit()
    for name in ("ESO_CCD_#65", "ESO_CCD_#66", "it's"):
        model.Chip(name=name, instrument=camera).commit()
    names = {n: getattr(model, n) for n in model.__all__}
    names |= {"context": context, "camera": camera, "number": 3}
    shell = types.SimpleNamespace(user_ns=names, push=lambda new, interactive: names.update(new))
    completer = Completer(shell)
    context.session.end()
    return lambda text: completer.complete(text)[2]


def test_attributes_of_classes_and_through_links(complete):
    assert "DATE_OBS" in complete("RawScienceFrame.DATE")
    assert "name" in complete("x = (RawScienceFrame.instrument.")
    assert complete("RawScienceFrame.chip.na") == ["name"]
    assert complete("RawScienceFrame.imstat.medi") == ["median"]
    assert not [w for w in complete("RawScienceFrame.") if w.startswith("_")]


def test_attributes_of_objects(complete):
    assert "info" in complete("camera.inf")
    assert complete("camera.nam") == ["name"]


@pytest.mark.parametrize(
    "text",
    [
        "RawScienceFrame.chip.name == 'ESO",
        'Chip.name != "ESO',
        "(RawScienceFrame.is_valid == 1) & (RawScienceFrame.chip.name=='ESO",
        "Chip.name.in_(['x', 'ESO",
        "Chip.name.like('ESO",
        "RawScienceFrame.select(instrument='OMEGACAM', chip='ESO",
        "Chip.get(name='ESO",
    ],
)
def test_values_that_exist(complete, text):
    assert complete(text) == ["ESO_CCD_#65", "ESO_CCD_#66"]


def test_quotes_inside_values_are_escaped(complete):
    assert complete("Chip.name == 'it") == [r"it\'s"]
    assert complete('Chip.name == "it') == ["it's"]


def test_names_of_which_each_object_has_its_own(complete, context):
    context.commit([model.Target(target_name=f"T{i:04d}") for i in range(300)])
    assert complete("Target.target_name == 'T029") == [f"T{i:04d}" for i in range(290, 300)]
    assert len(complete("Target.target_name == '")) == 200


def test_projects(complete, context):
    context.create_project("KIDS")
    assert complete("context.set_project('K") == ["KIDS"]


@pytest.mark.parametrize(
    "text",
    [
        "number.",
        "nothing.",
        "RawScienceFrame.nothing.",
        "RawScienceFrame.EXPTIME == '",
        "print('camera.",
        "# camera.",
        "camera.info().",
        "RawScienceFrame.select(nothing='",
    ],
)
def test_nothing_is_offered_where_nothing_is_known(complete, text):
    assert complete(text) == []


def test_nothing_is_evaluated(complete, context):
    names = []
    assert complete("open('x').") == []
    assert complete("names.append(1).") == []
    assert names == []


def test_no_snapshot_is_left_behind(complete, context):
    complete("Chip.name == '")
    assert not context.session.in_snapshot
    context.session.begin()
    complete("Chip.name == '")
    assert context.session.in_snapshot


def test_unsaved_text_names_the_objects(context):
    project = context.get_current_project()
    project.description = "changed"
    assert unsaved_text(context).startswith("1 object has edits that are not committed: <Project")
