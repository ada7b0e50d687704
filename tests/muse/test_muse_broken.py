"""Trees of MUSE exposures that are odd or broken in ways which no simulator thinks of."""

import io
import os
import shutil

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from awe.recipes import MuseIngestTask as module
from awe.recipes.muse_scan import scan
from awe.recipes.MuseIngestTask import MuseIngestTask

from awe.base.errors import AweValueError
from awe.model import Exposure, ExternalFile
from awe.model.sources import join_sources
from awe.prompt.main import main
from awe.simulate.muse import MuseSize, simulate_muse
from awe.store.storage import StoreError
from awe.store.verify import verify


@pytest.fixture
def small(tmp_path):
    """Give a tree of one small exposure in the narrow field, which has files of all kinds."""
    size = MuseSize(2, 2, 2, 50, 3)
    return simulate_muse(tmp_path / "tree", exposures=1, modes=("NFM-AO-N",), size=size)


def collect(tree, **arguments):
    """Run the task on a tree."""
    task = MuseIngestTask(root=str(tree.root), commit=True, **arguments)
    task.execute()
    return task


def files_of(tree):
    """Give the files of the only exposure."""
    return tree.exposures[0].files


def change(path, how):
    """Change a FITS file."""
    with fits.open(path, mode="update") as hdus:
        how(hdus)


def replace(name, table):
    """Give a change that puts another table into the place of an extension."""

    def how(hdus):
        at = next(i for i, hdu in enumerate(hdus) if name in hdu.name)
        hdus[at] = fits.BinTableHDU(Table(table), name=hdus[at].name)

    return how


def cards(**values):
    """Give a change of cards of the primary header; `_` stands for a blank."""

    def how(hdus):
        for key, value in values.items():
            hdus[0].header[key.replace("_", " ")] = value

    return how


def ecsv(table):
    """Give a table as text."""
    stream = io.StringIO()
    table.write(stream, format="ascii.ecsv")
    return stream.getvalue()


# --- folders and names ---


def test_odd_entries_of_a_tree_do_not_stop_the_run(context, small, capsys):
    """Links round and round or to nowhere, pipes, and names that are no text."""
    raw = small.root / "raw"
    (raw / "loop").symlink_to("loop")
    (raw / "nowhere.fits").symlink_to("not there")
    (raw / "up").symlink_to("..")
    (raw / "folder.fits").mkdir()
    os.mkfifo(raw / "pipe.fits")
    shutil.copy(files_of(small)["nightlog"], os.fsencode(raw) + b"/\xff.NL.txt")
    task = collect(small)
    assert len(task.products) == 1
    assert Exposure.select_all()[0].problems == ()
    told = capsys.readouterr().out.partition("could not be looked at:\n")[2]
    assert "raw/loop: Too many levels" in told
    assert "\\udcff.NL.txt: its name is no text in UTF-8" in told
    assert verify(context) == []


def test_the_folders_above_the_root_say_nothing(context, tmp_path):
    """A tree below one that is named after maoppy, or raw, is as any other."""
    place = tmp_path / "maoppy tests" / "raw" / "my maoppy"
    tree = simulate_muse(place, exposures=4)
    for exposure in tree.exposures:
        path = exposure.files["single"]
        path.write_bytes(
            path.read_bytes().replace(b"HIERARCH ESO PRO CATG", b"HIERARCH ESO PRO CATH")
        )
    collect(tree)
    found = list(Exposure.select_all())
    assert [e.problems for e in found] == [()] * 4
    assert [e.maoppy_data is not None for e in found] == [
        e.has_maoppy for e in tree.exposures
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["raw", "single", "maoppy"])
def test_the_root_may_be_one_of_the_folders(context, small, name):
    """Its name says what lies in it."""
    for path in (files_of(small)["single"], files_of(small)["raw"]):
        content = path.read_bytes().replace(b"ESO PRO CATG", b"ESO PRO CATH")
        path.write_bytes(content.replace(b"ESO DPR CATG", b"ESO DPR CATH"))
    root = small.root / ("analysis/maoppy" if name == "maoppy" else name)
    kinds = {f.kind.partition(" ")[0] for f in scan([str(root)]).files}
    assert kinds - {"nightlog"} == {name}


