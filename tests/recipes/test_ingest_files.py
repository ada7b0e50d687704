"""Ingest: which files are read, what is reported, and that nothing is stored by halves."""

import gzip
import os
import shutil

import pytest
from astropy.io import fits
from awe.recipes.IngestTask import IngestTask
from recipe_lab import ingest

from awe.base import progress
from awe.base.errors import AweError, AweLookupError, AweTypeError, AweValueError
from awe.model import (
    Exposure,
    Instrument,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawFits,
    RawFrame,
    RawScienceFrame,
    Target,
)
from awe.process import TaskError
from awe.simulate.broken import BROKEN, all_broken, change_cards
from awe.store.staging import DESK_LOCK
from awe.store.verify import verify


def leftovers(context):
    """List what is left where files wait for their commit."""
    found = context.files.incoming.rglob("*")
    return [p for p in found if p.is_file() and p.name != DESK_LOCK]


def states(task):
    """Give the state of each file by its name."""
    return {r.path.name: r.state for r in task.reports}


class TestWhichFiles:
    def test_folder_file_and_pattern_each_file_once(self, context, night):
        folder = night.folder
        task = ingest(folder / night.biases[0].name, str(folder / "*.fits"), folder, commit=False)
        assert len(task.reports) == len(night.files)
        assert set(states(task).values()) == {"would store"}

    def test_folders_are_searched_to_any_depth(self, context, night, work):
        deep = work / "a" / "b"
        deep.mkdir(parents=True)
        shutil.copy(night.biases[0], deep / "x.FITS")
        (deep / "._x.fits").write_text("of another system")
        (deep / "notes.txt").write_text("no FITS")
        assert states(ingest(work, commit=False)) == {"x.FITS": "would store"}

    def test_what_is_missing_is_reported_and_the_rest_goes_on(self, context, night, capsys):
        task = ingest("nowhere/at/all.fits", "none_*.fits", night.biases[0])
        assert states(task) == {
            "all.fits": "failed", "none_*.fits": "failed", night.biases[0].name: "stored",
        }  # fmt: skip
        assert task.exit_status == 1
        assert "FAILED  all.fits: there is no such file" in capsys.readouterr().out

    def test_folder_without_fits_files(self, context, work):
        with pytest.raises(AweLookupError, match="no FITS files in"):
            ingest(work)

    def test_path_must_be_one(self, context):
        with pytest.raises(AweTypeError, match="paths holds int 3, which is no path"):
            ingest(3)

    def test_unreadable_file_is_reported(self, context, night, work):
        shutil.copy(night.biases[0], work / "a.fits")
        (work / "b.fits").symlink_to(work / "gone.fits")
        task = ingest(work / "a.fits", work / "b.fits")
        assert states(task) == {"a.fits": "stored", "b.fits": "failed"}

    def test_purpose_is_checked_first(self):
        with pytest.raises(AweValueError, match=r"no purpose 'dom'\. Did you mean 'dome'"):
            IngestTask(paths=["x"], purpose="dom")


