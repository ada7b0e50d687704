"""Ingest of real frames of several cameras, of the simulated mosaic, and of headers alone."""

import datetime

import numpy as np
import pytest
from astropy.io import fits
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from recipe_lab import ingest

from awe.fits import read_image
from awe.model import (
    Chip,
    Exposure,
    Instrument,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawFits,
    RawFrame,
    RawScienceFrame,
    RawTwilightFlatFrame,
    Readout,
    Target,
)
from awe.simulate import simulate_night
from awe.store.verify import verify


class TestOmegacam:
    @pytest.mark.heavy
    def test_night_of_the_tutorial(self, context, tmp_path):
        ingest(simulate_night(tmp_path / "night", biases=3, domes=2, twilights=2).folder)
        query = (
            (RawScienceFrame.instrument.name == "OMEGACAM")
            & (RawScienceFrame.template.start == datetime.datetime(2012, 6, 1, 8, 51, 44))
            & (RawScienceFrame.is_valid > 0)
        )
        assert len(query) == 160
        query = query & (RawScienceFrame.chip.name == "ESO_CCD_#65")
        assert len(query) == 5
        raw = query.max("DATE_OBS")
        assert raw.filter.name == "OCAM_r_SDSS"
        assert raw.OBJECT == "KIDS_341.2_-32.1"
        assert raw.EXPTIME == 360.0
        assert raw.imstat.max > raw.imstat.median > 0
        assert raw.filename == f"OMEGACAM.{raw.DATE_OBS.isoformat(timespec='milliseconds')}_1.fits"
        assert raw.night == datetime.datetime(2012, 5, 31)
        assert [len(c.select_all()) for c in (Exposure, Target, Chip, RawFits)] == [12, 1, 32, 12]
        assert len(raw.exposure.frames) == 32
        assert raw.exposure.target.target_name == "KIDS_341.2_-32.1"
        assert len(raw.exposure.target.exposures) == 5
        assert all(f.exposure.target is None for f in RawBiasFrame.select_all()[:3])
        assert raw.exposure.observation_time == raw.DATE_OBS
        assert len(raw.raw_fits.frames) == 32

    def test_pixels_are_those_of_the_extension(self, context, night):
        (first, second) = ingest(night.science[0]).products
        for n, frame in enumerate((first, second), start=1):
            expected = read_image(night.science[0], n)
            assert np.array_equal(frame.data, expected)
            assert frame.data.dtype == np.uint16
            assert expected.shape == (frame.NAXIS2, frame.NAXIS1)
            assert frame.extension == n
            assert frame.header["EXTNAME"] == frame.chip.name
            with fits.open(frame.path(), checksum=True) as hdus:
                assert np.array_equal(hdus[1].data, expected)
                assert hdus[0].header["INSTRUME"] == "OMEGACAM"
            assert frame.path().stat().st_mode & 0o222 == 0
        headers = first.raw_fits.headers
        assert sorted(headers) == ["0", "1", "2"]
        assert "HIERARCH ESO TPL START" in headers["0"]
        assert "ESO_CCD_#66" in headers["2"]

    def test_statistics_are_those_of_the_light_and_of_each_scan(self, context, night):
        (frame, _) = ingest(night.biases[0]).products
        (amplifier,) = frame.amplifiers
        y0, y1, x0, x1 = amplifier.data
        light = frame.data[y0:y1, x0:x1]
        assert frame.imstat.median == np.median(light)
        assert frame.imstat.max == light.max()
        assert frame.imstat.maxx == np.unravel_index(light.argmax(), light.shape)[1]
        y0, y1, x0, x1 = amplifier.prescan_x
        scan = frame.data[y0:y1, x0:x1].astype(float)
        assert frame.prescan_x_stat.median == np.median(scan)
        assert frame.prescan_x_stat.npix <= scan.size
        assert frame.overscan_y_stat.median == pytest.approx(frame.overscan_x_stat.median, abs=3)
        assert frame.prescan_y_stat is None

    def test_biases_have_neither_filter_nor_lamp(self, context, night):
        ingest(night.biases[0], night.domes[0])
        assert len(RawBiasFrame.filter == None) == 2  # noqa: E711
        assert len(RawDomeFlatFrame.filter.name == "OCAM_r_SDSS") == 2


class TestNickel:
    def test_kinds_and_chip(self, nickel):
        counts = {
            c: len(c.select_all()) for c in (RawBiasFrame, RawTwilightFlatFrame, RawScienceFrame)
        }
        assert list(counts.values()) == [10, 3, 6]
        raw = (RawScienceFrame.OBJECT == "UGC_9837")[0]
        assert raw.chip.name == "NICKEL_1"
        assert raw.filter.name == "V"
        assert raw.EXPTIME == 600.0
        assert raw.night == datetime.datetime(2024, 5, 12)
        assert datetime.datetime(2024, 5, 13, 6, 25, 35, 950000) == raw.DATE_OBS
        assert (raw.OVSCX, raw.PRSCX) == (32, 0)
        assert raw.imstat.npix <= 1024 * 1024
        assert raw.overscan_x_stat.median == pytest.approx(996, abs=12)
        assert raw.data.shape == (1024, 1056)
        assert raw.readout.binning_x == 2