def test_a_folder_that_cannot_be_read(context, small, monkeypatch, capsys):
    """It is told, and what lies elsewhere is collected."""
    closed, listed = small.root / "catalogs", os.scandir

    def scandir(folder):
        if folder == str(closed):
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    collect(small)
    assert Exposure.select_all()[0].problems == ("catalog: missing",)
    assert f"{closed}: Permission denied" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["raw", "psf"])
def test_a_file_that_the_system_did_not_give_is_tried_again(context, small, kind):
    """Its size and time are as before; without another try the exposure would never gain it."""
    path = files_of(small)[kind]
    state = path.stat()
    content = path.read_bytes()
    path.unlink()
    # Reading it at 0 is an error of input, also for those who may read everything.
    path.symlink_to("/proc/self/mem")
    collect(small)
    assert collect(small).products == []
    exposure = Exposure.select_all()[0]
    assert any(p.startswith(f"{kind}: ") for p in exposure.problems)
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    ExternalFile.at(path).commit()
    assert collect(small).products == [exposure]
    assert exposure.problems == ()


# --- contents ---


@pytest.mark.parametrize(("kind", "how", "words"), [
    ("psf", replace("PM_", {"snr": ["a"], "flux": [1.0]}),
     "The column snr of the source PM_7 holds no numbers"),
    ("psf", lambda hdus: setattr(hdus["PM_7"], "name", "PM_" + "9" * 25), "beyond whole numbers"),
    ("prm", lambda hdus: hdus["SPECTRA"].header.update(CRVAL3=1e300, CDELT3=1e300),
     "no wavelengths"),
    ("prm", lambda hdus: hdus["SPECTRA"].header.update(CDELT3=10**25), None),
    ("raw", lambda hdus: hdus["SGS_DATA"].header.update(TFORM1="?"), "SGS_DATA: a table cannot"),
    ("single", cards(ESO_OBS_ID=10**25), "no ESO OBS ID, taken from the raw file"),
    ("single", cards(ESO_OBS_ID=-5), "no ESO OBS ID, taken from the raw file"),
    ("single", cards(OBJECT="  "), "no OBJECT, taken from the raw file"),
])  # fmt: skip
def test_odd_contents_are_told_on_their_exposure(context, small, kind, how, words):
    """Nothing is lost but what is odd."""
    change(files_of(small)[kind], how)
    collect(small)
    exposure = Exposure.select_all()[0]
    told = [p for p in exposure.problems if p.startswith(f"{kind}: ")]
    assert len(told) == len(exposure.problems) == (words is not None)
    assert words is None or words in told[0]
    assert exposure.obs_id == small.exposures[0].obs_id
    assert exposure.target.target_name == small.exposures[0].target
    assert exposure.raw_exposure_data["SPARTA_ATM_DATA"]
    assert verify(context) == []


def test_columns_of_a_catalogue_that_cannot_be_kept_are_left_out(context, small):
    """The others are there; a remark that is no plain value is left out as well."""
    table = QTable({"id": [1, 2], "place": SkyCoord([1, 2], [3, 4], unit="deg")})
    table["odd"] = np.array([{"a": 1}, [1, 2]], dtype=object)
    table.meta["big"] = 1 << 70
    files_of(small)["catalog"].write_text(ecsv(table))
    collect(small)
    exposure = Exposure.select_all()[0]
    assert exposure.pampelmuse_catalog.colnames == ["id"]
    assert exposure.problems == (
        "catalog: column 'place' of SkyCoord cannot be stored",
        "catalog: column 'odd' of Column cannot be stored",
    )


def test_the_order_of_problems_does_not_depend_on_luck(context, small):
    """As they were found; so another run records no change."""
    raw = files_of(small)["raw"]
    raw.write_bytes(raw.read_bytes()[:-2880])
    collect(small)
    exposure = Exposure.select_all()[0]
    first, second = exposure.problems
    assert first.startswith("raw: truncated")
    assert second == "raw: no ASM_DATA"
    os.utime(raw, (1, 1))
    assert collect(small).products == []
    assert exposure.history() == []


