"""Tasks: arguments, failures that do not stop the others, files, help."""

import datetime
import gc
import os
import pydoc

import process_lab as lab
import pytest
from process_lab import PrRed, PrTask, cal, raw

from awe.base import progress
from awe.base.errors import AweAttributeError, AweError, AweTypeError, AweValueError
from awe.process import Making, Products, TaskError
from awe.store.files import DataObject


class PrFile(lab.PrRed, DataObject):
    """A product with a file."""

    abstract = False


@pytest.fixture
def frames(context, tmp_path, monkeypatch):
    """Give three stored raw things, and work in a folder of the test."""
    made = [raw(sha=str(n), hours=20 + n) for n in range(3)]
    context.commit(*made)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return made


def plain(source, folder):
    """Make a product without a file."""
    return [Making(PrRed(raw=source, cal=cal(source))).run()]


def with_file(source, folder):
    """Make a product with a file."""
    made = Making(PrFile(raw=source, cal=cal(source))).run()
    path = folder / f"{source.sha256}.txt"
    path.write_text(source.sha256)
    made.attach(path)
    return [made]


def task(what, **arguments):
    """Give a task that does something with each raw thing."""
    return PrTask(what=what, **arguments)


class TestArguments:
    def test_misspelt_one_names_the_nearest(self):
        with pytest.raises(AweTypeError, match=r"no argument 'comit'\. Did you mean 'commit'") as e:
            PrTask(what=plain, comit=True)
        assert "Arguments: commit, pars, folder, what" in str(e.value)

    def test_one_by_place_is_told_its_name(self):
        with pytest.raises(AweTypeError, match=r"by name, as in PrTask\(what='A'\), not by place"):
            PrTask("A")

    def test_parameter_without_its_class_gets_its_full_name(self):
        with pytest.raises(
            AweAttributeError,
            match=r"full name is 'PrCal\.process_params\.WIDTH'",
        ):
            PrTask(what=plain, pars={"WIDTH": 1.0})

    def test_missing_one_is_told(self):
        with pytest.raises(AweTypeError, match="needs the argument what: what to do with each"):
            PrTask()

    @pytest.mark.parametrize("value", ["yes", 2, []])
    def test_commit_is_a_flag(self, value):
        with pytest.raises(AweTypeError, match="commit is True or False"):
            PrTask(what=plain, commit=value)

    def test_one_and_zero_are_flags(self):
        assert PrTask(what=plain, commit=1).commit is True
        assert PrTask(what=plain, commit=0).commit is False

    def test_folder_is_a_path(self):
        with pytest.raises(AweTypeError, match="folder is a path or None"):
            PrTask(what=plain, folder=3)

    def test_misspelt_parameter_names_the_nearest(self):
        with pytest.raises(AweAttributeError, match=r"Did you mean 'PrCal.process_params.WIDTH'"):
            PrTask(what=plain, pars={"PrCal.process_params.WIDHT": 1.0})

    def test_help_lists_arguments_and_parameters(self):
        text = pydoc.plain(pydoc.render_doc(PrTask))
        assert "commit  whether to store the products" in text
        assert "what    what to do with each" in text
        assert "Parameters of PrCal.process_params:" in text
        assert "2.0 pix (0 to ...): Width" in text
        assert "'mean' (one of mean, median): Way" in text