class TestAgain:
    def test_second_run_adds_nothing(self, context, night, capsys):
        first = ingest(night.folder)
        counts = [len(c.select_all()) for c in (RawFrame, RawFits, Exposure, Target)]
        assert counts == [18, 9, 9, 1]
        capsys.readouterr()
        again = ingest(night.folder)
        assert again.exit_status == first.exit_status == 0
        assert again.products == []
        assert counts == [len(c.select_all()) for c in (RawFrame, RawFits, Exposure, Target)]
        assert "9  already stored" in capsys.readouterr().out
        assert verify(context) == []

    @pytest.mark.parametrize("commit", [True, False])
    def test_same_file_twice_in_one_run(self, context, night, work, commit):
        shutil.copy(night.biases[0], work / "a.fits")
        shutil.copy(night.biases[0], work / "b.fits")
        task = ingest(work, commit=commit)
        assert len(task.products) == 2
        assert states(task)["b.fits"] == "repeated"
        assert task.exit_status == 0

    def test_same_pixels_in_a_packed_file(self, context, night, work):
        with gzip.open(work / "packed.fits.gz", "wb") as packed:
            packed.write(night.biases[0].read_bytes())
        ingest(night.biases[0])
        task = ingest(work / "packed.fits.gz")
        (report,) = task.reports
        assert report.state == "already stored"
        assert report.notes == [f"the same pixels came in {night.biases[0].name}"]
        assert task.products == []
        assert len(RawFrame.select_all()) == 2
        assert leftovers(context) == []

    def test_deleted_frames_come_in_again(self, context, night):
        first, second = ingest(night.biases[0]).products
        context.delete(first)
        (report,) = ingest(night.biases[0]).reports
        assert report.notes == ["of its 2 frames 1 were deleted"]
        context.delete(second)
        assert len(ingest(night.biases[0]).products) == 2
        assert len(RawFits.select_all()) == 1
        assert verify(context) == []

    def test_two_projects_have_two_objects_and_one_file(self, context, night):
        ingest(night.science[0])
        context.create_project("SECOND")
        context.set_project("SECOND")
        assert len(ingest(night.science[0]).products) == 2
        frames = list(RawScienceFrame.chip.name == night.chips[0])
        assert len(frames) == 2
        assert frames[0].object_id != frames[1].object_id
        assert frames[0].path() == frames[1].path()
        assert {f.project.name for f in frames} == {"me's project", "SECOND"}
        assert len(Exposure.select_all()) == len(Target.select_all()) == 2
        assert len(Instrument.select_all()) == 1
        assert verify(context) == []


class TestWithoutCommit:
    def test_says_what_it_would_do_and_stores_nothing(self, context, night, capsys, tmp_path):
        task = ingest(night.folder, commit=False)
        assert len(task.products) == 18
        assert {type(f) for f in task.products} >= {RawBiasFrame, RawScienceFrame}
        told = capsys.readouterr().out
        assert "9  would store" in told
        assert "4  RawScienceFrame        science      OMEGACAM" in told
        assert "Nothing was stored. To store it: commit=True, or awe ingest --commit" in told
        for cls in (RawFrame, RawFits, Exposure, Target, Instrument):
            assert len(cls.select_all()) == 0
        assert leftovers(context) == []
        context.commit()
        assert len(Instrument.select_all()) == 0
        assert ingest(night.folder).exit_status == 0
        assert len(RawFrame.select_all()) == 18


class TestPurposeAndInstrument:
    def test_purpose_overrides_the_header(self, context, shared_data):
        raw = shared_data / "kast_blue_2015" / "raw"
        task = ingest(raw / "b11.fits.gz", raw / "b12.fits.gz", purpose="dome")
        assert [type(f) for f in task.products] == [RawDomeFlatFrame] * 2
        assert {f.kind for f in task.products} == {"dome"}

    def test_wrong_instrument_is_refused_file_by_file(self, context, night, shared_data):
        other = shared_data / "nickel_ccd2_20240513" / "raw" / "d1001.fits"
        task = ingest(night.biases[0], other, instrument="NICKEL")
        assert states(task) == {night.biases[0].name: "failed", "d1001.fits": "stored"}
        (refused,) = [r for r in task.reports if r.state == "failed"]
        assert refused.notes == ["The file was taken with OMEGACAM, not with NICKEL."]

    def test_unknown_instrument_is_told(self, context, shared_data, capsys):
        misc = shared_data / "misc_images"
        with pytest.raises(TaskError, match="No file could be ingested"):
            ingest(misc)
        told = capsys.readouterr().out
        assert "FAILED  ccdproc_a8280271.fits: The header (INSTRUME = " in told
        assert "FAILED  panoptes_solved.fits.fz: The header (" in told
        assert "is of no known instrument" in told
        assert len(RawFrame.select_all()) == 0