def test_sources_must_hold_numbers():
    """The error names column and source."""
    with pytest.raises(AweValueError, match="column snr of the source PM_1"):
        join_sources({"PM_1": {"snr": ["x"]}})
    with pytest.raises(AweValueError, match="64 bits"):
        join_sources({"PM_" + "9" * 20: {"snr": [1]}})


# --- several roots, several at once, failures ---


def test_files_that_come_from_several_roots_are_all_linked(context, small):
    """What another root gave is not missing."""
    root = small.root
    MuseIngestTask(root=root / "raw", commit=True).execute()
    MuseIngestTask(root=[root / "single", root / "analysis"], commit=True).execute()
    exposure = Exposure.select_all()[0]
    assert exposure.problems == ("catalog: missing", "raman: missing")
    collect(small)
    assert exposure.problems == ()
    assert {f.path for f in exposure.files} == {str(p) for p in files_of(small).values()}
    files_of(small)["raw"].unlink()
    os.utime(files_of(small)["prm"], (1, 1))
    collect(small)
    assert "raw" in {f.kind for f in exposure.files}


def test_a_cube_that_came_late_and_tells_another_time(context, small):
    """It names the raw file of an exposure that is stored, and so it is of that one."""
    cube = files_of(small)["single"]
    content = cube.read_bytes().replace(b"'2019-05-30T22:55:00.123'", b"'2019-05-30T22:55:00'    ")
    cube.unlink()
    collect(small)
    (exposure,) = Exposure.select_all()
    cube.write_bytes(content)
    assert collect(small).products == [exposure]
    assert exposure.datacube_header["DATE-OBS"] == "2019-05-30T22:55:00"
    assert any(f.kind == "single" for f in exposure.files)
    assert collect(small).products == []
    assert len(Exposure.select_all()) == 1


def test_what_another_process_has_collected_meanwhile_is_left_as_it_is(context, tree, monkeypatch):
    """It looked for files before, and would store them all; what is still missing is added."""
    late = tree.exposures[0].files["prm"]
    content = late.read_bytes()
    stale = scan([str(tree.root)])
    late.unlink()
    collect(tree)
    late.write_bytes(content)
    monkeypatch.setattr(module, "scan", lambda roots: stale)
    monkeypatch.setattr(module, "_stored_times", set)
    task = collect(tree)
    assert task.failures == []
    assert [e.observation_time for e in task.products] == [tree.exposures[0].observation_time]
    assert len(Exposure.select_all()) == 4
    assert len(ExternalFile.select_all()) == len(tree.files())
    histories = [len(f.history()) for f in ExternalFile.select_all()]
    assert sum(histories) == 0
    changed = {c.attribute for e in Exposure.select_all() for c in e.history()}
    assert changed == {"files", "problems", "pampelmuse_params", "prm_filename"}
    assert verify(context) == []


def test_a_failure_of_the_store_is_not_remembered_as_one_of_the_files(
    context, small, monkeypatch, capsys
):
    """Once the disk has room again, the exposure is collected."""
    commit = type(context).commit

    def full(self, *objects, **options):
        msg = "The store could not be written."
        raise StoreError(msg)

    monkeypatch.setattr(type(context), "commit", full)
    task = MuseIngestTask(root=str(small.root), commit=True)
    with pytest.raises(Exception, match="No exposure could be collected"):
        task.execute()
    assert "1  exposures FAILED" in capsys.readouterr().out
    monkeypatch.setattr(type(context), "commit", commit)
    assert len(collect(small).products) == 1


def test_verify_names_the_files_without_checksum(tmp_path, small, monkeypatch, capsys):
    """Or the first of them, and how to ask for the rest."""
    monkeypatch.setenv("AWE_HOME", str(tmp_path / "home"))
    command = ["ingest", str(small.root), "--instrument", "MUSE", "--commit"]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["verify"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {path}\n" in told for path in small.files())
    monkeypatch.setattr("awe.prompt.safekeeping._MOST", 2)
    assert main(["verify"]) == 0
    told = capsys.readouterr().out
    assert f"... and {len(small.files()) - 2} more; at the prompt:" in told
