"""Which flats a master flat takes, what it refuses, and its mean and error."""

import numpy as np
import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.HotPixelsTask import HotPixelsTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.NightSkyFlatTask import NightSkyFlatTask
from awe.recipes.ReadNoiseTask import ReadNoiseTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.base.errors import AweError, AweValueError
from awe.model import (
    DomeFlatFrame,
    Filter,
    HotPixelMap,
    Instrument,
    MasterFlatFrame,
    Readout,
    TwilightFlatFrame,
)
from awe.model.flats import check_flats
from awe.process import Making, TaskError

OMEGACAM = {"instrument": "OMEGACAM", "folder": None}
CHIP = {**OMEGACAM, "chip": "ESO_CCD_#65"}


def flat_of(cls, number):
    """Give the flat of a CCD."""
    return (cls.chip.name == f"ESO_CCD_#{number}")[0]


@pytest.fixture
def dome(reduced_night):
    """Give the dome flat of the first CCD."""
    return flat_of(DomeFlatFrame, 65)


def with_overscan_5(task):
    """Make a flat of the first CCD with another overscan method."""
    BiasTask(**CHIP, pars={"BiasFrame.process_params.OVERSCAN_CORRECTION": 5}).execute()
    name = f"{task.product_names[0]}.process_params.OVERSCAN_CORRECTION"
    bias = "BiasFrame.process_params.OVERSCAN_CORRECTION"
    made = BiasTask(**CHIP, pars={bias: 5}, commit=True).execute()[-1]
    return task(**CHIP, bias=made, pars={name: 5}, commit=True).execute()[0]


class TestGiven:
    def test_flats_of_two_ccds_are_refused(self, dome):
        other = flat_of(TwilightFlatFrame, 66)
        for arguments in ({}, {"combine": 1}):
            with pytest.raises(AweValueError, match=r"has chip .*_#66.* has .*_#65"):
                MasterFlatTask(**OMEGACAM, domeflat=dome, twilightflat=other, **arguments).execute()
        flat = MasterFlatFrame(domeflat=dome, twilightflat=other)
        flat.take_from([dome, other])
        with pytest.raises(AweValueError, match="a master flat needs flats that have it in common"):
            Making(flat, flat.names()).run()
        assert len(MasterFlatFrame.select_all()) == 2

    def test_night_sky_flat_of_another_ccd_is_refused(self, sky):
        (night_sky,) = NightSkyFlatTask(**{**CHIP, "chip": "ESO_CCD_#66"}, object="KIDS*").execute()
        dome = flat_of(DomeFlatFrame, 65)
        with pytest.raises(AweValueError, match="has chip"):
            MasterFlatTask(**OMEGACAM, domeflat=dome, nightskyflat=night_sky).execute()

    @pytest.mark.parametrize("name", ["instrument", "readout", "filter"])
    def test_what_flats_must_have_in_common(self, dome, name):
        camera = Instrument(name="OTHER")
        others = {
            "instrument": camera,
            "readout": Readout(chip=dome.chip, mode="slow"),
            "filter": Filter(name="OCAM_g_SDSS", instrument=dome.instrument),
        }
        twilight = flat_of(TwilightFlatFrame, 65)
        check_flats([dome, twilight])
        values = {n: getattr(twilight, n) for n in ("instrument", "chip", "readout", "filter")}
        parameters = twilight.process_params
        other = TwilightFlatFrame(**{**values, name: others[name]}, process_params=parameters)
        with pytest.raises(AweValueError, match=f"has {name} "):
            check_flats([dome, other])

    def test_what_is_not_given_is_found(self, dome):
        (flat,) = MasterFlatTask(**OMEGACAM, domeflat=dome).execute()
        assert flat.twilightflat is flat_of(TwilightFlatFrame, 65)
        assert flat.steps_not_done == ()
        assert flat.overridden_inputs == ("domeflat",)
        twilight = flat_of(TwilightFlatFrame, 66)
        (flat,) = MasterFlatTask(**OMEGACAM, twilightflat=twilight).execute()
        assert flat.domeflat is flat_of(DomeFlatFrame, 66)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ({"chip": "*66"}, "its chip is ESO_CCD_#65, not .*66"),
            ({"filter": "OCAM_g*"}, r"its filter is OCAM_r_SDSS, not OCAM_g\*"),
            ({"date": "2012-01-01"}, "its night is 20.*, not 2012-01-01"),
            ({"combine": 3}, "domeflat is given, but COMBINE_TYPE 3 .twilight flat only. does not"),
        ],
    )
    def test_what_contradicts_is_refused(self, dome, arguments, told):
        with pytest.raises(AweError, match=told):
            MasterFlatTask(**OMEGACAM, domeflat=dome, **arguments).execute()

    def test_what_agrees_is_accepted(self, dome):
        date = f"{dome.night:%Y-%m-%d}"
        task = MasterFlatTask(**OMEGACAM, domeflat=dome, chip="*65", filter="OCAM_?_*", date=date)
        assert len(task.execute()) == 1


class TestOverscan:
    def test_other_methods_are_not_mixed(self, dome, capsys):
        twilight = with_overscan_5(TwilightFlatTask)
        told = "OVERSCAN_CORRECTION 5, the first frame .* has 6"
        with pytest.raises(AweValueError, match=told):
            MasterFlatTask(**OMEGACAM, domeflat=dome, twilightflat=twilight).execute()
        (flat,) = MasterFlatTask(**OMEGACAM, domeflat=dome).execute()
        assert flat.twilightflat is not twilight
        with pytest.raises(TaskError):
            MasterFlatTask(**CHIP).execute()
        assert "OVERSCAN_CORRECTION 5" in capsys.readouterr().out


class TestNumbers:
    @pytest.fixture
    def flat(self, reduced_night):
        """Give a master flat of flats whose hot pixels are known."""
        ReadNoiseTask(**CHIP, commit=True).execute()
        HotPixelsTask(**CHIP, commit=True).execute()
        for task in (DomeFlatTask, TwilightFlatTask):
            task(**CHIP, commit=True).execute()
        return MasterFlatTask(**CHIP).execute()[0]

    def test_hot_pixels_do_not_count_in_its_mean(self, flat):
        hot = HotPixelMap.select_all()[0].bad
        assert hot.sum() > 5
        assert flat.domeflat.hot is not None
        good = ~hot & (flat.domeflat.data > 0) & (flat.twilightflat.data > 0)
        assert flat.data[good].mean(dtype=float) == pytest.approx(1, abs=2e-7)
        assert abs(flat.data[good | hot].mean(dtype=float) - 1) > 5e-7

    def test_error_goes_with_the_pixels(self, flat):
        dome = flat.domeflat
        expected = dome.extra_image("ERROR") * flat.data / dome.data
        np.testing.assert_allclose(flat.extra_image("ERROR"), expected, rtol=1e-5)
        assert np.ptp(flat.data / dome.data) > 0.01