class TestFailures:
    def test_one_does_not_stop_the_others(self, frames, capsys):
        def make(source, folder):
            if source is frames[1]:
                raise AweValueError("chip B is broken.", remedy="Mend it.", cause="broken chips")
            return plain(source, folder)

        run = task(make, commit=True)
        products = run.execute()
        assert [p.raw for p in products] == [frames[0], frames[2]]
        assert all(p.is_committed for p in products)
        assert [f.label for f in run.failures] == ["raw 1"]
        told = capsys.readouterr().out
        assert "PrTask: 2 of 3 done, 2 products committed" in told
        assert "1 failed (raw 1): broken chips\n    chip B is broken.\n    Mend it." in told

    def test_causes_are_grouped(self, frames, capsys):
        def make(source, folder):
            raise AweValueError(f"{source.sha256} is broken.", cause="broken chips")

        with pytest.raises(TaskError, match="made nothing"):
            task(make).execute()
        told = capsys.readouterr().out
        assert told.count("failed") == 1
        assert "3 failed (raw 0, raw 1, raw 2): broken chips" in told

    def test_bug_is_raised_with_its_traceback_after_the_rest(self, frames, capsys):
        def make(source, folder):
            if source is frames[0]:
                return [1 / 0]
            return plain(source, folder)

        run = task(make, commit=True)
        with pytest.raises(ZeroDivisionError) as told:
            run.execute()
        assert told.value.__notes__ == ["while PrTask worked on raw 0"]
        assert told.traceback[-1].name == "make"
        assert len(run.products) == len(PrRed.select_all()) == 2
        assert "ZeroDivisionError: division by zero" in capsys.readouterr().out

    def test_nothing_selected_is_told(self, context):
        with pytest.raises(TaskError, match="no input frames"):
            task(plain).execute()

    def test_ctrl_c_stops_at_once_and_tells_what_is_kept(self, frames, capsys):
        def make(source, folder):
            if source is frames[1]:
                raise KeyboardInterrupt
            return plain(source, folder)

        run = task(make, commit=True)
        with pytest.raises(KeyboardInterrupt):
            run.execute()
        assert [p.raw for p in run.products] == [p.raw for p in PrRed.select_all()] == [frames[0]]
        told = "PrTask: stopped at raw 1; 1 of 3 ended before, 1 products committed"
        assert told in capsys.readouterr().out


class TestFiles:
    def test_are_left_in_the_working_folder(self, frames, tmp_path):
        products = task(with_file).execute()
        assert sorted(os.listdir(".")) == ["00000000.txt", "11111111.txt", "22222222.txt"]
        assert [p.path() for p in products] == [
            tmp_path / "work" / f"{p.raw.sha256}.txt" for p in products
        ]
        assert not products[0].is_committed
        products[0].commit()
        stored = products[0].path()
        assert stored.read_text() == "00000000"
        assert stored.stat().st_mode & 0o222 == 0
        assert os.path.exists("00000000.txt")

    def test_are_left_in_another_folder_and_stored(self, frames, tmp_path, context):
        (product, *_) = task(with_file, commit=True, folder="made/here").execute()
        assert sorted(os.listdir("made/here")) == ["00000000.txt", "11111111.txt", "22222222.txt"]
        assert os.listdir(".") == ["made"]
        assert product.path().is_relative_to(tmp_path / "data")

    def test_none_are_left_without_a_folder(self, frames, tmp_path):
        products = task(with_file, folder=None).execute()
        path = products[0].path()
        assert path.read_text() == "00000000"
        assert os.listdir(".") == []
        products[0].commit()
        # The store has taken it.
        assert products[0].path().read_text() == "00000000"
        assert products[0].path() != path
        del products
        gc.collect()
        assert not path.parent.exists()

    def test_failure_leaves_nothing(self, frames, tmp_path):
        def make(source, folder):
            (product,) = with_file(source, folder)
            if source is frames[1]:
                raise AweError("too late")
            return [product]

        run = task(make, commit=True)
        run.execute()
        assert sorted(os.listdir(".")) == ["00000000.txt", "22222222.txt"]
        assert [p for p in (tmp_path / "data").rglob("*") if p.is_file() and "1111" in p.name] == []

    def test_folder_that_cannot_be_written_is_told(self, frames):
        open("taken", "w").close()
        run = task(with_file, folder="taken")
        with pytest.raises(TaskError):
            run.execute()
        assert "No file can be written into taken" in str(run.failures[0].error)


def test_progress_is_reported(frames):
    seen = []

    def reporter(items, total, what):
        seen.append((total, what))
        return items

    progress.set_reporter(reporter)
    try:
        task(plain).execute()
    finally:
        progress.set_reporter(None)
    assert (3, "PrTask") in seen


def test_products_tell_when_they_were_made(frames):
    (first, *_) = task(plain).execute()
    assert abs(first.creation_date - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)) < (
        datetime.timedelta(seconds=20)
    )


class TestProducts:
    def test_short_list_is_shown_whole(self):
        assert repr(Products([])) == "[]"
        assert repr(Products([1, 2])) == "[1,\n 2]"
        assert repr(Products(range(10))).count("\n") == 9

    @pytest.mark.parametrize("count", [11, 512])
    def test_long_list_is_shown_in_ten_lines(self, count):
        lines = repr(Products(range(count))).splitlines()
        assert len(lines) == 9
        assert lines[-1] == f" ... and {count - 8} more, {count} in all]"

    def test_execute_gives_one(self, frames):
        assert isinstance(task(plain).execute(), Products)
