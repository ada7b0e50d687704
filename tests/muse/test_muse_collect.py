"""Collecting MUSE exposures from the files of a tree."""

import os
import shutil

import numpy as np
import pytest
from awe.recipes.MuseIngestTask import MuseIngestTask

from awe.base.errors import AweError, AweLookupError, AweTypeError, AweValueError
from awe.dpu.local import LocalProcessor
from awe.model import Exposure, ExternalFile, Target
from awe.process import TaskError
from awe.prompt.main import main
from awe.simulate.muse import simulate_muse
from awe.store.context import Context
from awe.store.verify import verify


def collect(tree, **arguments):
    """Run the task on a tree."""
    task = MuseIngestTask(root=tree.root, **{"commit": True, **arguments})
    task.execute()
    return task


def by_time(expected):
    """Give the stored exposure of a simulated one."""
    return Exposure.get(observation_time=expected.observation_time)


def test_everything_of_a_tree_is_collected(context, tree, capsys):
    """Identity, headers, tables, fits, names, sky and derived values are the true ones."""
    collect(tree)
    assert len(Exposure.select_all()) == 4
    assert sorted(t.target_name for t in Target.select_all()) == ["IC 4406", "NGC 6266"]
    for expected in tree.exposures:
        found = by_time(expected)
        assert found.target.target_name == expected.target
        told = (found.obs_id, found.ins_mode, found.EXPTIME)
        assert told == (expected.obs_id, expected.ins_mode, expected.exptime)
        assert found.raw_exposure_filename == expected.raw_name
        assert found.datacube_header["ESO OBS ID"] == expected.obs_id
        assert found.raw_exposure_header["UTC"] == found.datacube_header["UTC"]
        assert found.raw_exposure_data["CHAN01"]["BITPIX"] == 16
        assert sorted(found.sources.per_source()) == ["PM_12", "PM_7"]
        assert found.pampelmuse_params["wavelength"][[0, -1]] == pytest.approx([475.0, 935.0])
        assert found.pampelmuse_params["fwhm"][[0, -1]] == pytest.approx([4.0, 3.0])
        assert list(found.pampelmuse_catalog["id"]) == [7, 12]
        assert found.raman_image_header["ESO PRO CATG"] == "RAMAN_IMAGES"
        assert found.seeing == pytest.approx(0.9 + expected.worse)
        assert (found.airmass, found.tau0) == (pytest.approx(1.2), 0.004)
        assert found.problems == ()
        assert {f.path for f in found.files} == {str(p) for p in expected.files.values()}
    assert "4  exposures new" in capsys.readouterr().out
    assert verify(context) == []


def test_adaptive_optics_and_the_narrow_field(context, tree):
    """Tables of SPARTA are there with adaptive optics, a maoppy model in the narrow field."""
    collect(tree)
    for expected in tree.exposures:
        found = by_time(expected)
        adaptive = "-AO-" in expected.ins_mode
        assert ("SPARTA_ATM_DATA" in found.raw_exposure_data) == adaptive
        assert found.glf == (0.7 if adaptive else None)
        strehls = [getattr(found, f"lgs{i}_strehl") for i in range(1, 5)]
        assert strehls == (pytest.approx([0.1, 0.2, 0.3, 0.4]) if adaptive else [None] * 4)
        narrow = expected.ins_mode.startswith("NFM")
        assert found.ngs_flux == (120.5 if narrow else None)
        assert (found.maoppy_data is not None) == narrow
        if narrow:
            assert sorted(found.maoppy_data) == [
                "pampelmuse_catalog", "pampelmuse_params", "sources",
            ]  # fmt: skip
            assert "r0" in found.maoppy_data["pampelmuse_params"]
            assert "r0" not in found.pampelmuse_params
            assert len(found.maoppy_data["sources"]["PM_7"]) == 5


