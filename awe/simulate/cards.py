"""Headers of raw files, by the keyword dictionaries of ESO."""

import datetime
import math

from awe.simulate import sphere
from awe.simulate.exposures import SKY_KINDS
from awe.simulate.layout import PIXEL_SCALE

__all__ = ["extension_header", "filter_key", "primary_header"]

# Category, type, technique, template, name of the template.
_DPR = {
    "bias": ("CALIB", "BIAS", "IMAGE", "OMEGACAM_img_cal_bias", "Bias frames"),
    "dome": ("CALIB", "FLAT,DOME", "IMAGE", "OMEGACAM_img_cal_dome", "Dome flats"),
    "twilight": ("CALIB", "FLAT,SKY", "IMAGE", "OMEGACAM_img_cal_twlight", "Twilight flats"),
    "science": ("SCIENCE", "OBJECT", "IMAGE,DITHER", "OMEGACAM_img_obs_dither", "Dithered imaging"),
    "standard": ("CALIB", "STD,ZEROPOINT", "IMAGE", "OMEGACAM_img_cal_zp", "Zero point"),
    "dark": ("CALIB", "DARK", "IMAGE", "OMEGACAM_img_cal_dark", "Dark frames"),
    "gain": ("CALIB", "FLAT,DOME", "IMAGE", "OMEGACAM_img_cal_dome_gain", "Dome flat pairs"),
}
_DARK = ("bias", "dark")
_TECHNICAL_PROGRAM = "60.A-9800(A)"


def filter_key(name):
    """Give a filter's name as raw headers have it.

    Parameters
    ----------
    name : str
        Such as ``'OCAM_r_SDSS'`` or ``'r_SDSS'``.

    Returns
    -------
    str
        Such as ``'r_SDSS'``.
    """
    return name.removeprefix("OCAM_")


def primary_header(settings, exposure, number):
    """Make the header of the primary HDU, which holds no data.

    Parameters
    ----------
    settings : awe.simulate.settings.Settings
        The night.
    exposure : awe.simulate.settings.Exposure
        The exposure.
    number : int
        Number of the exposure in the night, from 1.

    Returns
    -------
    astropy.io.fits.Header
        Without CHECKSUM and DATASUM.
    """
    from astropy.io import fits

    header = fits.Header()
    header["SIMPLE"] = (True, "Standard FITS (NOST-100-2.0)")
    header["BITPIX"] = (8, "# of bits storing pix values")
    header["NAXIS"] = (0, "# of axes in frame")
    header["EXTEND"] = (True, "Extension may be present")
    groups = (
        _main(settings, exposure),
        _ada(),
        _detector_system(settings, exposure, number),
        _instrument(settings),
        _observation(settings, exposure),
        _telescope(settings, exposure),
        _template(exposure),
    )
    for group in groups:
        for key, value, comment in group:
            header.append((key, value, comment), end=True)
    return header


def extension_header(settings, exposure, detector):
    """Make the header of the extension of a CCD.

    Parameters
    ----------
    settings : awe.simulate.settings.Settings
        The night.
    exposure : awe.simulate.settings.Exposure
        The exposure.
    detector : awe.simulate.detector.Detector
        The CCD.

    Returns
    -------
    astropy.io.fits.Header
        Without CHECKSUM and DATASUM.
    """
    from astropy.io import fits

    ccd = detector.ccd
    cards = [
        ("XTENSION", "IMAGE", "IMAGE extension"),
        ("BITPIX", 16, "# of bits storing pix values"),
        ("NAXIS", 2, "# of axes in frame"),
        ("NAXIS1", ccd.raw_shape[1], "# pixels/axis"),
        ("NAXIS2", ccd.raw_shape[0], "# pixels/axis"),
        ("PCOUNT", 0, "Number of parameters per group"),
        ("GCOUNT", 1, "Number of groups"),
        ("BZERO", 32768, "pixel=FITS*BSCALE+BZERO"),
        ("BSCALE", 1, "pixel=FITS*BSCALE+BZERO"),
        ("EXTNAME", ccd.name, "FITS extension name"),
        ("EXTVER", 1, "FITS extension version"),
        ("INHERIT", True, "Primary header keywords are inherited"),
        ("ORIGIN", "ESO-PARANAL", "European Southern Observatory"),
        ("DATE", _iso(_written(exposure)), "UT date when this file was written"),
        *_world(exposure, ccd),
        *_chip(detector),
        *_output(detector),
        *_window(settings, exposure, ccd),
    ]
    return fits.Header([fits.Card(*card) for card in cards])


