"""What is up to date, by the rule of choice; and what hangs on a verdict."""

import numpy as np
import process_lab as lab
import pytest
from process_lab import DAY, NIGHT, PrCal, PrRaw, PrRed

from awe.base.errors import AweError, AweTypeError
from awe.process import Making
from awe.process.uptodate import missing, uptodate
from awe.store.context import Context


@pytest.fixture
def names(monkeypatch):
    """Let products have no names that defaults depend on."""
    for cls in (PrCal, PrRed):
        monkeypatch.setattr(cls, "names", lambda self: {}, raising=False)


def red(raw, cal, pars=None, overridden=()):
    """Give a new product."""
    return Making(PrRed(raw=raw, cal=cal), {}, pars, overridden=overridden).run()


@pytest.fixture
def made(context, names):
    """Give a raw thing, its calibration and a product of both, all stored."""
    raw = lab.raw()
    cal = lab.cal(raw)
    product = red(raw, cal)
    context.commit(product)
    return raw, cal, product


class TestReasons:
    def test_none_as_long_as_nothing_changes(self, context, made):
        raw, cal, product = made
        context.commit(lab.cal(raw, nights=2), lab.forever(raw, night=NIGHT))
        assert product.why_outdated() == []
        assert cal.is_uptodate()
        assert uptodate(PrRed.select_all()).tolist() == [True]

    def test_a_nearer_or_newer_calibration(self, context, made):
        raw, _, product = made
        better = lab.cal(raw, pars={"PrCal.process_params.WIDTH": 3.0})
        context.commit(better)
        assert product.why_outdated() == [f"there is a better cal: {better!r}"]
        # Its own user's parameter counts as wanted.
        assert better.is_uptodate()

    def test_a_newer_one_of_the_same_content_is_not_better(self, context, made):
        raw, _, product = made
        context.commit(lab.cal(raw))
        assert product.is_uptodate()

    def test_one_that_was_given_by_the_user_stays(self, context, made):
        raw, cal, _ = made
        given = red(raw, cal, overridden=["cal"])
        context.commit(given, lab.cal(raw, pars={"PrCal.process_params.WIDTH": 3.0}))
        assert given.is_uptodate()
        context.update_is_valid(cal, 0, "light leak")
        assert given.why_outdated() == [f"cal is judged bad: {cal!r}"]

    def test_an_interval_that_ends_before(self, context, made):
        raw, cal, product = made
        context.update_timestamp_end(cal, raw.DATE_OBS)
        assert product.why_outdated() == ["no cal serves any more"]

    def test_an_input_judged_bad_since_however_deep(self, context, made):
        raw, cal, product = made
        context.update_is_valid(raw, 0, "clouds")
        assert cal.why_outdated() == [f"raws is judged bad: {raw!r}"]
        assert product.why_outdated() == [
            f"raw is judged bad: {raw!r}", f"cal is out of date: raws is judged bad: {raw!r}"
        ]  # fmt: skip

    def test_other_parameters(self, context, made):
        _, cal, product = made
        pars = {"PrCal.process_params.WIDTH": 3.0}
        assert cal.why_outdated(pars=pars) == ["WIDTH is 3.0 now, it was made with 2.0"]
        assert product.why_outdated(pars=pars) == [
            "cal is out of date: WIDTH is 3.0 now, it was made with 2.0"
        ]
        # A limit gives no other pixels.
        assert product.is_uptodate(pars={"PrCal.process_params.LIMIT": 3.0})
        with pytest.raises(AweError, match=r"There is no parameter 'PrCal.process_params.WIDHT'"):
            product.is_uptodate(pars={"PrCal.process_params.WIDHT": 3.0})

    def test_another_code_version(self, context, made, monkeypatch):
        _, cal, product = made
        monkeypatch.setattr(PrCal, "pixel_version", "2.0")
        reason = "the code of PrCal has version 2.0 now, it was made with 1.0"
        assert cal.why_outdated() == [reason]
        assert product.why_outdated() == [f"cal is out of date: {reason}"]

    def test_judged_bad_itself(self, context, made):
        product = made[2]
        context.update_is_valid(product, 0, "trail")
        assert product.why_outdated() == ["it is judged bad itself"]

    def test_of_many_as_of_each(self, context, names):
        rng = np.random.default_rng(1)
        raws = [lab.raw(chip=f"C{n % 3}", night=NIGHT + n % 5 * DAY, sha=str(n))
                for n in range(60)]  # fmt: skip
        cals = {(r.chip.name, r.night): lab.cal(r, width=2) for r in raws}
        products = [red(r, cals[r.chip.name, r.night]) for r in raws]
        context.commit(*products)
        for cal in rng.choice(list(cals.values()), 4, replace=False):
            context.update_is_valid(cal, 0, "light leak")
        context.commit(lab.cal(raws[7], pars={"PrCal.process_params.WIDTH": 3.0}))
        query = PrRed.select_all().order_by("-raw.sha256")
        found = uptodate(query)
        assert found.tolist() == [p.is_uptodate() for p in query]
        assert 0 < found.sum() < len(found)
        assert uptodate(list(query)).tolist() == found.tolist()
        served = {p.raw for p, good in zip(query, found, strict=True) if good}
        assert missing(PrRed, PrRaw.select_all()) == [
            raw for raw in PrRaw.select_all() if raw not in served
        ]

    def test_refuses_what_is_no_product(self, context, made):
        with pytest.raises(AweTypeError, match="takes a query or a list of stored products"):
            uptodate([made[0]])
        assert uptodate(PrRed.raw == None).tolist() == []  # noqa: E711  a query
        assert missing(PrRed, []) == []


class TestSuspect:
    def test_hangs_on_a_verdict_and_nothing_is_stored(self, context, made):
        raw, cal, product = made
        other = red(raw, lab.cal(raw, nights=1))
        context.commit(other)
        assert not product.is_suspect()
        context.update_is_valid(cal, 0, "light leak")
        assert (product.is_suspect(), product.why_suspect()) == (True, [cal])
        assert not cal.is_suspect()
        assert list(PrRed.select_all().not_suspect()) == [other]
        assert [*(PrRed.is_valid > 0).not_suspect().order_by("creation_date")] == [other]
        assert product.history() == []
        context.update_is_valid(cal, 1, "it was not")
        assert not product.is_suspect()
        assert len(PrRed.select_all().not_suspect()) == 2

    def test_of_what_is_not_stored(self, context, made):
        raw, cal, _ = made
        context.update_is_valid(cal, 0, "light leak")
        new = red(raw, cal)
        assert new.why_suspect() == [cal]

    def test_only_for_those_who_may_see_the_verdict(self, tmp_path, names):
        alice = Context(tmp_path / "store", tmp_path / "data", "alice")
        raw = lab.raw()
        cal = lab.cal(raw)
        product = red(raw, cal)
        alice.commit(raw, cal)
        alice.set_privileges(3)
        alice.commit(product, restricted=True)
        alice.update_is_valid(cal, 0, "light leak")
        assert product.is_suspect()
        alice.close()
        bob = Context(tmp_path / "store", tmp_path / "data", "bob")
        seen = PrRed.select_all()[0]
        assert not seen.is_suspect()
        assert len(PrRed.select_all().not_suspect()) == 1
        # What he may not see he cannot judge.
        assert isinstance(seen.why_outdated(), list)
        bob.close()