def test_the_same_names_in_two_nights_are_two_files(context, tree):
    """EXP_001 of either night has its own fits, and names that lead to one exposure each."""
    collect(tree)
    names = [e.prm_filename for e in Exposure.select_all()]
    assert len(set(names)) == 4
    assert {os.path.basename(n) for n in names} == {"EXP_001.prm.fits", "EXP_002.prm.fits"}
    for expected in tree.exposures:
        night = {p.parent.name for p in expected.files.values()}
        assert {f.folder().name for f in by_time(expected).files} == night


def test_sky_conditions_over_midnight(context, tmp_path):
    """The third exposure of a night goes from 23:45 to 00:05."""
    tree = simulate_muse(tmp_path / "tree", exposures=8)
    collect(tree)
    third = tree.exposures[2]
    assert (third.observation_time.hour, third.observation_time.minute) == (23, 45)
    found = by_time(third)
    assert (found.sky_condition_start_time, found.sky_condition_start) == (-3000.0, "CLR")
    assert (found.sky_condition_end_time, found.sky_condition_end) == (-3000.0, "CLR")
    after = by_time(tree.exposures[3])
    assert (after.sky_condition_start, after.sky_condition_end) == ("CLR", "CLR")
    assert by_time(tree.exposures[0]).sky_condition_end == "CLR"
    assert by_time(tree.exposures[0]).sky_condition_start == "PHO"


def test_a_second_run_reads_nothing(context, tree, monkeypatch, capsys):
    """Every exposure is reported as it was, and no file is opened."""
    collect(tree)
    before = [e.history() for e in Exposure.select_all()]
    monkeypatch.setattr("awe.recipes.muse_scan.primary_header", None)
    monkeypatch.setattr("awe.recipes.MuseIngestTask.ExposureBuilder", None)
    task = collect(tree)
    assert task.products == []
    assert "4  exposures as they were" in capsys.readouterr().out
    assert [e.history() for e in Exposure.select_all()] == before
    assert task.exit_status == 0


@pytest.mark.parametrize("kind", [
    "raw", "single", "prm", "psf", "catalog", "raman", "nightlog", "maoppy prm", "maoppy psf",
])  # fmt: skip
def test_an_exposure_gains_what_came_late(context, tmp_path, kind):
    """A file that was not there is read alone, and the exposure is then as with all at once."""
    tree = simulate_muse(tmp_path / "tree", exposures=2, modes=("NFM-AO-N",))
    late = tree.exposures[0].files[kind]
    shutil.move(late, tmp_path / "kept")
    collect(tree)
    found = by_time(tree.exposures[0])
    assert f"{kind}: missing" in found.problems
    shutil.move(tmp_path / "kept", late)
    task = collect(tree)
    assert task.products == [found]
    assert found.problems == ()
    assert len(found.files) == 9
    assert found.sky_condition_start == "PHO"
    assert found.lgs1_strehl == pytest.approx(0.1)
    assert found.maoppy_data["pampelmuse_params"]["r0"][0] == pytest.approx(0.15)
    assert len(found.maoppy_data["sources"]) == 10
    assert found.seeing == pytest.approx(0.9)
    assert found.prm_filename is not None
    assert collect(tree).products == []
    assert verify(context) == []


def test_a_raw_file_that_came_late_decides_the_sky_anew(context, tmp_path):
    """The cube does not say how long the exposure was; the night log was read in vain."""
    tree = simulate_muse(tmp_path / "tree", exposures=1)
    files = tree.exposures[0].files
    cube = files["single"].read_bytes()
    files["single"].write_bytes(cube.replace(b"EXPTIME =", b"XXPTIME ="))
    shutil.move(files["raw"], tmp_path / "kept")
    collect(tree)
    found = by_time(tree.exposures[0])
    assert found.sky_condition_end is None
    assert any(p.startswith("nightlog: cannot be used") for p in found.problems)
    shutil.move(tmp_path / "kept", files["raw"])
    collect(tree)
    assert found.sky_condition_end == "CLR"
    assert not any(p.startswith("nightlog") for p in found.problems)


