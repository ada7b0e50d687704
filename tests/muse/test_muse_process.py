"""What is made from exposures: the golden values, what is missing or odd, task, plan and remake."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from awe.recipes.MuseIngestTask import MuseIngestTask
from awe.recipes.ProcessExposureTask import ProcessExposureTask

from awe import view
from awe.base.errors import AweLookupError, AweTypeError, AweValueError
from awe.dpu.local import LocalProcessor
from awe.fits import HeaderText, read_parts
from awe.model import Exposure, Instrument, ProcessedExposure, Target
from awe.process import Making, TaskError
from awe.process.targets import remake
from awe.process.uptodate import missing
from awe.simulate.muse import simulate_muse
from awe.store import current
from awe.store.context import Context
from awe.store.verify import verify

_MODE = "ProcessedExposure.process_params.MODE"
_2022 = {_MODE: "aomuse2022"}
# By which the AOMUSE of 2022 was measured.
_IQ = (0.536769, 0.531385, 0.526557, 0.522192, 0.518215, 0.514571, 0.511213, 0.508104, 0.505212,
       0.502513)  # fmt: skip
_IQ_NO_GAIN = (0.677585, 0.668904, 0.661099, 0.654023, 0.647563, 0.641629, 0.63615, 0.631066,
               0.626331, 0.621902)  # fmt: skip


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """Give a store with four collected exposures, one of each mode, the first the golden one."""
    folder = tmp_path_factory.mktemp("muse-process")
    simulate_muse(folder / "tree", exposures=4)
    opened = Context(folder / "store", folder / "data", "me")
    MuseIngestTask(root=str(folder / "tree"), commit=True).execute()
    yield opened
    opened.close()


@pytest.fixture
def golden(collected):
    """Give the golden exposure."""
    current.set_context(collected)
    return (Exposure.ins_mode == "WFM-AO-N").one()


@pytest.fixture
def golden_of_its_own(context, tree):
    """Give the golden exposure in a store that a test may change."""
    MuseIngestTask(root=str(tree.root), commit=True).execute()
    return (Exposure.ins_mode == "WFM-AO-N").one()


def golden_values(**changes):
    """Give what the golden exposure is made of, by hand."""
    header = {
        "ESO TEL AIRM START": 1.1, "ESO TEL AIRM END": 1.3, "ESO TEL AMBI FWHM START": 0.8,
        "ESO TEL AMBI FWHM END": 1.0, "ESO TEL AMBI TAU0": 0.004,
        "ESO OCS SGS ASM GL900 AVG": 0.7, "ESO AOS TT LOOP ST": False,
        **{f"ESO LGS{i} LASR{i} SWSIM": False for i in range(1, 5)},
    }  # fmt: skip
    atm = {}
    for i in range(1, 5):
        atm |= {f"LGS{i}_R0": [0.12 + 0.01 * i] * 5, f"LGS{i}_L0": [18.0 + i] * 5,
                f"LGS{i}_TUR_GND": [0.6 + 0.02 * i] * 5}  # fmt: skip
    line = np.linspace(0.0, 1.0, 3681)
    values = {
        "datacube_header": header,
        "raw_exposure_data": {"SPARTA_ATM_DATA": Table(atm), "SPARTA_CN2_DATA": Table({"x": [1]})},
        "pampelmuse_params": {"wavelength": 475 + 0.125 * np.arange(3681), "fwhm": 4 - line},
        "sources": {"PM_7": {"snr": [1]}, "PM_12": {"snr": [2]}},
    }  # fmt: skip
    for name, change in changes.items():
        values[name] = change(values[name]) if callable(change) else change
    return values


def processed_by_hand(pars=None, **changes):
    """Process an exposure that is made by hand, without storing either."""
    exposure = Exposure(
        instrument=Instrument.get_or_create(name="MUSE"), observation_time="2019-05-31",
        target=Target(target_name="T"), ins_mode="WFM-AO-N", **golden_values(**changes),
    )  # fmt: skip
    product = ProcessedExposure(exposure=exposure).take_from(exposure)
    return Making(product, product.names(), pars).run()


def with_header(**cards):
    """Give a change of header cards; None takes one out."""
    cards = {name.replace("_", " "): value for name, value in cards.items()}

    def change(header):
        return {k: v for k, v in {**header, **cards}.items() if v is not None}

    return change


# --- golden values ---


def test_the_golden_values_come_again(golden):
    """With the windows, the notch test and the constants of 2022, to all their digits."""
    (made,) = ProcessExposureTask(raw_filenames=[golden], pars=_2022).execute()
    assert made.exposure is golden
    assert (made.airmass, made.tau0, made.num_sources, made.ngs_flux) == (
        pytest.approx(1.2, rel=1e-14), 0.004, 2, -1.0)  # fmt: skip
    assert made.seeing == pytest.approx(0.9, rel=1e-14)
    assert made.seeing_los == pytest.approx(1.004040559556845, rel=1e-14)
    assert made.sparta_iq_los_500nm == pytest.approx(0.40663953784467133, rel=1e-14)
    assert made.sparta_iq_los_500nm_nogain == pytest.approx(0.5797256571282557, rel=1e-14)
    assert (made.ttfree, made.degraded, made.glf) == (True, False, 0.7)
    np.testing.assert_allclose(made.psf_params["wavelength"], np.arange(498, 913, 46))
    np.testing.assert_allclose(made.psf_params["fwhm_means"], np.arange(3.95, 3.0, -0.1))
    np.testing.assert_allclose(made.psf_params["beta_means"], np.arange(2.485, 2.2, -0.03))
    np.testing.assert_allclose(made.psf_params["e_means"], 0.05)
    np.testing.assert_allclose(made.psf_params["theta_means"], 0.1)
    table = made.sparta_iq_data
    np.testing.assert_allclose(table["wavelength_means"], made.psf_params["wavelength"])
    np.testing.assert_allclose(table["sparta_iq_l"], _IQ, atol=6e-7)
    np.testing.assert_allclose(table["sparta_iq_l_nogain"], _IQ_NO_GAIN, atol=6e-7)
    tables = {"sgs_data": "SGS_DATA", "ag_data": "AG_DATA", "sparta_cn2": "SPARTA_CN2_DATA",
              "sparta_atm": "SPARTA_ATM_DATA"}  # fmt: skip
    for name, key in tables.items():
        kept, given = getattr(made, name), golden.raw_exposure_data[key]
        assert kept.colnames == given.colnames
        assert all((kept[c] == given[c]).all() for c in given.colnames)


def test_the_corrected_values(golden):
    """No window overlaps the notch, the coefficient is that of seeing, F has its 1."""
    (made,) = ProcessExposureTask(raw_filenames=golden.raw_exposure_filename).execute()
    # Written out once more: r0 and L0 of the golden exposure are 0.145 m and 20.5 m.
    kolb = 1 / (1 + 300 * 8 / 20.5) - 1
    seeing = np.degrees(0.976 * 500e-9 / 0.145) * 3600
    without = seeing * np.sqrt(1 + 2.183 * kolb * (0.145 / 20.5) ** 0.356)
    gain = 1.09 + 0.42 * 0.7 - 1.98 * 0.49 + 2.95 * 0.343
    assert made.sparta_iq_los_500nm_nogain == pytest.approx(without, rel=1e-13)
    assert made.sparta_iq_los_500nm == pytest.approx(without / gain, rel=1e-13)
    waves = [498, 544, 636, 682, 728, 774, 820, 866, 912]
    np.testing.assert_allclose(made.psf_params["wavelength"], waves)
    np.testing.assert_allclose(
        made.sparta_iq_data["sparta_iq_l"],
        np.sqrt((without / gain * (500 / np.array(waves)) ** 0.2) ** 2 + 0.3**2),
    )
    assert made.ngs_flux is None
    assert made.seeing_los == pytest.approx(1.004040559556845)
    assert made.steps_not_done == ()
    assert made.sparta_iq_data["sparta_iq_l"].unit == "arcsec"


@pytest.mark.parametrize("pars", [None, _2022])
def test_the_values_by_hand_are_those_of_the_files(golden, pars):
    """Dicts and lists that a user assigns do as well as what is collected."""
    (made,) = ProcessExposureTask(raw_filenames=[golden], pars=pars).execute()
    by_hand = processed_by_hand(pars)
    for name in ("sparta_iq_los_500nm", "sparta_iq_los_500nm_nogain", "seeing_los", "num_sources",
                 "degraded"):  # fmt: skip
        assert getattr(by_hand, name) == pytest.approx(getattr(made, name))
    np.testing.assert_allclose(by_hand.psf_params["fwhm_means"], made.psf_params["fwhm_means"])


# --- what is missing or odd ---


@pytest.mark.parametrize(("cards", "expected"), [
    ({}, False),
    ({"ESO_LGS3_LASR3_SWSIM": True}, True),
    ({"ESO_LGS3_LASR3_SWSIM": None}, None),
    ({"ESO_LGS3_LASR3_SWSIM": None, "ESO_LGS1_LASR1_SWSIM": True}, True),
])  # fmt: skip
@pytest.mark.parametrize("pars", [None, _2022])
def test_degraded_is_true_false_or_unknown(collected, cards, expected, pars):
    """A laser that the header does not tell of is not one that failed."""
    current.set_context(collected)
    assert processed_by_hand(pars, datacube_header=with_header(**cards)).degraded is expected


def spoil(column, values):
    """Give a change of a column of SPARTA_ATM_DATA."""

    def change(data):
        table = Table(data["SPARTA_ATM_DATA"], copy=True)
        table[column] = values
        return {**data, "SPARTA_ATM_DATA": table}

    return change


def test_a_laser_that_does_not_work_is_left_out(collected):
    """Three lasers do, and the exposure is degraded; of two the row does not count."""
    current.set_context(collected)
    made = processed_by_hand(raw_exposure_data=spoil("LGS4_L0", [99.0] * 5))
    assert made.degraded is True
    kolb = 1 / (1 + 300 * 8 / 20.0) - 1
    expected = np.degrees(0.976 * 500e-9 / 0.14) * 3600 * np.sqrt(
        1 + 2.183 * kolb * (0.14 / 20.0) ** 0.356)  # fmt: skip
    assert made.sparta_iq_los_500nm_nogain == pytest.approx(expected)
    twice = processed_by_hand(raw_exposure_data=lambda data: spoil("LGS1_R0", [np.nan] * 5)(
        spoil("LGS4_TUR_GND", [0.0] * 5)(data)))  # fmt: skip
    assert twice.sparta_iq_los_500nm is None
    assert twice.steps_not_done == ("sparta_iq: no row of SPARTA_ATM_DATA has enough good lasers",)
    single = processed_by_hand(raw_exposure_data=spoil("LGS4_L0", [22.0] * 4 + [99.0]))
    assert single.degraded is False


def test_a_closed_loop_has_no_image_quality(collected):
    """And in the way of 2022 no tables either."""
    current.set_context(collected)
    closed = with_header(ESO_AOS_TT_LOOP_ST=True)
    made = processed_by_hand(datacube_header=closed)
    assert made.ttfree is False
    assert (
        made.sparta_iq_los_500nm is made.sparta_iq_los_500nm_nogain is made.sparta_iq_data is None
    )
    assert len(made.psf_params) == 9
    assert made.steps_not_done == ("sparta_iq: the tip-tilt loop was closed",)
    as_2022 = processed_by_hand(_2022, datacube_header=closed)
    assert as_2022.sparta_atm is as_2022.sparta_cn2 is as_2022.psf_params is None
    unknown = processed_by_hand(datacube_header=with_header(ESO_AOS_TT_LOOP_ST=None))
    assert unknown.ttfree is None
    assert "is not known" in unknown.steps_not_done[0]


@pytest.mark.parametrize(("changes", "words"), [
    ({"pampelmuse_params": None}, "psf_params: there are no PSF parameters"),
    ({"pampelmuse_params": {"fwhm": [1, 2]}}, "psf_params: there is no wavelength"),
    ({"pampelmuse_params": {"wavelength": [500.0]}}, "psf_params: Windows need two samples"),
    ({"pampelmuse_params": {"wavelength": np.arange(500.0, 520.0), "e": [1]}},
     "psf_params: e is not as long as wavelength"),
    ({"raw_exposure_data": None}, "sparta_iq: there is no usable SPARTA_ATM_DATA"),
    ({"raw_exposure_data": {"SPARTA_ATM_DATA": Table({"LGS1_R0": [0.1]})}},
     "sparta_iq: there is no usable SPARTA_ATM_DATA"),
    ({"raw_exposure_data": spoil("LGS2_L0", ["a"] * 5)},
     "sparta_iq: there is no usable SPARTA_ATM_DATA"),
    ({"datacube_header": with_header(ESO_OCS_SGS_ASM_GL900_AVG=None)},
     "sparta_iq with gain: the ground-layer fraction is not known"),
])  # fmt: skip
@pytest.mark.parametrize("pars", [None, _2022])
def test_what_is_missing_leaves_the_rest(collected, changes, words, pars):
    """Each affects only itself, and is told."""
    current.set_context(collected)
    made = processed_by_hand(pars, **changes)
    told = "; ".join(made.steps_not_done)
    if pars and "Windows" in words:
        words = "psf_params: AOMUSE of 2022 needs 10 wavelengths, not 1"
    assert words in told
    assert made.airmass == pytest.approx(1.2)
    if "gain" in words:
        assert made.sparta_iq_los_500nm is None
        assert made.sparta_iq_los_500nm_nogain > 0.5
        assert made.sparta_iq_data.colnames == ["wavelength_means", "sparta_iq_l_nogain"]


@pytest.mark.parametrize("pars", [None, _2022])
@pytest.mark.parametrize(("cards", "name", "words"), [
    ({"ESO_TEL_AIRM_START": -5.0}, "seeing_los", "seeing_los: An airmass is above 0, not -1.85"),
    ({"ESO_OCS_SGS_ASM_GL900_AVG": -0.1}, "sparta_iq_los_500nm",
     "sparta_iq with gain: The ground-layer fraction is between 0 and 1, not -0.1"),
])  # fmt: skip
def test_numbers_that_cannot_be_leave_the_rest(collected, cards, name, words, pars):
    """No complex or negative width comes of them."""
    current.set_context(collected)
    made = processed_by_hand(pars, datacube_header=with_header(**cards))
    assert getattr(made, name) is None
    assert made.sparta_iq_los_500nm_nogain > 0.5
    assert any(step.startswith(words) for step in made.steps_not_done)


def test_a_text_is_no_flag(collected):
    """'F' would count as true."""
    current.set_context(collected)
    cards = with_header(ESO_AOS_TT_LOOP_ST="F", ESO_LGS2_LASR2_SWSIM="F")
    made = processed_by_hand(datacube_header=cards)
    assert made.ttfree is made.degraded is None


def test_samples_that_are_no_numbers_do_not_count(collected):
    """A window has the mean of the rest, or NaN where nothing is left."""
    current.set_context(collected)

    def spoilt(psf):
        fwhm = np.array(psf["fwhm"])
        fwhm[100], fwhm[369:737] = np.nan, np.inf
        return {**psf, "fwhm": fwhm}

    means = processed_by_hand(pampelmuse_params=spoilt).psf_params["fwhm_means"]
    assert means[0] == pytest.approx(3.95, abs=1e-3)
    assert means[1] == pytest.approx(3.9)  # the sample at its edge alone
    assert np.isfinite(means).all()


def test_numbers_that_a_user_set_take_the_place_of_cards(collected):
    """But a card goes before them."""
    current.set_context(collected)
    values = golden_values(datacube_header=with_header(ESO_TEL_AMBI_TAU0=None))
    exposure = Exposure(instrument=Instrument.get_or_create(name="MUSE"), tau0=0.007, seeing=3.0,
                        observation_time="2019-05-31", ins_mode="x", **values)  # fmt: skip
    product = ProcessedExposure(exposure=exposure).take_from(exposure)
    made = Making(product, product.names()).run()
    assert (made.tau0, made.seeing) == (0.007, pytest.approx(0.9))


def test_of_nothing_nothing_is_made(collected):
    """One such exposure fails, the others go on, and the reason is told."""
    current.set_context(collected)
    bare = Exposure(instrument=Instrument.get(name="MUSE"), observation_time="2001-01-01",
                    ins_mode="WFM-AO-N", raw_exposure_filename="bare").commit()  # fmt: skip
    odd = Exposure(instrument=Instrument.get(name="MUSE"), observation_time="2001-01-02",
                   ins_mode="WFM-AO-N", raw_exposure_filename="odd",
                   raw_exposure_data={"SGS_DATA": {"a": [1, 2], "b": [1]}}).commit()  # fmt: skip
    task = ProcessExposureTask(ins_mode="WFM-AO-N")
    assert len(task.execute()) == 1
    assert [f.cause for f in task.failures] == [
        "neither header nor tables nor PSF parameters", "SGS_DATA is no table"
    ]  # fmt: skip
    collected.delete([bare, odd])


def test_a_real_header(collected, shared_data):
    """Of 2017: without the keywords that came later."""
    current.set_context(collected)
    path = shared_data / "muse" / "MUSE.2017-06-16T01_34_56.867_header.fits"
    header = HeaderText(next(iter(read_parts(path)))[1])
    made = processed_by_hand(datacube_header=header)
    true = fits.getheader(path)
    seeing = (true["ESO TEL AMBI FWHM START"] + true["ESO TEL AMBI FWHM END"]) / 2
    airmass = (true["ESO TEL AIRM START"] + true["ESO TEL AIRM END"]) / 2
    assert made.seeing == pytest.approx(seeing)
    assert made.seeing_los == pytest.approx(seeing * airmass**0.6)
    assert made.tau0 == true["ESO TEL AMBI TAU0"]
    assert made.degraded is False
    assert made.glf is made.ngs_flux is None


# --- task ---


def test_each_exposure_gets_its_own(golden_of_its_own, context):
    """All modes; the newest valid one is processed_exposure; what is there is left out."""
    golden = golden_of_its_own
    assert len(missing(ProcessedExposure, Exposure.select_all())) == 4
    made = ProcessExposureTask(commit=True).execute()
    assert [p.exposure for p in made] == list(Exposure.select_all().order_by("observation_time"))
    by_mode = {p.ins_mode: p for p in made}
    assert by_mode["NFM-AO-N"].ngs_flux == 120.5
    assert by_mode["WFM-NOAO-N"].ttfree is by_mode["WFM-NOAO-N"].degraded is None
    assert by_mode["WFM-NOAO-N"].sparta_atm is None
    assert [p.is_uptodate() for p in made] == [True] * 4
    with pytest.raises(TaskError, match="4 left out: has an up-to-date ProcessedExposure"):
        ProcessExposureTask(missing=True).execute()
    (again,) = ProcessExposureTask(
        object="NGC*", ins_mode="WFM*", commit=True, pars=_2022
    ).execute()
    assert golden.processed_exposure is again
    assert golden.processed_exposures == (by_mode["WFM-AO-N"], again)
    assert len(golden.target.processed_exposures) == 3
    context.update_is_valid(again, 0, "a test")
    assert golden.processed_exposure is by_mode["WFM-AO-N"]
    good = (ProcessedExposure.ins_mode == "WFM-AO-N") & (ProcessedExposure.seeing < 0.95)
    assert len(good & (ProcessedExposure.exposure.target.target_name == "NGC 6266")) == 2
    (night,) = {p.ins_mode for p in ProcessExposureTask(date="2019-05-31", object="IC*",
                ins_mode="WFM-AO-E").execute()}  # fmt: skip
    assert night == "WFM-AO-E"
    assert len(ProcessExposureTask(date="2019-05-30").plan()) == 2
    assert verify(context) == []


def test_it_is_out_of_date_when_the_exposure_is_corrected(golden_of_its_own):
    """Of what it is made of; a remark on the sky changes nothing."""
    golden = golden_of_its_own
    (made,) = ProcessExposureTask(raw_filenames=[golden], commit=True).execute()
    golden.sky_comment_end = "cirrus"
    golden.commit()
    assert made.is_uptodate()
    before = golden.content_key
    golden.edit("datacube_header")["ESO TEL AMBI TAU0"] = 0.005
    golden.commit()
    assert golden.content_key != before
    assert made.why_outdated() == ["what is known of its exposure was corrected since"]
    assert golden in missing(ProcessedExposure, Exposure.select_all())
    new = remake(made, commit=True)
    assert list(ProcessedExposure.targets([golden])) == [new]
    assert (new.tau0, made.tau0) == (0.005, 0.004)
    assert new.is_uptodate()
    table = golden.raw_exposure_data["SPARTA_ATM_DATA"]
    table["LGS1_R0"][:] = 0.2
    golden.edit("raw_exposure_data")["SPARTA_ATM_DATA"] = table
    golden.commit()
    assert not new.is_uptodate()
    lines = str(new.lineage())
    assert "exposure: <Exposure" in lines
    assert "raw: <ExternalFile" in lines


def test_wrong_arguments_say_what_there_is(golden):
    """Before any work."""
    with pytest.raises(
        TaskError, match=r"(?s)no Exposure of MUSE with object NGX.*targets IC 4406"
    ):
        ProcessExposureTask(object="NGX").execute()
    with pytest.raises(AweLookupError, match="nothing of an instrument 'MUSEX'"):
        ProcessExposureTask(instrument="MUSEX").execute()
    with pytest.raises(AweLookupError, match="1 of 1 raw_filenames are of no exposure of MUSE"):
        ProcessExposureTask(raw_filenames="MUSE.2019").execute()
    with pytest.raises(AweTypeError, match="no argument 'chip'"):
        ProcessExposureTask(chip="A")
    with pytest.raises(AweValueError, match="one of awe, aomuse2022"):
        ProcessExposureTask(pars={_MODE: "aomuse2020"})


def test_on_the_local_processor(golden_of_its_own, capsys):
    """`lpu.run('ProcessExposure')`: the same products."""
    LocalProcessor().run("ProcessExposure", ins_mode="WFM*", commit=True, pars=_2022)
    assert len(ProcessedExposure.select_all()) == 3
    made = golden_of_its_own.processed_exposure
    assert made.sparta_iq_los_500nm == pytest.approx(0.40663953784467133)


# --- look ---


def test_an_exposure_is_looked_at(golden, tmp_path):
    """Header, seeing and Strehl ratios, PSF parameters; without a screen, as a picture."""
    view.enter()
    picture = golden.inspect(save=tmp_path / "x.png")
    assert picture.stat().st_size > 20_000
    (made,) = ProcessExposureTask(raw_filenames=[golden]).execute()
    figure = made.figure()
    axes = {a.get_ylabel(): a for a in figure.get_axes()}
    assert set(axes) == {"seeing [arcsec]", "Strehl ratio", "FWHM [spaxel]", "beta", "ellipticity",
                         "theta [rad]"}  # fmt: skip
    lasers = [line for line in axes["Strehl ratio"].lines if line.get_label().startswith("laser")]
    assert len(lasers) == 4
    strehl = golden.raw_exposure_data["SPARTA_ATM_DATA"]["LGS2_STREHL"]
    np.testing.assert_allclose(lasers[1].get_ydata(), strehl)
    fit, windows = axes["FWHM [spaxel]"].lines[:2]
    np.testing.assert_allclose(fit.get_ydata(), golden.pampelmuse_params["fwhm"])
    np.testing.assert_allclose(windows.get_ydata(), made.psf_params["fwhm_means"])
    words = "\n".join(t.get_text() for part in figure.subfigs for t in part.texts)
    assert "IQ 500 nm" in words
    assert golden.raw_exposure_filename in words


def test_an_exposure_with_nearly_nothing_is_looked_at(collected, tmp_path):
    """What is missing is said in its place; without anything there is nothing to show."""
    current.set_context(collected)
    view.enter()
    muse = Instrument.get(name="MUSE")
    bare = Exposure(instrument=muse, observation_time="2001-01-01", pampelmuse_params={
        "wavelength": [1, 2, 3], "fwhm": [1, 2], "e": ["a", "b", "c"]})  # fmt: skip
    figure = bare.figure()
    words = " ".join(t.get_text() for a in figure.get_axes() for t in a.texts)
    for each in ("no seeing", "no SPARTA_ATM_DATA", "fwhm is not as long", "e is not as long"):
        assert each in words
    bare.inspect(save=tmp_path / "bare.pdf")
    without = Exposure(instrument=muse, observation_time="2001-01-02")
    with pytest.raises(AweValueError, match="no frames to show"):
        without.inspect(save=tmp_path / "x.png")
