"""Products and the record of their making: parameters, content key, lineage, flags."""

import json
import subprocess
import sys
from pathlib import Path

import process_lab as lab
import pytest
from process_lab import PrCal, PrRaw, PrRed, cal, raw

from awe.base.errors import (
    AweAttributeError,
    AweError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.process import Making, decode, flags_table, register_flag, resolve
from awe.process.parameters import check_pars, set_defaults_source

P = "PrCal.process_params."


@pytest.fixture
def defaults():
    """Let a test say what instruments have; put the model's back afterwards."""
    from awe.process import parameters

    before = parameters._defaults_source
    yield set_defaults_source
    set_defaults_source(before)


def red(source, calibration, pars=None, **options):
    """Make a product."""
    return Making(PrRed(raw=source, cal=calibration), {}, pars, **options).run()


class TestParameters:
    def test_stronger_layers_win_and_are_told(self, context, defaults):
        defaults(
            lambda name, names: [
                ("instrument", {"METHOD": 1, "WIDTH": 3.0, "LIMIT": 1.0}),
                ("filter", {"WIDTH": 4.0, "LIMIT": 2.0}),
                ("chip", {"LIMIT": 3.0}),
            ]
        )
        values, origins = resolve(PrCal, {}, {P + "WAY": "median"})
        assert (values.METHOD, values.WIDTH, values.LIMIT, values.WAY) == (1, 4.0, 3.0, "median")
        assert origins == {
            "METHOD": "instrument", "WIDTH": "filter", "LIMIT": "chip", "WAY": "user",
        }  # fmt: skip
        made = cal(raw(), pars={P + "WAY": "median"})
        assert set(made.parameter_origins) == {f"{n}: {o}" for n, o in origins.items()}

    def test_wrong_name_of_an_instrument_is_told(self, context, defaults):
        defaults(lambda name, names: [("instrument", {"WIDHT": 1.0})])
        with pytest.raises(AweAttributeError, match=r"WIDHT \(instrument\).*WIDTH"):
            resolve(PrCal, {})

    @pytest.mark.parametrize(
        ("pars", "error", "text"),
        [
            ({P + "WIDHT": 1.0}, AweAttributeError, "process_params.WIDTH"),
            ({"PrCal.WIDTH": 1.0}, AweAttributeError, "process_params.WIDTH"),
            ({P + "METHOD": 11}, AweValueError, "0 to 10"),
            ({P + "WAY": "mode"}, AweValueError, "one of mean, median"),
            ({P + "WIDTH": "wide"}, AweTypeError, "WIDTH"),
            ({P + "METHOD": 5.5}, AweTypeError, "METHOD"),
            ({P + "WIDTH": float("nan")}, AweValueError, "WIDTH"),
            ("WIDTH", AweTypeError, "pars is a Pars or a dict"),
        ],
    )
    def test_bad_pars_are_refused_before_any_work(self, context, pars, error, text):
        with pytest.raises(error, match=text):
            check_pars(pars, [PrCal, PrRed])

    def test_anything_with_get_is_taken(self, context):
        class Given:
            def get(self):
                return {P + "WIDTH": 3}

        assert check_pars(Given(), [PrCal]) == {P + "WIDTH": 3}
        assert check_pars(None, [PrCal]) == {}


class TestContentKey:
    def test_tells_what_decides_the_pixels(self, context):
        source = raw()
        key = cal(source).content_key
        assert len(key) == 64
        assert cal(source).content_key == key
        assert cal(source, pars={P + "LIMIT": 9.0}).content_key == key
        changed = [
            cal(source, pars={P + "WIDTH": 3.0}).content_key,
            cal(source, pars={P + "WAY": "median"}).content_key,
            cal(raw(sha="1")).content_key,
        ]
        assert len({key, *changed}) == 4

    def test_passes_changes_of_inputs_on(self, context):
        source = raw()
        keys = {red(source, cal(source, pars={P + "WIDTH": w})).content_key for w in (1.0, 2.0)}
        assert len(keys) == 2

    def test_changes_with_the_code_version_not_with_comments(self, context, monkeypatch):
        source = raw()
        made = cal(source, comments=["good seeing"])
        assert made.content_key == cal(source).content_key
        monkeypatch.setattr(PrCal, "pixel_version", "1.1")
        other = cal(source)
        assert other.code_version == "1.1"
        assert other.content_key != made.content_key

    def test_is_the_same_in_another_process_and_order(self, context, tmp_path):
        pars = {P + "WIDTH": 3.5, P + "METHOD": 4, P + "LIMIT": 1.0}
        here = cal(raw(), pars=pars).content_key
        backwards = dict(reversed(pars.items()))
        assert cal(raw(), pars=backwards).content_key == here
        code = (
            "import sys, json; sys.path.insert(0, sys.argv[1])\n"
            "from awe.store.context import Context\n"
            "import process_lab as lab\n"
            "Context(sys.argv[2] + '/s', sys.argv[2] + '/d', 'you')\n"
            "print(lab.cal(lab.raw(), pars=json.loads(sys.argv[3])).content_key)\n"
        )
        for seed in ("1", "2"):
            done = subprocess.run(
                [sys.executable, "-c", code, str(Path(lab.__file__).parent),
                 str(tmp_path / seed), json.dumps(backwards)],
                capture_output=True, text=True, check=True,
                env={"PYTHONHASHSEED": seed, "PATH": ""},
            )  # fmt: skip
            assert done.stdout.strip() == here


class TestRecord:
    def test_who_when_where_how_long_and_with_what(self, context):
        made = cal(raw())
        assert made.made_by == "me"
        assert made.made_on
        assert 0 <= made.made_in < 5
        assert made.kernel == "python"
        assert made.code_version == "1.0"
        assert made.package_version
        names = [v.split()[0] for v in made.dependency_versions]
        assert names[:2] == ["python", "numpy"]
        context.commit(made)
        assert made.committed_at >= made.creation_date

    def test_kernel_and_overridden_inputs_are_kept(self, context):
        source = raw()
        made = red(source, cal(source), kernel=lambda: "numba", overridden=["cal"])
        context.commit(made)
        assert made.kernel == "numba"
        assert made.overridden_inputs == ("cal",)
        assert "given by the user: cal" in str(made.lineage())

    def test_product_without_inputs_is_refused(self, context):
        with pytest.raises(AweValueError, match="no inputs"):
            Making(PrCal()).run()
        made = cal(raw())
        made.raws = []
        with pytest.raises(AweError, match="without lineage"):
            context.commit(made)

    def test_product_made_by_hand_is_refused(self, context):
        with pytest.raises(AweError, match=r"not made by awe's machinery"):
            context.commit(PrCal(raws=[raw()]))
        assert len(PrCal.select_all()) == 0
        assert len(PrRaw.select_all()) == 0

    def test_commit_stores_what_it_needs(self, context):
        source = raw()
        made = red(source, cal(source))
        made.commit()
        assert PrCal.select_all()[0] is made.cal
        assert source.is_committed

    def test_only_what_is_mutable_changes_after_commit(self, context):
        made = cal(raw())
        context.commit(made)
        with pytest.raises(AwePermissionError, match="cannot change after commit"):
            made.value = 1.0
        with pytest.raises(AwePermissionError):
            made.process_params = resolve(PrCal, {})[0]
        with pytest.raises(AweAttributeError):
            made.process_params.WIDTH = 1.0
        context.update_is_valid(made, 0, "clouds")
        made.comments = ["seen"]
        made.commit()
        changes = [(c.attribute, c.new, c.why) for c in made.history()]
        assert changes == [("is_valid", 0, "clouds"), ("comments", ("seen",), None)]


class TestLineage:
    def test_reaches_the_raw_things(self, context):
        first, second = raw(), raw(hours=21, sha="1")
        made = red(first, Making(PrCal(raws=[first, second], chip=first.chip)).run())
        tree = made.lineage()
        assert {o.object_id for o in tree.roots()} == {first.object_id, second.object_id}
        assert tree.objects()[0] is made
        lines = str(tree).splitlines()
        assert lines[0] == repr(made)
        assert any("code 1.0, awe " in line and " by me" in line for line in lines)
        assert any("METHOD=6, WIDTH=2.0, LIMIT=5.0, WAY=mean" in line for line in lines)

    def test_same_input_is_drawn_once(self, context):
        source = raw()
        shared = cal(source)
        both = Making(PrRed(raw=source, cal=shared)).run()
        text = str(both.lineage())
        assert text.count("see above") == 0
        many = Making(PrCal(raws=[raw(sha=str(n)) for n in range(9)])).run()
        assert "and 6 more raws" in str(many.lineage())

    def test_dependents_are_what_was_made_from_it(self, context):
        source, alone = raw(), raw(sha="1")
        middle = cal(source)
        made = red(source, middle)
        context.commit(made, alone)
        assert source.dependents() == [middle, made]
        assert middle.dependents() == [made]
        assert made.dependents() == []
        assert alone.dependents() == []


class TestFlags:
    def test_decode_and_table(self):
        bit = register_flag("TEST_ODD", 1 << 42, "odd in a test")
        assert register_flag("TEST_ODD", bit, "odd in a test") == bit
        (only,) = decode(bit)
        assert (only.name, only.description, only.disqualifies) == (
            "TEST_ODD", "odd in a test", True,
        )  # fmt: skip
        assert [f.name for f in decode(bit | 1 << 60)] == ["TEST_ODD", "unknown"]
        assert decode(0) == []
        assert "TEST_ODD               odd in a test" in flags_table()

    @pytest.mark.parametrize("bit", [0, 3, -4, 1 << 42])
    def test_bit_must_be_one_and_free(self, bit):
        register_flag("TEST_ODD", 1 << 42, "odd in a test")
        with pytest.raises(AweValueError, match="cannot have the bit"):
            register_flag("TEST_OTHER", bit, "x")

    def test_verify_and_compare_are_added(self, context, monkeypatch):
        monkeypatch.setattr(PrCal, "verify", lambda self: 1 << 42)
        monkeypatch.setattr(PrCal, "compare", lambda self: 1 << 43)
        made = cal(raw())
        assert made.quality_flags == 3 << 42
