"""What TAB offers, asked of the completer itself."""

import datetime
import types

import pytest
from awe.recipes.ReduceTask import ReduceTask
from IPython.core.completer import IPCompleter, provisionalcompleter

import awe.dpu.jobs  # noqa: F401  knows the recipes by name
import awe.model as model
from awe.process.pars import Pars
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
    names |= {"Pars": Pars, "p": Pars(ReduceTask)}
    names |= {"ReduceTask": ReduceTask, "q": model.RawScienceFrame.is_valid > 0}
    ipython = IPCompleter(namespace=names, use_jedi=False)
    completer = Completer(types.SimpleNamespace(user_ns=names, Completer=ipython))
    ipython.custom_matchers.append(completer.matcher)
    context.session.end()

    def words(text):
        return completer.complete(text)[2]

    def ask(text):
        with provisionalcompleter():
            return [found.text for found in ipython.completions(text, len(text))]

    words.ask, words.names = ask, names
    return words


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


@pytest.fixture
def with_frames(complete, context, tmp_path):
    """Give the function again, with raw frames of two nights in the store."""
    camera = model.Instrument.get(name="OMEGACAM")
    for day in (1, 2):
        start = datetime.datetime(2012, 6, day, 8, 51, 44)
        file = tmp_path / f"raw{day}.fits"
        file.write_bytes(b"pixels of day %d" % day)
        frame = model.RawScienceFrame(
            instrument=camera, chip=model.Chip.get(name="ESO_CCD_#65"),
            template=model.Template(instrument=camera, start=start), DATE_OBS=start,
            night=start.replace(hour=0, minute=0, second=0), OBJECT=f"field {day}",
        )  # fmt: skip
        frame.attach(file)
        frame.commit()
    complete.names["raw"] = frame
    context.session.end()
    return complete


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ReduceTask(template='", ["2012-06-01T08:51:44", "2012-06-02T08:51:44"]),
        ("RawScienceFrame.select(template='2012-06-02", ["2012-06-02T08:51:44"]),
        ("ReduceTask(instrument='OMEGACAM', object='fi", ["field 1", "field 2"]),
        ("ReduceTask(date='", ["2012-06-01", "2012-06-02"]),
        ("RawScienceFrame.select(date='", ["2012-06-01", "2012-06-02"]),
        ("ReduceTask(raw_filenames=['", ["raw1.fits", "raw2.fits"]),
        ("ReduceTask(raw_filenames=['raw1.fits', 'raw2", ["raw2.fits"]),
        ("ReduceTask(raw_filenames='raw2", ["raw2.fits"]),
        ("ReduceTask(chip='ESO_CCD_#66", ["ESO_CCD_#66"]),
    ],
)
def test_arguments_of_tasks_and_select(with_frames, text, words):
    assert with_frames(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "ReduceTask(date=max(dates), chip='ESO_CCD_#66",
        "ReduceTask(raw_filenames=[f(r) for r in q[:3]], chip='ESO_CCD_#66",
        "f(g(x), Chip.name == 'ESO_CCD_#66",
        "print(f(')'), ReduceTask(object=g('('), chip='ESO_CCD_#66",
        "Chip.name.in_([str(1), 'x', 'ESO_CCD_#66",
        "RawScienceFrame.select(date=f(1), chip='ESO_CCD_#66",
        "Pars(f(x), instrument='OMEGACAM', chip='ESO_CCD_#66",
    ],
)
def test_values_after_an_argument_with_parentheses(with_frames, text):
    assert with_frames(text) == ["ESO_CCD_#66"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("f(g(x), RawScienceFrame.inst", "instrument"),
        ("f((1, 2), q.max('DATE_O", "DATE_OBS"),
        ("q.table(str('filename'), 'filter.na", "filter.name"),
    ],
)
def test_attributes_after_an_argument_with_parentheses(complete, text, word):
    assert word in complete(text)


def test_calibrations_that_can_be_explained(with_frames):
    assert with_frames("raw.explain('fla") == ["flat"]
    assert with_frames("print(raw.explain('")[:2] == ["bias", "flat"]
    assert with_frames("camera.explain('") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("p.ReducedS", ["ReducedScienceFrame"]),
        ("p.ReducedScienceFrame.", ["process_params", "show"]),
        ("print(p.ReducedScienceFrame.process_params.IMA", ["IMAGE_THRESHOLD"]),
        ("p.ReducedScienceFrame.process_params.IMAGE_THRESHOLD.", []),
        ("p.Nothing.", []),
        ("p.ReducedScienceFrame.nothing.", []),
        ("Pars('Redu", ["Reduce"]),
        ("Pars('Bias>Redu", ["Bias>Reduce"]),
        ("dpu.run('HotP", ["HotPixels"]),
        ("Pars(ReduceTask, instrument='O", ["OMEGACAM"]),
        ("Pars(ReduceTask, nothing='O", []),
    ],
)
def test_parameters_down_to_the_last(complete, text, words):
    assert complete(text) == words
    if words and "'" not in text:
        assert complete.ask(text) == words


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("q.max('DATE_O", "DATE_OBS"),
        ("q.min('imstat.medi", "imstat.median"),
        ("q.table('DATE_OBS', 'filter.na", "filter.name"),
        ("q.order_by('-DATE_O", "DATE_OBS"),
        ("q.table('filter.", "filter.name"),
        ("q.plot('DATE_OBS', 'filter.na", "filter.name"),
        ("q.plot('DATE_OBS', 'EXPTIME', by='filter.na", "filter.name"),
        ("q.hist('EXPT", "EXPTIME"),
        ("len((RawScienceFrame.chip.name == 'x').max('DATE_O", "DATE_OBS"),
        ("RawScienceFrame.select(chip='x').max('DATE_O", "DATE_OBS"),
        ("RawScienceFrame.select_all().order_by('filter.na", "filter.name"),
    ],
)
def test_attributes_that_methods_of_queries_name(complete, text, word):
    assert word in complete(text)


@pytest.mark.parametrize("text", ["number.max('DATE", "x().max('DATE", "q.max('nothing.x"])
def test_attributes_of_unknown_queries_are_not_offered(complete, text):
    assert complete(text) == []


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("print('num", False),
        ("Chip.name == 'num", False),
        ("ReduceTask(chip='", False),
        ("print(num", True),
        ("print(f'{num", True),
    ],
)
def test_names_of_the_session_are_not_offered_inside_quotes(complete, text, offered):
    assert ("number" in complete.ask(text)) == offered


def test_files_are_offered_inside_quotes_of_which_nothing_is_known(complete, tmp_path, monkeypatch):
    (tmp_path / "numbers.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    assert complete.ask("open('num") == ["numbers.txt"]
    assert complete.ask("Chip.name == 'num") == []