class TestKast:
    def test_packed_files_and_two_amplifiers(self, context, shared_data, capsys):
        task = ingest(shared_data / "kast_blue_2015" / "raw")
        assert task.exit_status == 0
        kinds = {}
        for frame in task.products:
            kinds.setdefault((type(frame).__name__, frame.kind), []).append(frame)
        assert {k: len(v) for k, v in kinds.items()} == {
            ("RawBiasFrame", "bias"): 3,
            ("RawFrame", "arc"): 1,
            ("RawFrame", "slit flat"): 3,
            ("RawFrame", "spectrum"): 2,
        }
        told = capsys.readouterr().out
        assert "3  RawFrame               slit flat    KAST" in told
        bias = kinds["RawBiasFrame", "bias"][0]
        assert [tuple(a.data) for a in bias.amplifiers] == [
            (0, 350, 0, 1024), (0, 350, 1024, 2048),
        ]  # fmt: skip
        assert [tuple(a.overscan_x) for a in bias.amplifiers] == [
            (0, 350, 2048, 2080), (0, 350, 2080, 2112),
        ]  # fmt: skip
        assert bias.data.shape == (350, 2112)
        assert bias.path().suffix == ".fits"

    @pytest.mark.heavy
    def test_bias_of_two_amplifiers_is_flat(self, context, shared_data):
        ingest(shared_data / "kast_blue_2015" / "raw")
        noise, bias = BiasTask(instrument="KAST", commit=True, folder=None).execute()
        assert bias.data.shape == (350, 2048)
        left, right = np.median(bias.data[:, :1024]), np.median(bias.data[:, 1024:])
        # The amplifiers lie at 943 and 965 ADU; each has its own overscan taken off.
        assert abs(left) < 3
        assert abs(right) < 3
        assert noise.read_noise == pytest.approx(2.8, abs=0.4)

    @pytest.mark.heavy
    def test_slit_flats_serve_as_dome_flats_where_the_user_says_so(self, context, shared_data):
        raw = shared_data / "kast_blue_2015" / "raw"
        ingest(*raw.glob("b2[123].fits.gz"))
        ingest(*raw.glob("b1[123].fits.gz"), purpose="dome")
        common = {"instrument": "KAST", "commit": True, "folder": None}
        BiasTask(**common).execute()
        (flat,) = DomeFlatTask(**common).execute()
        good = flat.data[flat.data > 0]
        assert good.mean(dtype=float) == pytest.approx(1, abs=1e-6)
        assert flat.data.shape == (350, 2048)
        assert flat.lamp is flat.raw_domeflat_frames[0].lamp
        # No step where the amplifiers join: each had its own overscan and bias.
        middle = flat.data[100:250]
        left, right = np.median(middle[:, 1014:1024]), np.median(middle[:, 1024:1034])
        assert left == pytest.approx(right, rel=0.03)


class TestLsst:
    @pytest.mark.parametrize("vendor", ["e2v", pytest.param("itl", marks=pytest.mark.heavy)])
    def test_sixteen_amplifiers_are_assembled(self, context, shared_data, vendor):
        folder = shared_data / "lsst_16amp_mef"
        (frame,) = ingest(folder / f"{vendor}_spot.fits.gz").products
        assert len(frame.amplifiers) == 16
        expected = fits.getdata(folder / f"{vendor}_expected_assembled.fits.gz")
        assert np.array_equal(frame.data, expected)
        assert frame.imstat.max == expected.max()
        with fits.open(frame.path()) as hdus:
            assert sum(h.data is not None for h in hdus) == 16

    @pytest.mark.heavy
    def test_real_headers(self, context, shared_data):
        files = sorted((shared_data / "lsst_16amp_mef").glob("[23]0*.fits"))
        task = ingest(*files)
        assert {r.state for r in task.reports} == {"stored"}
        assert len(task.products) == len(files)
        assert len({f.chip for f in task.products}) == len({f.chip.name for f in task.products})