def _eso(group, cards):
    return [(f"HIERARCH ESO {group} {key}", value, comment) for key, value, comment in cards]


def _iso(when):
    return when.isoformat(timespec="milliseconds")


def _written(exposure):
    return exposure.date_obs + datetime.timedelta(seconds=exposure.exptime + 45)


def _main(settings, exposure):
    when = exposure.date_obs
    seconds = (when - datetime.datetime(when.year, when.month, when.day)).total_seconds()
    mjd = round(sphere.modified_julian_date(when), 8)
    return [
        ("ORIGIN", "ESO-PARANAL", "European Southern Observatory"),
        ("DATE", _iso(_written(exposure)), "UT date when this file was written"),
        ("TELESCOP", "ESO-VST", "ESO <TEL>"),
        ("INSTRUME", settings.instrument, "Instrument used."),
        ("OBJECT", exposure.object, "Original target."),
        ("RA", exposure.ra, "[deg] RA (J2000) pointing"),
        ("DEC", exposure.dec, "[deg] DEC (J2000) pointing"),
        ("EQUINOX", 2000.0, "Standard FK5 (years)"),
        ("RADESYS", "FK5", "Coordinate reference frame"),
        ("EXPTIME", float(exposure.exptime), "Total integration time"),
        ("MJD-OBS", mjd, "MJD start of the exposure"),
        ("DATE-OBS", _iso(when), "Date of observation"),
        ("UTC", round(seconds, 3), "[s] UTC at start"),
        ("LST", round(sphere.sidereal_time(when) * 240, 3), "[s] LST at start"),
        ("TIMESYS", "UTC", "Time system used"),
        ("PI-COI", "UNKNOWN", "PI-COI name."),
        ("OBSERVER", "UNKNOWN", "Name of observer."),
        ("ORIGFILE", _original_name(exposure), "Original File Name"),
        ("ARCFILE", exposure.filename, "Archive File Name"),
    ]


def _original_name(exposure):
    kind = _DPR[exposure.kind][1].replace(",", "_")
    return f"OMEGACAM_IMG_{kind}_{exposure.index + 1:04d}.fits"


def _ada():
    return _eso(
        "ADA",
        [
            ("ABSROT END", 0.00094, "Abs rot angle at exp end (deg)"),
            ("ABSROT START", 0.00004, "Abs rot angle at exp start"),
            ("GUID STATUS", "OFF", "Status of autoguider"),
            ("POSANG", 0.0, "Position angle at start"),
        ],
    )


def _detector_system(settings, exposure, number):
    cards = [
        ("BITS", 16, "Bits per pixel readout"),
        ("CHIPS", settings.ccds, "# of chips in detector array"),
        ("DATE", "2011-01-12", "Installation date"),
        ("DID", "ESO-VLT-DIC.CCDDCS,ESO-VLT-DIC.FCDDCS", "Dictionary"),
        ("EXP NO", number, "Unique exposure ID number"),
        ("EXP RDTTIME", 29.64, "image readout time"),
        ("EXP TYPE", "Dark" if exposure.kind in _DARK else "Normal", "Exposure type"),
        ("EXP XFERTIM", 29.83, "image transfer time"),
        ("FRAM ID", 1, "Image sequencial number"),
        ("FRAM TYPE", "Normal", "Type of frame"),
        ("ID", "CCD FIERA - Rev: 3.96", "Detector system Id"),
        ("NAME", "OCAM-SCIENCE - ccdOcam", "Name of detector system"),
        ("OUTPUTS", settings.ccds, "# of outputs"),
        ("OUTREF", 0, "reference output"),
        ("READ CLOCK", "1x1/normal", "Readout clock pattern used"),
        ("READ MODE", "normal", "Readout method"),
        ("READ NFRAM", 1, "Number of readouts buffered"),
        ("READ SPEED", "normal", "Readout speed"),
        ("SHUT ID", "OmegaCAM shutter", "Shutter unique identifier"),
        ("SHUT TMCLOS", 0.931, "Time taken to close shutter"),
        ("SHUT TMOPEN", 0.934, "Time taken to open shutter"),
        ("SHUT TYPE", "Slit", "type of shutter"),
        ("SOFW MODE", "Normal", "CCD sw operational mode"),
        ("WIN1 BINX", 1, "Binning factor along X"),
        ("WIN1 BINY", 1, "Binning factor along Y"),
        ("WIN1 DKTM", round(exposure.exptime + 1.1, 4), "Dark current time"),
        ("WIN1 NDIT", 1, "# of subintegrations"),
        ("WIN1 ST", True, "If T, window enabled"),
        ("WIN1 UIT1", float(exposure.exptime), "user defined subintegration time"),
        ("WINDOWS", 1, "# of windows readout"),
    ]
    for sensor in range(1, 17):
        value = round(159.5 + 0.07 * ((7 * sensor + number) % 11), 2)
        cards += [
            (f"TLM{sensor} END", value, "Telemetry value at read completion"),
            (f"TLM{sensor} ID", f"CCD T{sensor}", "ID of telemetry sensor"),
            (f"TLM{sensor} NAME", f"CCD Sensor{sensor}", "Telemetry parameter"),
            (f"TLM{sensor} START", value, "Telemetry value at read start"),
        ]
    return _eso("DET", cards)