def test_a_changed_file_is_read_again_and_the_change_is_recorded(context, tree):
    """Only its exposure changes; the file's size and time are the new ones."""
    collect(tree)
    expected = tree.exposures[0]
    path = expected.files["nightlog"]
    path.write_text(path.read_text().replace("PHO", "CIRRUS"))
    task = collect(tree)
    found = by_time(expected)
    assert task.products == [found]
    assert found.sky_condition_start == "CIRRUS"
    assert "sky_condition_start" in {c.attribute for c in found.history()}
    file = ExternalFile.get(path=str(path))
    assert file.problem() is None
    assert file.size == path.stat().st_size


def test_a_deleted_exposure_is_collected_again(context, tree):
    """Its files are known, and there is no exposure of them."""
    collect(tree)
    context.delete(by_time(tree.exposures[1]))
    assert len(collect(tree).products) == 1
    assert len(Exposure.select_all()) == 4


def test_every_flaw_is_recorded_on_its_exposure_and_the_rest_go_on(context, flawed, capsys):
    """No flaw stops the run; what is wrong is told by kind of file."""
    task = collect(flawed)
    text = capsys.readouterr().out
    assert task.exit_status == 0
    assert len(task.products) == len(flawed.exposures)
    for expected in flawed.exposures:
        found, flaw = by_time(expected), expected.flaw
        if flaw is None:
            assert found.problems == ()
            continue
        kinds = {p.partition(":")[0] for p in found.problems}
        assert kinds & _kinds_of(flaw), (flaw, found.problems)
        others = {"single", "prm", "psf", "catalog", "maoppy prm", "maoppy psf"}
        assert kinds <= (others if _without_cube(flaw) else _kinds_of(flaw)), flaw
        assert found.target.target_name == expected.target
    assert "EXP_" in text.partition("belong to no exposure")[2]
    assert verify(context) == []
    again = collect(flawed)
    assert again.products == []


def _without_cube(flaw):
    return flaw in ("no single", "empty single", "unreadable single")


def _kinds_of(flaw):
    if flaw.startswith(("prm ", "psf ")):
        return {flaw[:3], f"maoppy {flaw[:3]}"}
    if flaw == "damaged table":
        return {"raw"}
    kind = flaw.partition(" ")[2]
    return {"single"} if kind.isupper() or kind == "DATE-OBS" else {kind}


def test_what_can_be_used_of_a_broken_file_is_used(context, tmp_path):
    """Of a raw file that is cut the tables before the cut are there."""
    flaws = {0: "truncated raw", 1: "damaged table", 2: "truncated single", 3: "prm with NaN"}
    tree = simulate_muse(tmp_path / "tree", exposures=4, modes=("WFM-AO-N",), flaws=flaws)
    collect(tree)
    found = {e.flaw: by_time(e) for e in tree.exposures}
    assert "SPARTA_CN2_DATA" in found["truncated raw"].raw_exposure_data
    assert "ASM_DATA" not in found["truncated raw"].raw_exposure_data
    damaged = found["damaged table"]
    assert "SPARTA_ATM_DATA" not in damaged.raw_exposure_data
    assert damaged.lgs1_strehl is None
    assert "SPARTA_CN2_DATA" in damaged.raw_exposure_data
    assert found["truncated single"].seeing is not None
    assert np.isnan(found["prm with NaN"].pampelmuse_params["beta"]).all()


def test_an_exposure_without_identity_fails_alone(context, tmp_path, capsys):
    """Neither header has a target: it is told, not stored, and not read again and again."""
    tree = simulate_muse(tmp_path / "tree", exposures=3, flaws={0: "no OBJECT"})
    nameless = tree.exposures[0]
    nameless.files["raw"].unlink()
    task = collect(tree)
    text = capsys.readouterr().out
    assert task.exit_status == 1
    assert "FAILED" in text
    assert "OBJECT" in text
    assert len(Exposure.select_all()) == 2
    assert collect(tree, commit=False).failures == []
    assert "FAILED" in capsys.readouterr().out
    assert context.session.staged == {}


