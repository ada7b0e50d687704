"""Export to a folder, and import into another store: all of it or nothing."""

import hashlib
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from exchange_lab import (
    CLASSES,
    ExRaw,
    ExRed,
    ExSite,
    ExTarget,
    fill,
    nothing_entered,
    of_class,
    raw,
    red,
    rewrite,
)

from awe import view
from awe.base.errors import AweError
from awe.process import Import
from awe.process.exchange import MANIFEST, SUMS, export
from awe.process.importing import import_folder
from awe.process.manifest import ExportError
from awe.store import current
from awe.store.context import Context
from awe.store.verify import verify
from awe.view.information import information


class TestRoundTrip:
    def test_objects_links_and_files_come_back(self, exported, elsewhere, tmp_path):
        folder, facts = exported
        result = import_folder(folder)
        assert len(result.added) == 8
        assert str(result).startswith("Imported 8 objects; 0 were there already.")
        (product,) = ExRed.select_all()
        assert product.object_id == facts["id"]
        assert ExRed[facts["id"]] is product
        assert product.content_key == facts["key"] == product.compute_content_key()
        assert product.made_by == facts["made_by"] == "ada"
        assert product.is_valid == 0
        assert [o.object_id for o in product.raws] == facts["raws"]
        assert product.weight.object_id == facts["weight"]
        assert product.weight.frame is product
        assert product.path().read_bytes() == facts["file"]
        assert product.path().stat().st_mode & 0o222 == 0
        assert product.project is elsewhere.get_current_project()
        assert product.creator.name == "ben"
        assert verify(elsewhere) == []
        assert [str(d) for d in product.lineage().roots()] == [str(o) for o in product.raws]
        assert product in product.raws[0].dependents()

    def test_values_of_every_kind(self, exported, elsewhere, tmp_path):
        import_folder(exported[0])
        made = ExRaw.select_all()[0]
        (tmp_path / "like").mkdir()
        like = raw(tmp_path / "like", 1)
        assert np.isnan(made.number)
        assert (made.count, made.flag, made.DATE_OBS) == (like.count, True, like.DATE_OBS)
        assert repr(made.levels) == repr(like.levels)
        assert [p._values for p in made.places] == [p._values for p in like.places]
        assert made.header == like.header
        assert made.image.dtype == like.image.dtype
        assert np.array_equal(made.image, like.image)
        assert repr(made.table) == repr(like.table)
        assert made.table.meta == like.table.meta
        assert made.table["mag"].unit == like.table["mag"].unit
        assert made.comments == like.comments

    def test_twice_adds_nothing(self, exported, elsewhere):
        import_folder(exported[0])
        before = [[o.object_id for o in cls.select_all()] for cls in CLASSES]
        result = import_folder(exported[0])
        assert result.added == []
        assert result.present == 8
        assert [[o.object_id for o in cls.select_all()] for cls in CLASSES] == before
        assert before[-1] != []

    def test_check_stores_nothing(self, exported, elsewhere):
        result = import_folder(exported[0], commit=False)
        assert "nothing was stored: new are 8 objects; 0 are there already" in str(result)
        assert nothing_entered(elsewhere)

    def test_origin_is_recorded(self, exported, elsewhere):
        folder, facts = exported
        import_folder(folder)
        product = ExRed.select_all()[0]
        assert Import.origin_of(product) == {
            "creator": "ada", "project": facts["project"], "level": 1,
            "committed_at": facts["committed_at"].isoformat(),
        }  # fmt: skip
        (record,) = Import.select_all()
        assert record.exported_by == "ada"
        assert (
            record.manifest_sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        )
        assert set(record.object_ids) >= {facts["id"], facts["weight"], *facts["raws"]}
        own = ExTarget(name="own")
        own.commit()
        assert Import.origin_of(own) is None
        assert re.search(rf"imported from +ada, {facts['project']}", information(product))
        assert "imported" not in information(own)

    def test_checksums_are_those_of_sha256sum(self, exported):
        done = subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=exported[0], check=False,
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(": OK") == 6

    def test_manifest_is_readable(self, exported):
        manifest = json.loads((exported[0] / MANIFEST).read_text())
        record = of_class(manifest, "ExRaw")
        assert record["values"]["DATE_OBS"] == "2020-01-10T03:04:05.678901"
        assert record["file"]["sha256"] == record["values"]["sha256"]
        assert record["origin"]["creator"] == "ada"