def _instrument(settings):
    name = filter_key(settings.filter)
    cards = [
        ("DATE", "2011-01-12", "Instrument release date"),
        ("DID", "ESO-VLT-DIC.OCAM_ICS-1.14", "Data dictionary for INS"),
        ("FILT1 DATE", "2010-12-02T16:24:55", "Filter index time"),
        ("FILT1 ID", name, "Filter unique id."),
        ("FILT1 NAME", name, "Filter name."),
        ("FILT1 NO", 1, "Filter position index."),
        ("ID", "OCAM/1.63", "Instrument ID."),
        ("MODE", "STANDARD", "Instrument mode used."),
        ("SWSIM", "NORMAL", "Software simulation."),
    ]
    for sensor in range(1, 13):
        value = round(283.2 + 0.13 * sensor, 2)
        cards += [
            (f"TEMP{sensor} ID", f"OCAM T{sensor}", "Temperature sensor ID"),
            (f"TEMP{sensor} NAME", f"OCAM sensor {sensor}", "Temperature sensor name"),
            (f"TEMP{sensor} VAL", value, "[K] Temperature"),
            (f"TEMP{sensor} UNIT", "K", "Temperature unit"),
        ]
    return _eso("INS", cards)


def _observation(settings, exposure):
    night = exposure.template_start
    science = exposure.kind == "science"
    name = (
        f"{exposure.object}_{filter_key(settings.filter)[:1]}"
        if science
        else _calibration(exposure)
    )
    number = 200_000_000 + int(f"{night:%y%j}") * 100 + list(_DPR).index(exposure.kind)
    target = "SA113" if exposure.kind == "standard" else exposure.object
    return _eso(
        "OBS",
        [
            ("DID", "ESO-VLT-DIC.OBS-1.12", "OBS Dictionary"),
            ("EXECTIME", 0, "Expected execution time"),
            ("GRP", "0", "linked blocks"),
            ("ID", number, "Observation block ID"),
            ("NAME", name, "OB name"),
            ("OBSERVER", "UNKNOWN", "Observer Name"),
            ("PI-COI ID", 0, "ESO internal PI-COI ID"),
            ("PI-COI NAME", "UNKNOWN", "PI-COI name"),
            ("PROG ID", _TECHNICAL_PROGRAM, "ESO program identification"),
            ("START", _block_start(exposure).isoformat(), "OB start time"),
            ("TARG NAME", target, "OB target name"),
            ("TPLNO", 2 if science else 1, "Template number within OB"),
        ],
    )


def _calibration(exposure):
    return {
        "bias": "DailyBias",
        "dome": "DailyDome",
        "twilight": "TwilightFlats",
        "standard": "SA113_zeropoint",
        "dark": "Darks",
        "gain": "DetectorGain",
    }[exposure.kind]


def _block_start(exposure):
    # The acquisition comes before the first exposures on a field.
    lead = {"science": 236, "standard": 118}.get(exposure.kind, 3)
    return exposure.template_start - datetime.timedelta(seconds=lead)


