"""Whatever is done in whatever order: each product leads to raw things and parameters."""

import random

import process_lab as lab
import pytest
from lineage_walk import check_lineage
from process_lab import CAL, PrCal, PrRaw, PrRed

from awe.base.errors import AweError
from awe.process import Making, Product, choose
from awe.store import persistent
from awe.store.verify import verify


class PrSum(Product):
    """A product of products."""

    abstract = False
    inputs = ("reds",)
    reds = persistent("Made from", [PrRed])
    value = persistent("What was made", float)

    def make(self):
        """Add up."""
        self.value = sum(red.cal.value for red in self.reds)


class Doings:
    """What people do in a store, one thing after the other, by chance."""

    def __init__(self, context, chance):
        self.context = context
        self.chance = chance
        self.waiting = []
        self.refused = 0

    def pick(self, cls, most=1):
        """Give some stored objects, or raise where there are none."""
        there = list(cls.select_all())
        if not there:
            raise AweError("there are none")
        return self.chance.sample(there, min(self.chance.randint(1, most), len(there)))

    def store_or_keep(self, product):
        """Store a new object, or let it wait for later."""
        self.waiting.append(product)
        if self.chance.random() < 0.7:
            self.store()

    def store(self):
        """Store what waits; what cannot be stored any more is given up."""
        waiting, self.waiting = self.waiting, []
        self.context.commit(*waiting)

    def ingest(self):
        night = lab.NIGHT + self.chance.randrange(4) * lab.DAY
        self.store_or_keep(lab.raw(chip=self.chance.choice("AB"), night=night))

    def make_cal(self):
        width = {"PrCal.process_params.WIDTH": float(self.chance.randint(1, 3))}
        raws = self.pick(PrRaw, 3)
        self.store_or_keep(lab.cal(raws[0], pars=self.chance.choice([None, width]), raws=raws))

    def make_red(self):
        (raw,) = self.pick(PrRaw)
        self.store_or_keep(Making(PrRed(raw=raw, cal=choose(raw, CAL)), {}).run())

    def make_sum(self):
        self.store_or_keep(Making(PrSum(reds=self.pick(PrRed, 4)), {}).run())

    def judge(self):
        (obj,) = self.pick(self.chance.choice([PrRaw, PrCal, PrRed]))
        self.context.update_is_valid(obj, self.chance.randrange(3), "by chance")

    def edit(self):
        (obj,) = self.pick(self.chance.choice([PrRaw, PrCal, PrRed]))
        obj.comments = [*obj.comments, "seen"]
        if self.chance.random() < 0.5:
            self.context.rollback()
        else:
            obj.commit()

    def delete(self):
        (obj,) = self.pick(self.chance.choice([PrRaw, PrCal, PrRed, PrSum]))
        self.context.delete(obj, dependents=self.chance.random() < 0.3)

    def one(self):
        """Do one thing; what is refused must leave all as it was."""
        names = ["ingest", "make_cal", "make_red", "make_red", "make_sum", "judge", "edit",
                 "delete", "store"]  # fmt: skip
        try:
            getattr(self, self.chance.choice(names))()
        except AweError:
            self.refused += 1


@pytest.mark.parametrize("seed", range(4))
def test_every_product_leads_to_raw_things_and_parameters(context, monkeypatch, seed):
    for cls in (PrCal, PrRed):
        monkeypatch.setattr(cls, "names", lambda self: {}, raising=False)
    doings = Doings(context, random.Random(seed))
    walked = 0
    for _ in range(60):
        doings.one()
        walked = max(walked, check_lineage(Product.select_all()))
    assert walked >= 4
    assert doings.refused > 0
    for product in Product.select_all():
        again = product.reproduce()
        assert again.identical, again
    assert verify(context) == []
