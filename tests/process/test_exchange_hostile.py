"""Exports that somebody hostile has changed: each is refused, and nothing enters."""

import copy
import os
import random

import pytest
from exchange_lab import nothing_entered, of_class, rewrite, seal

from awe.base.errors import AweError
from awe.process.exchange import MANIFEST
from awe.process.importing import import_folder
from awe.process.manifest import ExportError


def _traversing(manifest):
    record = of_class(manifest, "ExRaw")
    record["values"]["filename"] = "../../../../evil.dat"


def _outside(manifest):
    of_class(manifest, "ExRaw")["file"]["path"] = "files/../../outside.dat"


def _absolute(manifest):
    of_class(manifest, "ExRaw")["file"]["path"] = "/etc/passwd"


def _bad_sum(manifest):
    record = of_class(manifest, "ExRaw")
    record["values"]["sha256"] = record["file"]["sha256"] = "../" * 21 + "x"


def _no_file(manifest):
    del of_class(manifest, "ExRaw")["file"]


def _file_of_a_weight(manifest):
    of_class(manifest, "ExWeight")["file"] = {"path": "files/raw1.dat"}


def _user(manifest):
    manifest["objects"].append(
        {"class": "User", "object_id": "0" * 32, "values": {"name": "root"}}
    )  # fmt: skip


def _unknown_class(manifest):
    of_class(manifest, "ExWeight")["class"] = "ExOther"


def _unknown_attribute(manifest):
    of_class(manifest, "ExWeight")["values"]["shell"] = "rm"


def _twice(manifest):
    manifest["objects"].append(copy.deepcopy(of_class(manifest, "ExRaw")))


def _no_inputs(manifest):
    of_class(manifest, "ExRed")["values"]["raws"] = []


def _lost_input(manifest):
    of_class(manifest, "ExRed")["values"]["raws"][0]["object_id"] = "f" * 32


def _wrong_class_of_input(manifest):
    site = of_class(manifest, "ExSite")["object_id"]
    of_class(manifest, "ExRed")["values"]["raws"][0] = {"class": "ExSite", "object_id": site}


def _wrong_array(manifest):
    of_class(manifest, "ExRaw")["values"]["image"]["shape"] = [2**39, 2**39]


def _objects_in_an_array(manifest):
    of_class(manifest, "ExRaw")["values"]["image"]["dtype"] = "O"


def _not_a_list(manifest):
    manifest["objects"] = {}


def _other_format(manifest):
    manifest["format"] = "awe export 99"


HOSTILE = {
    _traversing: "of a name that is not allowed", _outside: "of a name that is not allowed",
    _absolute: "of a name that is not allowed", _bad_sum: "no checksum of its file, or two",
    _no_file: "names a file that the export has not",
    _file_of_a_weight: "has a file, which its class has not",
    _user: "objects of this class are not imported", _unknown_class: "is foreign",
    _unknown_attribute: "is foreign: there is no ExWeight.shell here", _twice: "is there twice",
    _no_inputs: "has no inputs: a product without lineage", _lost_input: "its raws is neither in",
    _wrong_class_of_input: "takes a list, each item an? ExRaw|takes an ExRaw object",
    _wrong_array: "does not fit its shape", _objects_in_an_array: "does not fit its shape",
    _not_a_list: "is no 'awe export 1'", _other_format: "is no 'awe export 1'",
}  # fmt: skip


class TestHostile:
    @pytest.mark.parametrize("change", HOSTILE, ids=lambda f: f.__name__.strip("_"))
    def test_manifest_is_refused(self, folder, elsewhere, change):
        rewrite(folder, change)
        with pytest.raises(AweError, match=HOSTILE[change]):
            import_folder(folder)
        assert nothing_entered(elsewhere)

    def test_links_and_pipes_are_not_followed(self, folder, elsewhere, tmp_path):
        path = folder / "files" / "raw1.dat"
        outside = tmp_path / "secret.dat"
        path.rename(outside)
        path.symlink_to(outside)
        with pytest.raises(ExportError, match=r"raw1\.dat of .* is no plain file"):
            import_folder(folder)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(ExportError, match=r"raw1\.dat of .* is no plain file"):
            import_folder(folder)
        (folder / MANIFEST).unlink()
        os.mkfifo(folder / MANIFEST)
        with pytest.raises(ExportError, match="is no plain file"):
            import_folder(folder)
        assert nothing_entered(elsewhere)

    def test_huge_or_endless_manifest(self, folder, elsewhere):
        with open(folder / MANIFEST, "r+b") as file:
            file.truncate(1 << 30)
        with pytest.raises(ExportError, match="is larger than 512 MB"):
            import_folder(folder)
        (folder / MANIFEST).write_text("[" * 100_000)
        seal(folder)
        with pytest.raises(ExportError, match="is no JSON"):
            import_folder(folder)
        (folder / MANIFEST).write_text('{"format": ' + "9" * 10_000 + "}")
        seal(folder)
        with pytest.raises(ExportError, match="is no JSON"):
            import_folder(folder)
        assert nothing_entered(elsewhere)

    def test_values_of_wrong_types_never_break_it(self, folder, elsewhere):
        chance = random.Random(3)
        odd = (None, True, -1, 1e308, "x", "../x", [], {}, [[]], {"float": "nan"}, {"items": 3},
               "9" * 30, {"class": "ExRaw", "object_id": "0" * 32}, {"base64": "?"})  # fmt: skip
        original = (folder / MANIFEST).read_text()
        refused = 0
        for _ in range(60):
            (folder / MANIFEST).write_text(original)
            rewrite(folder, lambda manifest: _spoil(manifest, chance, odd))
            try:
                import_folder(folder, commit=False)
            except AweError:
                refused += 1
        assert refused > 30
        assert nothing_entered(elsewhere)


def _spoil(value, chance, odd):
    """Replace something deep inside a JSON value."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = chance.choice(keys)
        inner = value[key]
        if not isinstance(inner, (dict, list)) or not inner or chance.random() < 0.1:
            value[key] = chance.choice(odd)
            return
        value = inner