def _telescope(settings, exposure):
    sky = exposure.kind in SKY_KINDS
    end = exposure.date_obs + datetime.timedelta(seconds=exposure.exptime)
    alt, az = sphere.altitude_azimuth(exposure.ra, exposure.dec, exposure.date_obs)
    alt_end = sphere.altitude_azimuth(exposure.ra, exposure.dec, end)[0]
    cards = [
        ("AIRM END", _airmass(alt_end), "Airmass at end"),
        ("AIRM START", _airmass(alt), "Airmass at start"),
        ("ALT", round(alt, 3), "Alt angle at start (deg)"),
        ("AMBI FWHM END", settings.seeing, "[arcsec] Seeing (DIMM) at end"),
        ("AMBI FWHM START", settings.seeing, "[arcsec] Seeing (DIMM) at start"),
        ("AMBI PRES END", 744.2, "[hPa] Ambient pressure at end"),
        ("AMBI PRES START", 744.3, "[hPa] Ambient pressure at start"),
        ("AMBI RHUM", 12.0, "[%] Relative humidity"),
        ("AMBI TAU0", 0.003, "Average coherence time"),
        ("AMBI TEMP", 11.85, "[C] Ambient temperature"),
        ("AMBI WINDDIR", 18.0, "[deg] Wind direction"),
        ("AMBI WINDSP", 5.4, "[m/s] Wind speed"),
        ("AZ", round(az, 3), "Az angle at start (deg) S=0,W=90"),
        ("DATE", "2011-03-28T14:03:11", "TCS installation date"),
        ("DID", "ESO-VLT-DIC.TCS", "Data dictionary for TEL"),
        ("DOME STATUS", "FULLY-OPEN" if sky else "CLOSED", "Dome status"),
        ("FOCU ID", "CA", "Telescope focus station ID"),
        ("FOCU LEN", 14.416, "Focal length (m)"),
        ("FOCU SCALE", 14.308, "Focal scale (arcsec/mm)"),
        ("FOCU VALUE", -1.204, "M2 setting (mm)"),
        ("GEOELEV", 2635.0, "Elevation above sea level (m)"),
        ("GEOLAT", sphere.LATITUDE, "Tel geo latitute (+=North) (deg)"),
        ("GEOLON", sphere.LONGITUDE, "Tel geo longitude (+=East) (deg)"),
        ("ID", "v 1.72", "TCS version number"),
        ("OPER", "UNKNOWN", "Telescope Operator"),
        ("TARG ALPHA", _sexagesimal(exposure.ra / 15), "Alpha of the target"),
        ("TARG COORDTYPE", "M", "Coordinate type"),
        ("TARG DELTA", _sexagesimal(exposure.dec), "Delta of the target"),
        ("TARG EPOCH", 2000.0, "Epoch"),
        ("TARG EPOCHSYSTEM", "J", "Epoch system"),
        ("TARG EQUINOX", 2000.0, "Equinox"),
        ("TARG PARALLAX", 0.0, "Parallax"),
        ("TARG PMA", 0.0, "Proper Motion Alpha"),
        ("TARG PMD", 0.0, "Proper motion Delta"),
        ("TH M1 TEMP", 11.9, "M1 superficial temperature"),
        ("TRAK STATUS", "NORMAL" if sky else "OFF", "Tracking status"),
    ]
    for sensor in range(1, 9):
        cards.append((f"TSS TEMP{sensor}", round(11.4 + 0.21 * sensor, 3), "[C] Temperature"))
    return _eso("TEL", cards)


def _airmass(altitude):
    return round(1 / math.sin(math.radians(max(altitude, 10.0))), 3)


def _sexagesimal(value):
    """Write 12.5 hours as the number 123000.0, as the telescope control system does."""
    seconds = round(abs(value) * 3600, 3)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return math.copysign(round(hours * 10000 + minutes * 100 + seconds, 3), value)