def test_a_failing_commit_leaves_no_half_of_an_exposure(context, tree, monkeypatch):
    """The exposure is as it was before, with its files, and the others are stored."""
    collect(tree)
    unlucky = tree.exposures[1]
    for exposure in tree.exposures:
        os.utime(exposure.files["nightlog"], (1, 1))
        path = exposure.files["nightlog"]
        path.write_text(path.read_text().replace("PHO", "NEW").replace("CLR", "NEW"))
    commit = Context.commit

    def fail_once(self, *objects, **options):
        if any(getattr(o, "obs_id", None) == unlucky.obs_id for o in objects):
            msg = "the disk is full"
            raise AweValueError(msg)
        return commit(self, *objects, **options)

    monkeypatch.setattr(Context, "commit", fail_once)
    task = collect(tree)
    assert [f.label for f in task.failures] == [unlucky.observation_time.isoformat()]
    assert context.session.staged == {}
    skies = {e.obs_id: by_time(e).sky_condition_start for e in tree.exposures}
    assert skies.pop(unlucky.obs_id) in ("PHO", "CLR")
    assert set(skies.values()) == {"NEW"}
    assert verify(context) == []


def test_without_commit_nothing_is_stored(context, tree, capsys):
    """All the work is done, and the summary tells how to store it."""
    task = collect(tree, commit=False)
    assert len(task.products) == 4
    assert not any(e.is_committed for e in task.products)
    assert "awe ingest --commit" in capsys.readouterr().out
    assert len(Exposure.select_all()) == len(ExternalFile.select_all()) == 0


def test_files_are_the_lineage_and_stay_where_they_are(context, tree):
    """Path, size and time of change are stored; nothing is copied."""
    collect(tree)
    exposure = by_time(tree.exposures[0])
    text = str(exposure.lineage())
    assert all(f.filename in text for f in exposure.files)
    assert "raw: <ExternalFile" in text
    assert set(exposure.lineage().roots()) == set(exposure.files)
    for file in exposure.files:
        state = os.stat(file.path)
        assert file.size == state.st_size
        assert file.sha256 is None
        file.check_file()
    assert not [p for p in context.files.folder.rglob("*") if p.is_file()]


def test_checksums_where_they_are_asked_for(context, tree):
    """With them a file that changed behind the back of its time is found."""
    collect(tree, checksum=True)
    file = by_time(tree.exposures[0]).files[0]
    assert len(file.sha256) == 64
    assert file.problem(checksum=True) is None
    state = os.stat(file.path)
    with open(file.path, "r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\x55")
    os.utime(file.path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert file.problem() is None
    assert "damaged" in file.problem(checksum=True)
    os.unlink(file.path)
    assert "cannot be read" in file.problem()
    with pytest.raises(AweError, match="cannot be read"):
        file.check_file()


def test_checksums_can_be_added_by_another_run(context, tree, capsys):
    """Nothing is collected again, and then no file is without."""
    collect(tree)
    assert len(ExternalFile.sha256 == None) == len(tree.files())  # noqa: E711
    assert collect(tree, checksum=True).products == []
    assert len(ExternalFile.sha256 == None) == 0  # noqa: E711
    assert collect(tree, checksum=True).units() == []


def test_a_checksum_can_be_computed_later(context, tree):
    """It is an edit like any other, and refused where the file has changed meanwhile."""
    collect(tree)
    first, second = by_time(tree.exposures[0]).files[:2]
    digest = first.compute_checksum()
    first.commit()
    assert ExternalFile.get(path=first.path).sha256 == digest
    os.utime(second.path, (1, 1))
    with pytest.raises(AweError, match="has changed"):
        second.compute_checksum()


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ({}, AweTypeError, "needs the argument root"),
    ({"root": "/nowhere/at/all"}, AweValueError, "is no folder"),
    ({"root": 3}, AweTypeError, "a folder or a list"),
    ({"root": [3]}, AweTypeError, "which is no path"),
    ({"root": ".", "pars": {}}, AweTypeError, "no argument 'pars'"),
])  # fmt: skip
def test_wrong_arguments(context, arguments, error, words):
    """They are refused before anything is read."""
    with pytest.raises(error, match=words):
        MuseIngestTask(**arguments)