class TestWhatIsThere:
    def test_names_are_matched(self, exported, elsewhere):
        site = ExSite(name="Paranal", height=2635.0)
        target = ExTarget(name="M 13")
        elsewhere.commit(site, target)
        result = import_folder(exported[0])
        assert len(result.added) == 6
        assert len(ExSite.select_all()) == len(ExTarget.select_all()) == 1
        made = ExRaw.select_all()[0]
        assert made.site is site
        assert made.target is target
        assert site.height == 2635.0
        assert site.object_id != exported[1]["site"]
        assert import_folder(exported[0]).added == []

    def test_new_names_keep_their_object_id(self, exported, elsewhere):
        import_folder(exported[0])
        assert ExSite.select_all()[0].object_id == exported[1]["site"]
        assert ExTarget.select_all()[0].object_id == exported[1]["target"]

    def test_what_was_compared_with_is_left_out_and_said(self, exported, elsewhere):
        result = import_folder(exported[0])
        assert ExRed.select_all()[0].prev is None
        assert [n for n in result.notes if "its prev is neither in the export nor in" in n]

    def test_what_was_compared_with_is_linked_where_it_is(self, tmp_path):
        here = Context(tmp_path / "a", tmp_path / "a_data", "ada")
        first, second = (o.object_id for o in fill(tmp_path / "made"))
        export(ExRed[first], tmp_path / "first")
        export(ExRed[second], tmp_path / "second")
        here.close()
        there = Context(tmp_path / "b", tmp_path / "b_data", "ben")
        import_folder(tmp_path / "first")
        assert import_folder(tmp_path / "second").present == 3
        assert ExRed[second].prev is ExRed[first]
        there.close()

    def test_another_object_of_the_same_name_is_refused(self, folder, elsewhere):
        import_folder(folder)
        rewrite(folder, lambda m: of_class(m, "ExRed")["values"].update(value=17.0))
        with pytest.raises(ExportError, match="another object of this name: its value differs"):
            import_folder(folder)

    def test_ones_own_raw_data_of_the_same_file_is_recognised(self, exported, elsewhere, tmp_path):
        folder, facts = exported
        (tmp_path / "own").mkdir()
        mine = raw(tmp_path / "own", 2)
        mine.is_valid = 2
        mine.commit()
        result = import_folder(folder)
        assert (len(result.added), result.present) == (5, 3)
        assert result.notes[0] == f"{mine!r} has another is_valid here; that of this store stays"
        product = ExRed[facts["id"]]
        assert [o is mine for o in product.raws] == [False, True, False, False]
        assert mine.object_id not in facts["raws"]
        assert mine.is_valid == 2
        assert product.compute_content_key() == product.content_key == facts["key"]
        assert product in mine.dependents()
        assert mine in product.lineage().roots()
        assert Import.origin_of(mine) is None
        assert verify(elsewhere) == []
        assert import_folder(folder).added == []

    def test_another_file_of_the_same_name_is_a_conflict_with_a_way_out(
        self, exported, elsewhere, tmp_path
    ):
        (tmp_path / "own").mkdir()
        mine = raw(tmp_path / "own", 2)
        (tmp_path / "own" / "raw2.dat").write_bytes(b"something else")
        mine.attach(tmp_path / "own" / "raw2.dat")
        mine.commit()
        with pytest.raises(ExportError, match=r"of another content: their checksums") as caught:
            import_folder(exported[0])
        assert "context.create_project('NAME')" in str(caught.value)
        assert len(ExRed.select_all()) == 0
        elsewhere.create_project("Theirs")
        elsewhere.set_project("Theirs")
        import_folder(exported[0])
        assert len(ExRaw.select_all()) == 5
        assert verify(elsewhere) == []


class TestDamage:
    @pytest.mark.parametrize("seed", range(12))
    def test_any_flipped_byte_is_named(self, folder, elsewhere, seed):
        chance = random.Random(seed)
        paths = sorted(p for p in folder.rglob("*") if p.is_file())
        path = paths[seed % len(paths)]
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        with pytest.raises(ExportError) as caught:
            import_folder(folder)
        assert (SUMS if path.name == SUMS else path.name) in str(caught.value)
        assert nothing_entered(elsewhere)

    def test_every_missing_file_is_named(self, folder, elsewhere):
        gone = sorted((folder / "files").iterdir())
        for path in gone:
            path.unlink()
        with pytest.raises(ExportError) as caught:
            import_folder(folder)
        assert f"{len(gone)} problems" in str(caught.value)
        for path in gone:
            assert f"files/{path.name} of " in str(caught.value)
        assert "is missing" in str(caught.value)
        assert nothing_entered(elsewhere)

    @pytest.mark.parametrize("name", [MANIFEST, SUMS])
    def test_unfinished_export(self, folder, elsewhere, name):
        (folder / name).unlink()
        with pytest.raises(ExportError, match=f"{name} is missing"):
            import_folder(folder)
        assert nothing_entered(elsewhere)

    def test_foreign_file_is_named_and_left_alone(self, folder, elsewhere):
        (folder / "files" / "virus.exe").write_text("x")
        result = import_folder(folder)
        assert [n for n in result.notes if n.startswith("files/virus.exe is not part of the")]
        assert len(ExRed.select_all()) == 1

    def test_no_folder(self, elsewhere, tmp_path):
        with pytest.raises(AweError, match="There is no folder"):
            import_folder(tmp_path / "none")


