"""What the AOMUSE databases do with PonyORM has its line here: the page with both side by side."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import awe.model
from awe.base.errors import AweAttributeError, AwePermissionError, AweValueError
from awe.model import Exposure, Instrument, ProcessedExposure, Target
from awe.process import Making
from awe.store import Project, current
from awe.store.context import Context
from awe.store.verify import verify

_PAGE = (Path(__file__).resolve().parents[2] / "docs" / "muse.md").read_text()
_CLASSES = (Target, Exposure, ProcessedExposure)


def _rows(title):
    """Give the rows of the table below a title, cell by cell the lines of code in it."""
    part = _PAGE.split(f"\n### {title}\n", 1)[1].split("\n### ", 1)[0]
    rows = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in rows[1:]]


def _type(title, names, start=0, end=None):
    """Type the lines on the right side of a table."""
    for row in _rows(title)[start:end]:
        assert row[-1], row
        for line in row[-1]:
            exec(compile(line, "<page>", "single"), names)
    return names


@pytest.fixture
def names(context):
    """Give the names at the prompt once the lines of the chapter Create were typed."""
    return _type("Create", {**vars(awe.model), "context": context})


def test_create(names, context):
    """A target, two exposures, and real structures in their attributes."""
    context.refresh()
    assert [t.target_name for t in Target.select_all()] == ["testTarget", "another"]
    exposure = Exposure.get(prm_filename="testAnalysis")
    assert exposure.target.target_name == "testTarget"
    assert exposure.raw_exposure_filename == "testRaw"
    assert dict(exposure.datacube_header) == {
        "RA": 221.0, "DEC": 19.1, "ESO INS MODE": "testMode", "ETC": "etc"
    }  # fmt: skip
    assert exposure.pampelmuse_params["theta"] == (1, 2, 3)
    assert list(exposure.sources["PM_2"]["xc"]) == [1, 2, 3]
    assert Exposure.get(prm_filename="test").target is names["other"]


def test_read(names, capsys):
    """By name, id and file name, all, by target and mode; the attributes."""
    exposure = names["exposure"]
    _type("Read", names)
    assert names["target"].target_name == names["targetName"] == "testTarget"
    assert names["expo"] is names["exposure"] is exposure
    assert capsys.readouterr().out.split() == ["2", "1", "0"]
    assert len(Exposure.ins_mode == "testMode") == 1
    assert names["targetID"] == names["target"].object_id
    assert names["exposureID"] == exposure.object_id
    assert names["analysisFileName"] == "testAnalysis"
    assert (names["insMode"], names["rawFileName"]) == ("testMode", "testRaw")
    assert names["data"]["RA"] == 221.0
    assert names["psfParams"]["fwhm"] == (1, 2, 3)
    assert list(names["sources"]["PM_1"]["snr"]) == [1, 2, 3]


def test_update(names, context):
    """Each attribute, and another session sees it; the history tells who and why."""
    _type("Update", _type("Read", names))
    context.close()
    context.__init__(*context._arguments)
    exposure = Exposure.get(raw_exposure_filename="testRaw2")
    assert exposure.target.target_name == "testTarget2"
    assert Exposure.get(prm_filename="test").target is exposure.target
    assert exposure.datacube_header["RA"] == 200.0
    assert exposure.datacube_header["DEC"] == 19.1
    assert exposure.pampelmuse_params["fwhm"] == (2, 3, 4)
    assert list(exposure.sources["PM_1"]["snr"]) == [2, 3, 4]
    assert list(exposure.sources["PM_2"]["snr"]) == [1, 2, 3]
    changes = {c.attribute: (c.who, c.why) for c in exposure.history()}
    assert changes["sources"] == ("me", "measured again")


def test_delete(names, context, monkeypatch, capsys):
    """An exposure; a target with its exposures; and at last everything, when it is confirmed."""
    _type("Update", _type("Read", names))
    _type("Delete", names, 0, 1)
    assert not Exposure.select(prm_filename="test").exists()
    processed = Making(ProcessedExposure(exposure=names["exposure"]).take_from(names["exposure"]))
    processed.run().commit()
    capsys.readouterr()
    _type("Delete", names, 1, 3)
    assert capsys.readouterr().out.strip() == "False"
    assert not Exposure.select_all().exists()
    assert not ProcessedExposure.select_all().exists()
    assert [t.target_name for t in Target.select_all()] == ["another"]
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or "me's project")
    _type("Delete", names, 3)
    assert asked
    assert "1  Target" in capsys.readouterr().out
    assert not Target.select_all().exists()
    assert verify(context) == []


def test_backup_is_shown():
    """Each step of the originals has its line."""
    told = [row[1] for row in _rows("Create a backup")]
    assert [line for lines in told for line in lines] == [
        "awe backup FOLDER", "awe restore FOLDER", "awe verify FOLDER"
    ]  # fmt: skip


@pytest.mark.heavy
def test_backup_and_restore(names, context, tmp_path, monkeypatch):
    """The lines of the page, typed in a shell: what was there is there again."""
    exposure = names["exposure"]
    header = dict(exposure.datacube_header)
    home, other, folder = tmp_path / "home", tmp_path / "other", tmp_path / "backup"
    context.close()
    home.mkdir()
    (tmp_path / "store").rename(home / "store")
    (tmp_path / "data").rename(home / "data")
    awe = Path(sys.executable).with_name("awe")
    for row in _rows("Create a backup"):
        for line in row[1]:
            name, verb, _ = line.split()
            monkeypatch.setenv("AWE_HOME", str(home if verb == "backup" else other))
            assert name == "awe"
            subprocess.run([awe, verb, folder], check=True, capture_output=True, cwd=tmp_path)
    opened = Context(other / "store", other / "data", "me")
    try:
        again = Exposure.get(prm_filename="testAnalysis")
        assert again.object_id == names["exposure"].object_id
        assert dict(again.datacube_header) == header
        assert list(again.sources["PM_1"]["snr"]) == [1, 2, 3]
    finally:
        opened.close()


def _plain(line):
    """Give a line of the originals without remark and superfluous blanks."""
    return " ".join(line.split("#")[0].split())


def _lines_of_2020(text):
    """Give the lines of code from the chapter PonyORM on."""
    for block in re.findall(r"```\w*\s*\n(.*?)```", text.split("## PonyORM", 1)[1], re.DOTALL):
        yield from filter(None, map(_plain, block.splitlines()))


def _lines_of_2022(text):
    """Give the lines of code from the chapters Read on; the copy has lost some of their ends."""
    part = text.split("To read the data from the database", 1)[1]
    code = re.compile(r"^(\w+( =|\.\w+ ?=|\[.*\] ?=)|>)")
    for line in map(_plain, part.splitlines()):
        lost = line.endswith("=") or line.endswith(") = newTarget") or line == "> SHOW DATABASES"
        if code.match(line) and not lost:
            yield line


@pytest.mark.parametrize(("file", "lines_of", "least"), [
    ("001_73b72d5416fd79da.txt", _lines_of_2020, 55),
    ("000_b13a189971a834f7.txt", _lines_of_2022, 30),
])  # fmt: skip
def test_each_line_of_the_originals_stands_on_the_page(shared_data, file, lines_of, least):
    """Nothing that they show is left out."""
    path = shared_data.parent / "seeds" / file
    if not path.exists():
        pytest.skip("the description of the original database is not at hand")
    chapters = ("Create", "Read", "Update", "Delete", "Create a backup")
    there = {_plain(line) for title in chapters for row in _rows(title) for line in row[0]}
    lines = list(lines_of(path.read_text()))
    assert len(lines) > least
    assert [line for line in lines if line not in there] == []


def test_the_table_of_names_is_the_one_of_the_errors(context):
    """Each name of it is refused with what stands beside it, and there is no other."""
    told = re.findall(r"^\| (\w+) \| `(\w+)` \| `([^`]+)` \|$", _PAGE, re.MULTILINE)
    known = {
        (cls.__name__, there, here) for cls in _CLASSES for there, here in cls.other_names.items()
    }
    assert set(told) == known
    for name, there, here in told:
        with pytest.raises(AweAttributeError, match=re.escape(f"here it is {here}.")):
            getattr(getattr(awe.model, name), there)


def test_the_keywords_are_attributes(context):
    """Each can be queried."""
    names = re.findall(r"`Exposure\.(\w+)`", _PAGE.split("### Keywords", 1)[1])
    assert len(names) == 7
    for name in names:
        assert len(getattr(Exposure, name) == None) == 0  # noqa: E711


def test_a_project_is_emptied_by_its_manager_only_when_it_is_confirmed(
    context, tmp_path, monkeypatch
):
    """Nobody else, not by mistake, not where nobody can be asked, and never what is published."""
    target = Target(target_name="T").commit()
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(AweValueError, match="nothing was deleted"):
        context.empty_project(confirm="other")
    with pytest.raises(AwePermissionError, match="Nobody can be asked"):
        context.empty_project()
    other = Context(tmp_path / "store", tmp_path / "data", "you")
    try:
        with pytest.raises(AwePermissionError, match="Only a manager"):
            other.empty_project("me's project", confirm="me's project")
    finally:
        other.close()
        current.set_context(context)
    assert [t.object_id for t in Target.select_all()] == [target.object_id]
    context.publish(Target.select_all()[0], 3)
    with pytest.raises(AwePermissionError, match="1 objects of me's project are published"):
        context.empty_project(confirm="me's project")
    assert Target.select_all().exists()


def test_a_project_is_emptied_of_what_one_may_see(context, monkeypatch, capsys):
    """The private data of a member stay, and so do other projects and the vocabulary."""
    context.create_project("shared", members=["you"])
    own = Target(target_name="mine").commit()
    context.set_project("shared")
    where, data, *_ = context._arguments
    muse = Instrument.get_or_create(name="MUSE").commit()
    target = Target(target_name="T")
    Exposure(instrument=muse, observation_time="2019-05-31", target=target).commit()
    other = Context(where, data, "you", "shared")
    Target(target_name="private").commit()
    other.close()
    current.set_context(context)
    context.refresh()
    monkeypatch.setattr("builtins.input", lambda text: "no")
    assert context.empty_project("shared") == 0
    assert "1 objects of others at level 1 stay" in capsys.readouterr().out
    # Queries at another level leave them out; they are of the project all the same.
    context.set_privileges(2)
    assert context.empty_project("shared", confirm="shared", why="a test") == 2
    context.set_privileges(1)
    assert [t.target_name for t in Target.select_all()] == [own.target_name]
    assert Instrument.get(name="MUSE").name == "MUSE"
    assert Project.get(name="shared").name == "shared"
    assert context.empty_project("shared", confirm="shared") == 0
    other = Context(where, data, "you", "shared")
    try:
        assert [t.target_name for t in Target.select_all()] == ["private"]
    finally:
        other.close()


def test_objects_are_deleted_together_with_what_names_them(context):
    """In whatever order they are given."""
    muse = Instrument.get_or_create(name="MUSE")
    target = Target(target_name="T")
    exposure = Exposure(instrument=muse, observation_time="2019-05-31", target=target).commit()
    told = context.delete([target, exposure])
    assert len(told) == 2
    assert any("2019-05-31" in text and " T>" in text for text in told)
    assert verify(context) == []


def test_headers_stand_in_tables(context):
    """Numbers, texts, flags and times, also behind links and below other keys; None is masked."""
    muse = Instrument.get_or_create(name="MUSE")
    target = Target(target_name="T")
    for day, tau0 in (("01", 0.004), ("02", None), ("03", 5)):
        header = {"OBJECT": f"star {day}", "FLAG": day == "01", "MIX": day if tau0 else 1,
                  "LIST": [1, 2], "BIG": 1 << 70}  # fmt: skip
        if tau0 is not None:
            header["ESO TEL AMBI TAU0"] = tau0
        Exposure(
            instrument=muse, observation_time=f"2019-05-{day}", target=target,
            datacube_header=header, raw_exposure_data={"CHAN01": {"GAIN": 1.5}},
        ).commit()  # fmt: skip
    query = Exposure.select_all()
    name = "datacube_header['ESO TEL AMBI TAU0']"
    table = query.table("observation_time", name, "Exposure.datacube_header['OBJECT']")
    assert list(table[name].mask) == [False, True, False]
    assert list(table[name].compressed()) == [0.004, 5.0]
    assert list(table["datacube_header['OBJECT']"]) == ["star 01", "star 02", "star 03"]
    more = query.table(
        "raw_exposure_data['CHAN01'][\"GAIN\"]", Exposure.datacube_header["FLAG"],
        "datacube_header['MIX']", "datacube_header['LIST']", "datacube_header['BIG']",
    )  # fmt: skip
    columns = [more[c] for c in more.colnames]
    assert list(columns[0]) == [1.5] * 3
    assert columns[1].dtype == bool
    assert list(columns[2]) == ["01", "1", "03"]
    assert columns[3].mask.all()
    assert columns[4][0] == float(1 << 70)
    assert query.values(name, "target.target_name")[1] == (None, "T")
    assert np.isclose(query.order_by("-observation_time").values(name)[0][0], 5.0)
    for ask in (query.order_by, query.max, query.stats):
        with pytest.raises(TypeError, match=r"query\.table"):
            ask(name)
    with pytest.raises(TypeError, match="only a dict has keys"):
        query.table("seeing['RA']")


def test_what_iterates_over_a_class_is_told_how_to_get_its_objects(context):
    """As `select(e for e in Exposure)` does."""
    with pytest.raises(LookupError, match=r"Exposure\.select_all\(\)"):
        [each for each in Exposure]  # noqa: C416
    with pytest.raises(LookupError, match=r"Target\.get\(NAME=VALUE\)"):
        Target[1]


def test_links_are_selected_by_the_name_that_their_class_has(context):
    """Where it is not called name: the only unique text."""
    muse = Instrument.get_or_create(name="MUSE")
    target = Target(target_name="NGC 1")
    exposure = Exposure(instrument=muse, observation_time="2019-05-31", target=target).commit()
    assert list(Exposure.select(target="NGC 1", instrument="MUSE")) == [exposure]
    assert list(Exposure.select(target="NGC*")) == [exposure]
    with pytest.raises(LookupError, match="Did you mean 'NGC 1'"):
        Exposure.get(target="NGC 2")
