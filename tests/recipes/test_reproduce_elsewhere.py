"""A night that was exported: imported by the command, and made again in another store."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from awe.recipes.IngestTask import IngestTask
from recipe_lab import linked

from awe.base.errors import AweError
from awe.model import BiasFrame, RawFits, RawFrame, Readout, ReducedScienceFrame
from awe.process import Import, Product
from awe.process.exchange import export
from awe.process.importing import import_folder
from awe.store.context import Context
from awe.store.verify import verify

AWE = Path(sys.executable).parent / "awe"


def awe(folder, *arguments):
    """Run the command on a store of its own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    env |= {"AWE_HOME": str(folder), "AWE_USER": "ben", "MPLBACKEND": "agg"}
    done = subprocess.run([AWE, *map(str, arguments)], env=env, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def facts_of(product):
    """Give what must be the same in both stores."""
    return (
        type(product).__name__, product.object_id, product.content_key, product.made_by,
        product.creation_date, [o.object_id for _, o in product.input_objects()],
        getattr(product, "sha256", None),
    )  # fmt: skip


def test_night_is_imported_by_the_command_and_made_again(reduced_night, tmp_path):
    red = ReducedScienceFrame.select_all()[0]
    export(ReducedScienceFrame.raw == red.raw, tmp_path / "export")
    facts = {o.object_id: facts_of(o) for o in red.lineage().objects()
             if isinstance(o, Product)}  # fmt: skip
    facts[red.weight.object_id] = facts_of(red.weight)
    script, pixels, key = red.script(), red.data, red.content_key
    reduced_night.close()

    home = tmp_path / "elsewhere"
    status, out = awe(home, "import", tmp_path / "export")
    assert status == 0, out
    assert out.startswith("Imported ")
    status, out = awe(home, "import", tmp_path / "export", "--check")
    assert status == 0, out
    assert "new are 0 objects" in out
    there = Context(home / "store", home / "data", "ben")
    for object_id, wanted in facts.items():
        product = Product[object_id]
        assert facts_of(product) == wanted
        assert product.compute_content_key() == product.content_key
        assert product.reproduce().identical
        assert Import.origin_of(product)["creator"] == "me"
    assert len(ReducedScienceFrame.select_all()) == 1
    exec(compile(script, "script.py", "exec"), {"__name__": "__main__"})
    found = Path().glob("Sci-BEN-*-Red---*.fits")
    from astropy.io import fits

    (path,) = found
    assert np.array_equal(fits.getdata(path), pixels)
    assert fits.getval(path, "AWEKEY") == key
    assert verify(there) == []
    there.close()


def test_products_join_the_frames_that_somebody_ingested_himself(
    reduced_night, ingested_night, tmp_path
):
    red = ReducedScienceFrame.select_all()[0]
    export(red, tmp_path / "export")
    name, key, raws = red.object_id, red.content_key, len(RawFrame.select_all())
    reduced_night.close()

    (tmp_path / "own").mkdir()
    there = linked(ingested_night, tmp_path / "own")
    own = {raw.object_id for raw in RawFrame.select_all()}
    result = import_folder(tmp_path / "export")
    assert {isinstance(o, Product) for o in result.added} == {True}
    assert result.notes == []
    assert len(RawFrame.select_all()) == raws
    red = ReducedScienceFrame[name]
    assert {o.object_id for o in red.lineage().roots()} <= own
    assert red.content_key == key == red.compute_content_key()
    assert red.is_uptodate()
    assert red.reproduce().identical
    assert verify(there) == []
    there.close()


def test_what_an_import_left_out_can_be_ingested_later(reduced_night, night, tmp_path):
    export((BiasFrame.chip.name == "ESO_CCD_#65")[:1], tmp_path / "export")
    reduced_night.close()
    there = Context(tmp_path / "b" / "store", tmp_path / "b" / "data", "ben")
    import_folder(tmp_path / "export")
    imported = {raw.object_id for raw in RawFrame.select_all()}
    assert len(imported) == 3
    task = IngestTask(paths=[night.folder], commit=True)
    task.execute()
    assert len(task.products) == 2 * 9 - 3
    assert {len(raw_fits.frames) for raw_fits in RawFits.select_all()} == {2}
    assert imported < {raw.object_id for raw in RawFrame.select_all()}
    task = IngestTask(paths=[night.folder], commit=True)
    task.execute()
    assert task.products == []
    assert verify(there) == []
    there.close()


def test_other_geometry_of_the_same_ccd_is_refused(reduced_night, tmp_path):
    bias = BiasFrame.select_all()[0]
    export(bias, tmp_path / "export")
    name, mode, chip = bias.readout.object_id, bias.readout.mode, bias.chip.name
    amplifiers = bias.readout.amplifiers
    reduced_night.close()

    there = Context(tmp_path / "b" / "store", tmp_path / "b" / "data", "ben")
    from awe.model import Chip, Instrument

    instrument = Instrument.get_or_create(name="OMEGACAM")
    other = Readout(
        chip=Chip.get_or_create(name=chip, instrument=instrument), mode=mode,
        amplifiers=[amplifiers[0].replace(x=1)],
    )  # fmt: skip
    other.commit()
    assert other.object_id != name
    with pytest.raises(AweError, match="what this store knows of its CCD and read-out mode is not"):
        import_folder(tmp_path / "export")
    assert len(RawFrame.select_all()) == len(Product.select_all()) == 0
    there.close()