class TestExport:
    def test_refuses_what_it_cannot_do(self, context, tmp_path):
        first, _ = fill(tmp_path / "made")
        new = ExTarget(name="new")
        out = tmp_path / "out"
        cases = [
            (ExRed.value > 100, out, "Nothing was selected"),
            ("query", out, "takes a query, an object or a list"),
            (ExRed, out, "takes a query, an object or a list"),
            (new, out, "is not committed"),
            (context.get_current_project(), out, "is neither raw data nor a product"),
            (first, tmp_path, "is not an empty folder"),
            (first, tmp_path / "made" / "raw1.dat", "is not an empty folder"),
            (first, "/proc/none/here", "Nothing can be exported to"),
        ]
        for what, where, text in cases:
            with pytest.raises(AweError, match=text):
                export(what, where)
            assert not out.exists()

    def test_damaged_file_leaves_no_export(self, context, tmp_path):
        first, _ = fill(tmp_path / "made")
        path = first.raws[0].path()
        path.chmod(0o644)
        path.write_bytes(b"x" * path.stat().st_size)
        with pytest.raises(AweError, match="is damaged"):
            export(first, tmp_path / "out")
        path.unlink()
        with pytest.raises(AweError, match="is missing"):
            export(first, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_empty_folder_serves_and_query_is_taken(self, context, tmp_path, capsys):
        fill(tmp_path / "made")
        (tmp_path / "out").mkdir()
        assert export(ExRed.select_all(), tmp_path / "out") == tmp_path / "out"
        assert "Exported 2 objects and what they were made from, 11 objects in all" in (
            capsys.readouterr().out
        )

    def test_two_files_of_one_name(self, context, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        raw(tmp_path / "a", 1).commit()
        context.create_project("Other")
        context.set_project("Other")
        other = raw(tmp_path / "b", 1, target="M 3")
        Path(tmp_path / "b" / "raw1.dat").write_bytes(b"another one")
        other.attach(tmp_path / "b" / "raw1.dat")
        other.commit()
        export(ExRaw.select_all(), tmp_path / "out")
        names = sorted(p.name for p in (tmp_path / "out" / "files").iterdir())
        assert names == sorted(["raw1.dat", f"{other.sha256[:16]}-raw1.dat"])

    def test_hidden_ancestor(self, tmp_path):
        ada = Context(tmp_path / "store", tmp_path / "data", "ada")
        ada.create_project("Shared")
        ada.set_project("Shared")
        Context(tmp_path / "store", tmp_path / "data", "ben").close()
        current.set_context(ada)
        ada.refresh()
        ada.add_member("ben", "Shared")
        (tmp_path / "made").mkdir()
        thing = raw(tmp_path / "made", 1)
        thing.commit()
        ada.set_privileges(2)
        product = red(tmp_path / "made", [thing])
        product.commit(restricted=True)
        name = product.object_id
        ada.close()
        ben = Context(tmp_path / "store", tmp_path / "data", "ben", "Shared")
        with pytest.raises(AweError, match="that you may not see"):
            export(ExRed[name], tmp_path / "out")
        with pytest.raises(AweError, match="which you may not see"):
            ExRed[name].script()
        # What may be told is told.
        hidden = ExRed[name].raws[0]
        view.enter()
        texts = [t.get_text() for t in ExRed[name].lineage(graph=True).axes[0].texts]
        assert "may not be seen" in texts
        assert f"entity-{hidden.object_id}" in ExRed[name].provenance()
        assert "raw1.dat" not in ExRed[name].provenance("votable")
        ben.close()


KILLED = """
import sys
sys.path.insert(0, {tests!r})
import exchange_lab
from pathlib import Path
from awe.store import current
from awe.store.context import Context
from awe.process.importing import import_folder
folder = Path({folder!r})
context = Context(folder / "store", folder / "data", "ben")
print("ready", flush=True)
import_folder({export!r})
print("done", flush=True)
"""


@pytest.mark.heavy
def test_kill_in_mid_import_leaves_all_or_nothing(exported, tmp_path):
    here = str(Path(__file__).parent)
    code = KILLED.format(tests=here, folder=str(tmp_path), export=str(exported[0]))
    Context(tmp_path / "store", tmp_path / "data", "ben").close()
    outcomes = set()
    for delay in np.linspace(0.0, 0.12, 13):
        for name in ("store", "data"):
            shutil.rmtree(tmp_path / name)
        Context(tmp_path / "store", tmp_path / "data", "ben").close()
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        opened = Context(tmp_path / "store", tmp_path / "data", "ben")
        counts = [len(cls.select_all()) for cls in CLASSES]
        assert counts in ([0, 0, 0, 0, 0, 0], [4, 1, 1, 1, 1, 1]), (delay, counts)
        outcomes.add(counts[0])
        import_folder(exported[0])
        assert [len(cls.select_all()) for cls in CLASSES] == [4, 1, 1, 1, 1, 1]
        verify(opened, repair=True)
        assert verify(opened) == []
        opened.close()
    assert 0 in outcomes