class TestBrokenFiles:
    @pytest.fixture
    def broken(self, night, work):
        return all_broken(night.science[0], work / "broken")

    def test_each_is_told_and_the_good_one_goes_in(self, context, night, broken, capsys):
        task = ingest(work_of(broken), night.science[1])
        assert task.exit_status == 1
        assert states(task)[night.science[1].name] == "stored"
        told = {r.path.stem: (r.state, " ".join(r.notes)) for r in task.reports}
        assert set(told) >= set(BROKEN)
        for how, reason in {
            "truncated": "truncated", "cut_header": "truncated", "empty": "empty",
            "not_fits": "not a FITS file", "no_date": "no date of observation",
            "illegal_value": "another file of the same instrument and time", "flipped_bit": "",
        }.items():  # fmt: skip
            assert told[how][0] == ("stored" if how == "flipped_bit" else "failed"), how
            assert reason in told[how][1], how
        assert verify(context) == []
        assert leftovers(context) == []
        out = capsys.readouterr().out
        assert out.count("FAILED") == sum(r.state == "failed" for r in task.reports)

    def test_other_file_of_the_same_time_names_the_stored_one(self, context, night, work):
        first = night.biases[0]
        card = b"OBSERVER= 'Somebody else'"
        other = change_cards(first, work / "other.fits", {"OBSERVER": card})
        with fits.open(other, mode="update") as hdus:
            for hdu in hdus[1:]:
                hdu.data[0, 0] += 1
        ingest(first)
        task = IngestTask(paths=[other], commit=True)
        with pytest.raises(TaskError):
            task.execute()
        ((note,),) = [r.notes for r in task.reports]
        assert f"another file of the same instrument and time ({first.name}) is stored" in note
        assert len(RawBiasFrame.select_all()) == 2
        assert verify(context) == []
        assert leftovers(context) == []

    def test_text_in_place_of_a_number_is_a_remark(self, context, night, work):
        card = b"EXPTIME = 'abc     '"
        task = ingest(change_cards(night.biases[0], work / "bad.fits", {"EXPTIME": card}))
        (report,) = task.reports
        assert report.notes == ["EXPTIME = 'abc' is no number and was left out"]

    @pytest.mark.parametrize("how", sorted(BROKEN))
    def test_each_alone_is_stored_whole_or_not_at_all(self, context, broken, how):
        task = IngestTask(paths=[broken[how]], commit=True)
        try:
            task.execute()
        except TaskError:
            assert task.exit_status == 1
        (report,) = task.reports
        assert report.state in ("stored", "failed")
        assert report.notes or how in ("flipped_bit", "other_instrument")
        assert len(RawFrame.select_all()) == (2 if report.state == "stored" else 0)
        assert len(RawFits.select_all()) == (1 if report.state == "stored" else 0)
        assert verify(context) == []
        assert leftovers(context) == []

    def test_bug_is_raised_after_the_rest(self, context, night, monkeypatch):
        def broken(self, raw_fits, folder, *, write):
            if self.path == night.biases[0]:
                raise KeyError("a bug")
            return real(self, raw_fits, folder, write=write)

        from awe.recipes.ingest_build import FrameBuilder

        real = FrameBuilder.frames
        monkeypatch.setattr(FrameBuilder, "frames", broken)
        task = IngestTask(paths=night.biases, commit=True)
        with pytest.raises(KeyError, match="a bug") as told:
            task.execute()
        assert night.biases[0].name in told.value.__notes__[0]
        assert len(RawBiasFrame.select_all()) == 4

    def test_full_disk_is_reported_and_leaves_nothing(self, context, night, monkeypatch):
        def full(source, filename):
            raise context_error

        from awe.store.files import FileStoreError

        context_error = FileStoreError("No space left on device.")
        monkeypatch.setattr(context.files, "stage", full)
        with pytest.raises(AweError):
            ingest(night.biases[0])
        monkeypatch.undo()
        assert len(RawFrame.select_all()) == 0
        assert leftovers(context) == []
        ingest(night.biases[0])
        assert len(RawFrame.select_all()) == 2


def work_of(broken):
    """Give the folder of the broken files."""
    return next(iter(broken.values())).parent


def test_progress_is_reported(context, night):
    seen = []
    progress.set_reporter(lambda items, total, what: seen.append((total, what)) or items)
    try:
        ingest(*night.biases, commit=False)
    finally:
        progress.set_reporter(None)
    assert seen == [(3, "Read headers"), (3, "Ingest")]


def test_function_of_the_prompt_gives_the_frames(context, night):
    from awe.prompt.namespace import ingest as at_the_prompt

    frames = at_the_prompt(night.biases[0], night.biases[1], instrument="OMEGACAM", commit=True)
    assert len(frames) == 4
    assert all(f.is_committed for f in frames)
    (dark,) = at_the_prompt(night.biases[2], purpose="dark")[:1]
    assert dark.kind == "dark"
    assert os.listdir(".") == []