def _template(exposure):
    category, kind, technique, template, name = _DPR[exposure.kind]
    data = [
        ("CATG", category, "Observation category"),
        ("TECH", technique, "Observation technique"),
        ("TYPE", kind, "Observation type"),
    ]
    cards = [
        ("DID", "ESO-VLT-DIC.TPL-1.9", "Data dictionary for TPL"),
        ("EXPNO", exposure.index + 1, "Exposure number within template"),
        ("ID", template, "Template signature ID"),
        ("NAME", name, "Template name"),
        ("NEXP", exposure.count, "Number of exposures within template"),
        ("PRESEQ", "OMEGACAM_img", "Sequencer script"),
        ("START", exposure.template_start.isoformat(), "TPL start time"),
        ("VERSION", "$Revision: 1.83 $", "Version of the template"),
    ]
    sequence = []
    if exposure.kind == "science":
        sequence = _eso("OCS", [("STRTG", "Mosaic", "Observing strategy")]) + _eso(
            "SEQ", [("NEXPO", exposure.count, "Number of exposures")]
        )
    return _eso("DPR", data) + sequence + _eso("TPL", cards)


def _world(exposure, ccd):
    step = PIXEL_SCALE / 3600
    return [
        ("CTYPE1", "RA---TAN", "Gnomonic projection"),
        ("CTYPE2", "DEC--TAN", "Gnomonic projection"),
        ("CRVAL1", exposure.ra, "[deg] RA at the reference pixel"),
        ("CRVAL2", exposure.dec, "[deg] DEC at the reference pixel"),
        ("CRPIX1", ccd.crpix[0], "Reference pixel in X"),
        ("CRPIX2", ccd.crpix[1], "Reference pixel in Y"),
        ("CUNIT1", "deg", "Unit of the coordinate"),
        ("CUNIT2", "deg", "Unit of the coordinate"),
        ("CD1_1", -step, "Transformation matrix element"),
        ("CD1_2", 0.0, "Transformation matrix element"),
        ("CD2_1", 0.0, "Transformation matrix element"),
        ("CD2_2", step, "Transformation matrix element"),
        ("RADESYS", "FK5", "Coordinate reference frame"),
        ("EQUINOX", 2000.0, "Standard FK5 (years)"),
    ]


def _chip(detector):
    ccd = detector.ccd
    return _eso(
        "DET CHIP1",
        [
            ("DATE", "2011-01-12", "Date of installation"),
            ("ID", ccd.name, "Detector chip identification"),
            ("INDEX", ccd.extension, "Chip index"),
            ("NAME", "CCD44-82-1-A57", "Detector chip name"),
            ("NX", ccd.shape[1], "# of pixels along X"),
            ("NY", ccd.shape[0], "# of pixels along Y"),
            ("PSZX", 15.0, "Size of pixel in X"),
            ("PSZY", 15.0, "Size of pixel in Y"),
            ("X", ccd.column + 1, "X location in array"),
            ("XGAP", 1.4, "Gap between chips along x"),
            ("Y", ccd.row + 1, "Y location in array"),
            ("YGAP", 0.7 if ccd.row == 1 else 5.5, "Gap between chips along y"),
        ],
    )


def _output(detector):
    ccd = detector.ccd
    top = ccd.overscan_on_top
    return _eso(
        "DET OUT1",
        [
            ("CHIP", ccd.extension, "Chip to which the output belongs"),
            ("CONAD", round(detector.gain, 3), "[e-/ADU] ADUs to electrons"),
            ("GAIN", round(1 / detector.gain, 4), "[ADU/e-] electrons to ADU"),
            ("ID", "A", "Output ID as from manufacturer"),
            ("INDEX", 1, "Output index"),
            ("NAME", "A", "Description of output"),
            ("NX", ccd.shape[1], "valid pixels along X"),
            ("NY", ccd.shape[0], "valid pixels along Y"),
            ("OVSCX", ccd.scan_columns, "Overscan region in X"),
            ("OVSCY", ccd.scan_rows if top else 0, "Overscan region in Y"),
            ("PRSCX", ccd.scan_columns, "Prescan region in X"),
            ("PRSCY", 0 if top else ccd.scan_rows, "Prescan region in Y"),
            ("RON", round(detector.read_noise, 2), "[e-] Readout noise per output"),
            ("X", 1, "X location of output"),
            ("Y", 1 if top else ccd.shape[0], "Y location of output"),
        ],
    )


def _window(settings, exposure, ccd):
    return _eso(
        "DET WIN1",
        [
            ("NX", ccd.raw_shape[1], "# of pixels along X"),
            ("NY", ccd.raw_shape[0], "# of pixels along Y"),
            ("STRX", 1, "Lower left pixel in X"),
            ("STRY", 1, "Lower left pixel in Y"),
        ],
    )