class TestEso:
    @pytest.mark.heavy
    def test_spectra_cubes_and_two_windows(self, context, shared_data):
        folders = [shared_data / "efosc2_header_samples", shared_data / "eso_misc_headers"]
        task = ingest(*folders)
        assert task.exit_status == 0
        by_instrument = {}
        for frame in task.products:
            by_instrument.setdefault(frame.instrument.name, []).append(frame)
        assert {k: len(v) for k, v in by_instrument.items()} == {
            "EFOSC": 3, "ISAAC": 1, "VIMOS": 2, "VISIR": 1,
        }  # fmt: skip
        (cube,) = by_instrument["VISIR"]
        assert (type(cube), cube.kind) == (RawFrame, "acquisition")
        assert cube.data.shape == (17, 256, 256)
        whole = fits.getdata(shared_data / "eso_misc_headers" / cube.raw_fits.filename)
        assert np.array_equal(cube.data, whole)
        assert cube.imstat.max == whole.max()
        assert {f.chip.name for f in by_instrument["VIMOS"]} == {"CCD-59", "CCD-60"}
        assert {type(f) for f in by_instrument["EFOSC"]} == {RawFrame}
        for frame in task.products:
            assert frame.template is not None
            assert frame.data.size > 0
        assert verify(context) == []


def eso_file(path, number, kind, image, **cards):
    """Write a frame of an ESO camera of which there is no sample."""
    catg, dpr = {
        "bias": ("CALIB", "BIAS"), "dark": ("CALIB", "DARK"), "dome": ("CALIB", "FLAT,DOME"),
        "twilight": ("CALIB", "FLAT,SKY"), "science": ("SCIENCE", "OBJECT"),
        "focus": ("TECHNICAL", "FOCUS"),
    }[kind]  # fmt: skip
    when = datetime.datetime(2015, 1, 2, 3, 4, 5) + number * datetime.timedelta(minutes=1)
    header = fits.Header()
    header["TELESCOP"], header["INSTRUME"] = "ESO-VLT-U1", cards.pop("INSTRUME", "FORS2")
    header["DATE-OBS"], header["OBJECT"] = when.isoformat(), cards.pop("OBJECT", "NGC 1365")
    header["EXPTIME"] = cards.pop("EXPTIME", 0.0 if kind == "bias" else 30.0)
    values = {
        "DPR CATG": catg, "DPR TYPE": dpr, "DPR TECH": "IMAGE", "TPL ID": "FORS2_img_obs",
        "TPL START": "2015-01-02T03:00:00", "INS FILT1 NAME": "R_SPECIAL", "DET CHIP1 ID": "CCD-20",
        "DET OUT1 NX": 200, "DET OUT1 NY": 120, "DET OUT1 CONAD": 0.8, "DET OUT1 RON": 2.9,
        "TEL GEOLON": -70.4051, "TEL GEOLAT": -24.6276,
        **{k.replace("_", " "): v for k, v in cards.items()},
    }  # fmt: skip
    for key, value in values.items():
        header[f"HIERARCH ESO {key}"] = value
    fits.writeto(path, image.astype(np.uint16), header)
    return path


def readout_of(kind, rng, *, prescan=8, overscan=12):
    """Give the pixels of 120 x 200 lit ones between prescan and overscan columns."""
    image = rng.normal(200, 3, (120, prescan + 200 + overscan))
    light = {"bias": 0, "science": 150, "dome": 20000, "twilight": 15000}[kind]
    lit = image[:, prescan : prescan + 200]
    lit += rng.normal(light, np.sqrt(light / 0.8), lit.shape)
    return image.round()


class TestUnknownEsoCamera:
    """Cameras that keep to the ESO dictionary go in without code of their own."""

    def test_kinds_chips_and_filters(self, context, work):
        rng = np.random.default_rng(1)
        right = {"DET_OUT1_PRSCX": 8, "DET_OUT1_OVSCX": 12}
        for n, kind in enumerate(("bias", "dome", "twilight", "science")):
            eso_file(work / f"{n}.fits", n, kind, readout_of(kind, rng), **right)
        short = readout_of("bias", rng)
        eso_file(work / "4.fits", 4, "dark", short, EXPTIME=0.0, **right)
        eso_file(work / "5.fits", 5, "focus", short, **right)
        eso_file(work / "6.fits", 6, "science", short, INSTRUME="NEWCAM", **right)
        task = ingest(work)
        kinds = [(type(f).__name__, f.kind, f.instrument.name) for f in task.products]
        assert kinds == [
            ("RawBiasFrame", "bias", "FORS2"), ("RawDomeFlatFrame", "dome", "FORS2"),
            ("RawTwilightFlatFrame", "twilight", "FORS2"),
            ("RawScienceFrame", "science", "FORS2"), ("RawBiasFrame", "bias", "FORS2"),
            ("RawFrame", "focus", "FORS2"), ("RawScienceFrame", "science", "NEWCAM"),
        ]  # fmt: skip
        science = task.products[3]
        assert science.filter.name == "R_SPECIAL"
        assert science.template.start == datetime.datetime(2015, 1, 2, 3)
        assert tuple(science.amplifiers[0].data) == (0, 120, 8, 208)
        assert science.amplifiers[0].gain == 0.8
        assert len(Readout.select_all()) == 2
        assert Instrument.get(name="FORS2").longitude == pytest.approx(-70.4051)