def test_an_empty_folder_and_one_where_nothing_can_be_used(context, tmp_path, capsys):
    """The first is told; the second is an error."""
    assert MuseIngestTask(root=tmp_path, commit=True).execute() == []
    assert "no files of MUSE exposures" in capsys.readouterr().out
    flaws = {0: "no OBJECT"}
    tree = simulate_muse(tmp_path / "tree", exposures=1, flaws=flaws)
    tree.exposures[0].files["raw"].unlink()
    with pytest.raises(TaskError, match="No exposure could be collected"):
        collect(tree)


def test_in_the_local_twin_of_the_pool(context, tree):
    """The same task with the same result, new and completed exposures."""
    late = tree.exposures[0].files["nightlog"]
    text = late.read_bytes()
    late.unlink()
    LocalProcessor().run("MuseIngest", root=str(tree.root), commit=True)
    assert len(Exposure.select_all()) == 4
    late.write_bytes(text)
    LocalProcessor().run("MuseIngest", root=str(tree.root), commit=True)
    assert by_time(tree.exposures[0]).problems == ()


def test_the_command_reads_the_task_from_the_instrument(tmp_path, tree, monkeypatch, capsys):
    """`awe ingest ROOT --instrument MUSE` collects; without --commit it stores nothing."""
    monkeypatch.setenv("AWE_HOME", str(tmp_path / "home"))
    command = ["ingest", str(tree.root), "--instrument"]
    assert main([*command, "muse"]) == 0
    assert "Nothing was stored" in capsys.readouterr().out
    assert main([*command, "MUSE", "--commit", "--checksum"]) == 0
    assert "4  exposures new" in capsys.readouterr().out
    assert main([*command, "MUSE", "--purpose", "bias"]) == 2
    assert "no purpose" in capsys.readouterr().err
    assert main(["ingest", str(tree.root / "nowhere"), "--instrument", "MUSE"]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_verify_tells_of_files_outside_of_the_store(tmp_path, tree, monkeypatch, capsys):
    """Which have no checksum, and which are not as they were."""
    monkeypatch.setenv("AWE_HOME", str(tmp_path / "home"))
    command = ["ingest", str(tree.root), "--instrument", "MUSE", "--commit"]
    assert main(command) == 0
    assert main(["verify"]) == 0
    assert f"{len(tree.files())} files outside of the store have no" in capsys.readouterr().out
    assert main([*command, "--checksum"]) == 0
    tree.exposures[0].files["raw"].unlink()
    os.utime(tree.exposures[1].files["psf"], (1, 1))
    capsys.readouterr()
    assert main(["verify"]) == 1
    text = capsys.readouterr().out
    assert "no checksum" not in text
    assert f"{tree.exposures[0].files['raw']} cannot be read" in text
    assert f"{tree.exposures[1].files['psf']} has changed" in text
    assert "2 problems" in text


def test_an_instrument_whose_task_is_not_there(context, tmp_path):
    """The error names the instrument's description."""
    from awe.recipes.ingest_choice import ingest_task

    from awe.instruments import description, load_folder

    (tmp_path / "x.yaml").write_text(
        "name: XCAM\nrecognise: [{INSTRUME: XCAM}]\ningest: MusIngestTask\n"
    )
    try:
        assert load_folder(tmp_path) == []
        with pytest.raises(AweLookupError, match="Did you mean 'MuseIngestTask'"):
            ingest_task([tmp_path], instrument="XCAM")
    finally:
        description._users.clear()
