"""A night that is worked on in any order: each product leads to raw frames and comes out again."""

import random

import pytest
from awe.recipes import recipe_named
from awe.recipes.IngestTask import IngestTask
from lineage_walk import check_lineage

from awe.base.errors import AweError
from awe.model import BiasFrame, DomeFlatFrame, MasterFlatFrame, RawFrame, ReducedScienceFrame
from awe.process import Product
from awe.process.exchange import export
from awe.process.importing import import_folder
from awe.process.targets import remake
from awe.process.uptodate import uptodate
from awe.store.verify import verify

RECIPES = ("Bias", "DomeFlat", "TwilightFlat", "MasterFlat", "Reduce", "ReadNoise", "HotPixels",
           "ColdPixels")  # fmt: skip
PARS = {
    "Bias": {"BiasFrame.process_params.SIGMA_CLIP": 2.5},
    "DomeFlat": {"DomeFlatFrame.process_params.SIGMA_CLIP": 2.5},
}


class Doings:
    """What astronomers do with a night, one thing after the other, by chance."""

    def __init__(self, context, folder, night, chance):
        self.context, self.folder, self.night, self.chance = context, folder, night, chance
        self.waiting = []
        self.done, self.refused = [], []

    def pick(self, *classes):
        there = list(self.chance.choice(classes).select_all())
        if not there:
            raise AweError("there are none")
        return self.chance.choice(there)

    def run(self):
        name = self.chance.choice(RECIPES)
        pars = self.chance.choice([None, None, PARS.get(name)])
        chip = self.chance.choice(["ESO_CCD_#65", "ESO_CCD_#66"])
        later = self.chance.random() < 0.2
        made = recipe_named(name)(
            instrument="OMEGACAM", chip=chip, pars=pars, folder=None, commit=not later
        ).execute()
        self.waiting += made if later else []

    def store(self):
        waiting, self.waiting = self.waiting, []
        self.context.commit(*waiting)

    def judge(self):
        value = self.chance.choice([0, 1, 1])
        self.context.update_is_valid(self.pick(RawFrame, Product), value, "by chance")

    def edit(self):
        bias = self.pick(BiasFrame, DomeFlatFrame)
        days = bias.timestamp_end - bias.timestamp_start
        self.context.update_timestamp_end(bias, bias.timestamp_end + days, "longer")

    def delete(self):
        together = self.chance.random() < 0.4
        self.context.delete(self.pick(RawFrame, Product), dependents=together, why="by chance")

    def ingest(self):
        IngestTask(paths=[self.night.folder], commit=True).execute()

    def again(self):
        remake(self.pick(BiasFrame, MasterFlatFrame, ReducedScienceFrame), commit=True)

    def ask(self):
        frames = [self.pick(RawFrame) for _ in range(2)]
        ReducedScienceFrame.targets(frames, commit=True)

    def exchange(self):
        """Export something, delete it with all that hangs on it, and import it again."""
        thing = self.pick(MasterFlatFrame, ReducedScienceFrame)
        place = self.folder / f"export{len(self.done)}"
        export(thing, place)
        self.context.delete(thing, dependents=True)
        import_folder(place)

    def one(self):
        """Do one thing; what is refused must leave all as it was."""
        name = self.chance.choice(["run", "run", "run", "store", "judge", "edit", "delete",
                                   "ingest", "again", "ask", "exchange"])  # fmt: skip
        try:
            getattr(self, name)()
            self.done.append(name)
        except AweError as err:
            self.refused.append((name, str(err)))


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(4))
def test_every_product_leads_to_raw_frames_and_comes_out_again(
    reduced_night, night, tmp_path, seed
):
    doings = Doings(reduced_night, tmp_path, night, random.Random(seed))
    kinds = set()
    for _ in range(25):
        doings.one()
        check_lineage(Product.select_all())
    for product in Product.select_all():
        again = product.reproduce()
        assert again.identical, again
        kinds.add(type(product))
    assert len(kinds) >= 4
    assert len(doings.done) >= 10
    assert len(uptodate(Product.select_all())) == len(Product.select_all())
    assert verify(reduced_night) == []