class TestLitFrames:
    """Where the header contradicts the light, the flats of a batch decide."""

    wrong = {"DET_OUT1_PRSCX": 0, "DET_OUT1_OVSCX": 0, "DET_OUT1_NX": 220}
    right = {"DET_OUT1_PRSCX": 8, "DET_OUT1_OVSCX": 12}

    def files(self, work, kinds, cards, start=0):
        """Write frames of some kinds."""
        rng = np.random.default_rng(start)
        return [
            eso_file(work / f"{start + n}.fits", start + n, k, readout_of(k, rng), **cards)
            for n, k in enumerate(kinds)
        ]

    def test_biases_and_flats_in_one_batch(self, context, work):
        self.files(work, ["bias", "bias", "dome", "dome", "science"], self.wrong)
        task = ingest(work)
        (readout,) = Readout.select_all()
        assert readout.source == "lit frames"
        (amplifier,) = readout.amplifiers
        assert tuple(amplifier.data) == (0, 120, 8, 208)
        assert tuple(amplifier.prescan_x) == (0, 120, 0, 7)
        assert tuple(amplifier.overscan_x) == (0, 120, 209, 220)
        assert amplifier.gain == 0.8
        for frame in task.products:
            assert frame.readout is readout
            assert frame.imstat.npix <= 120 * 200
            assert "contradict the header's pre- and overscan" in frame.comments[0]
        assert "2.fits, 3.fits" in frame.comments[0]

    def test_biases_of_before_are_corrected_with_history(self, context, work):
        ingest(*self.files(work, ["bias", "bias"], self.wrong))
        (readout,) = Readout.select_all()
        assert readout.source == "header"
        (flat,) = self.files(work, ["dome"], self.wrong, start=5)
        ingest(flat)
        assert list(Readout.select_all()) == [readout]
        assert readout.source == "lit frames"
        assert tuple(readout.amplifiers[0].data) == (0, 120, 8, 208)
        changes = {c.attribute: c for c in readout.history()}
        assert set(changes) == {"amplifiers", "source"}
        assert changes["source"].old == "header"
        assert "the lit frames (5.fits) contradict the header" in changes["source"].why
        bias = RawBiasFrame.select_all()[0]
        assert tuple(bias.amplifiers[0].data) == (0, 120, 8, 208)
        (more,) = self.files(work, ["science"], self.wrong, start=8)
        ingest(more)
        assert list(Readout.select_all()) == [readout]
        assert not readout.is_edited

    def test_dry_run_corrects_nothing(self, context, work):
        ingest(*self.files(work, ["bias"], self.wrong))
        (readout,) = Readout.select_all()
        (flat,) = self.files(work, ["dome"], self.wrong, start=5)
        task = ingest(flat, commit=False)
        assert "contradict" in task.reports[0].notes[0]
        assert not readout.is_edited
        context.commit()
        assert readout.source == "header"

    def test_one_wrong_header_among_right_ones(self, context, work):
        self.files(work, ["dome", "dome"], self.right)
        self.files(work, ["science"], self.wrong, start=5)
        task = ingest(work)
        (readout,) = Readout.select_all()
        assert readout.source == "header"
        assert tuple(readout.amplifiers[0].overscan_x) == (0, 120, 208, 220)
        assert [len(f.comments) for f in task.products] == [0, 0, 1]

    def test_right_geometry_of_before_is_kept(self, context, work):
        ingest(*self.files(work, ["bias"], self.right))
        ingest(*self.files(work, ["dome", "dome"], self.wrong, start=5))
        (readout,) = Readout.select_all()
        assert readout.source == "header"
        assert tuple(readout.amplifiers[0].overscan_x) == (0, 120, 208, 220)

    def test_other_header_without_flats_is_another_mode_and_told(self, context, work):
        ingest(*self.files(work, ["bias"], self.right))
        task = ingest(*self.files(work, ["bias"], self.wrong, start=5))
        assert "other pre- and overscan than frames before" in task.reports[0].notes[0]
        assert len(Readout.select_all()) == 2

    def test_simulated_frame_without_overscan_cards(self, context, night, work):
        from awe.simulate.broken import break_file

        ingest(*night.biases)
        broken = break_file("no_overscan", night.domes[0], work / "flat.fits")
        frames = ingest(broken).products
        assert {f.readout for f in frames} == {f.readout for f in RawBiasFrame.select_all()}
        assert {f.readout.source for f in frames} == {"header"}
        alone = break_file("no_overscan", night.domes[1], work / "other.fits")
        context.create_project("EMPTY")
        assert "contradict" in " ".join(ingest(alone, commit=False).reports[0].notes)
