"""The survey in awe: how it is stored and what is asked."""

import datetime
import os
import sys
from pathlib import Path

from frames import CHIPS, FILTERS, INSTRUMENTS, TUTORIAL_START

from awe.base.environment import Environment
from awe.model import (
    Amplifier,
    Astrom,
    Chip,
    Exposure,
    Filter,
    Imstat,
    Instrument,
    ObservingBlock,
    OverscanStat,
    RawFits,
    RawScienceFrame,
    Readout,
    Target,
    Template,
)
from awe.store import open_context
from awe.store.files import FileStore

__all__ = ["USER", "AweSide"]

USER = "benchmark"
_COLD = """
query = (
    (RawScienceFrame.instrument.name == 'OMEGACAM')
    & (RawScienceFrame.template.start == datetime.datetime(2012, 6, 1, 8, 51, 44))
    & (RawScienceFrame.is_valid > 0)
    & (RawScienceFrame.chip.name == 'ESO_CCD_#65')
)
print(len(query), sorted(f.filename for f in query))
"""


class _FilesElsewhere(FileStore):
    """A store of files in which every file is said to be, so that none need be written."""

    def place(self, filename, sha256):
        """Give a path that exists; a commit still asks the file system once for each frame."""
        return self.folder


class AweSide:
    """The survey in an awe store.

    Parameters
    ----------
    folder : pathlib.Path
        Its AWE_HOME.
    """

    name = "awe"

    def __init__(self, folder):
        self.folder = Path(folder)
        # As an astronomer types it: the command has every class preloaded.
        self.cold_command = [str(Path(sys.executable).parent / "awe"), "-c", _COLD]
        self.cold_environment = {"AWE_HOME": str(self.folder), "AWE_USER": USER}
        os.environ.update(self.cold_environment)
        store, data = str(self.folder / "store"), str(self.folder / "data")
        self.context = open_context(Environment(self.folder, store, data, USER))
        self.context.files = _FilesElsewhere(data)
        self._known = {}
        self._exposures = {}

    @property
    def count(self):
        """The number of frames in the store."""
        return len(RawScienceFrame.select_all())

    def close(self):
        """Let go of the store."""
        self.context.close()

    # --- storing ---

    def build(self, survey, values):
        """Construct frames with all that they link to, as IngestTask does.

        Parameters
        ----------
        survey : Survey
            Where they are from.
        values : list of dict
            What `Survey.frames` gave.

        Returns
        -------
        list of RawScienceFrame
            Not committed.
        """
        first = values[0]["exposure"]
        # Only the exposure that the last batch has begun is still needed.
        self._exposures = {n: e for n, e in self._exposures.items() if n == first}
        return [self._frame(survey, v) for v in values]

    def commit(self, frames):
        """Commit frames in one transaction."""
        self.context.commit(*frames)

    def _frame(self, survey, values):
        links = self._exposures.get(values["exposure"])
        if links is None:
            links = self._exposures[values["exposure"]] = self._exposure(survey, values)
        instrument, number = links["instrument"], values["chip"]
        key = (values["template"] % len(INSTRUMENTS), number)
        chip = self._known.get(key)
        if chip is None:
            chip = self._known[key] = self._chip(instrument, number)
        return RawScienceFrame(
            **values["plain"],
            **links,
            chip=chip[0],
            readout=chip[1],
            imstat=Imstat(**values["imstat"]),
            overscan_x_stat=OverscanStat(**values["overscan_x_stat"]),
            overscan_y_stat=OverscanStat(**values["overscan_y_stat"]),
            prescan_x_stat=OverscanStat(**values["prescan_x_stat"]),
            astrom=Astrom(**values["astrom"]),
        )

    def _exposure(self, survey, values):
        """Give what the frames of an exposure have in common."""
        plain, common = values["plain"], survey.template(values["template"])
        name, target_name = INSTRUMENTS[common["instrument"]], plain["OBJECT"]
        instrument = self._once(
            Instrument, name=name, telescope_name="VST", latitude=-24.6, longitude=-70.4,
            elevation=2635.0,
        )  # fmt: skip
        filter_ = self._once(Filter, name=FILTERS[common["filter"]], instrument=instrument)
        template = self._once(
            Template, start=common["start"], instrument=instrument,
            id=f"{name}_img_obs_dither", name="Dithered imaging", type="obs", exposures=5,
        )  # fmt: skip
        target = self._once(Target, target_name=target_name)
        block = self._once(
            ObservingBlock, id=200_000_000 + values["template"], instrument=instrument,
            name=target_name, start=common["start"] - datetime.timedelta(minutes=4),
            program_id="60.A-9800(A)", pi="UNKNOWN",
        )  # fmt: skip
        start, file = plain["DATE_OBS"], plain["filename"].rsplit("_", 1)[0] + ".fits"
        raw_fits = RawFits(
            sha256=plain["sha256"][::-1], size=CHIPS * plain["size"], filename=file,
            instrument=instrument, DATE_OBS=start,
            headers={str(n): f"EXTNAME = 'CCD{n}'" for n in range(CHIPS + 1)},
        )  # fmt: skip
        exposure = Exposure(
            instrument=instrument, observation_time=start, kind="science", target=target,
            EXPTIME=plain["EXPTIME"], filter=filter_, template=template,
        )  # fmt: skip
        return {
            "instrument": instrument, "filter": filter_, "template": template,
            "observing_block": block, "raw_fits": raw_fits, "exposure": exposure,
        }  # fmt: skip

    def _once(self, cls, **values):
        """Get or create an object, and remember it."""
        key = (cls, next(iter(values.values())), values.get("instrument"))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = cls.get_or_create(**values)
        return found

    def _chip(self, instrument, number):
        """Give a chip and how it is read out."""
        chip = Chip.get_or_create(instrument=instrument, name=f"ESO_CCD_#{number + 65}")
        amplifier = Amplifier(
            name="A", hdu=1, data=(0, 4100, 48, 2096), prescan_x=(0, 4100, 2, 43),
            overscan_x=(0, 4100, 2101, 2142), overscan_y=(4105, 4198, 48, 2096),
            gain=2.5, read_noise=5.0, saturation=65000.0,
        )  # fmt: skip
        readout = Readout.get_or_create(
            chip=chip, mode="normal,1x1", source="header", amplifiers=[amplifier]
        )
        return chip, readout

    # --- asking ---

    def forget(self):
        """Forget the answers of this snapshot, so that each is found anew."""
        self.context.session.forget_answers()

    def queries(self, survey):
        """Give what is asked, by name.

        Parameters
        ----------
        survey : Survey
            What the store holds.

        Returns
        -------
        dict of str to callable
            Each gives the answer in a form that can be compared.
        """
        cls = RawScienceFrame
        low, high = survey.window()

        def four():
            return (
                (cls.instrument.name == "OMEGACAM")
                & (cls.template.start == TUTORIAL_START)
                & (cls.is_valid > 0)
                & (cls.chip.name == "ESO_CCD_#65")
            )

        def interval():
            return cls.DATE_OBS.between(low, high) & (cls.EXPTIME > 100)

        return {
            "four_len": lambda: len(four()),
            "four_objects": lambda: sorted(f.filename for f in four()),
            "most_own": lambda: len(cls.is_valid > 0),
            "most_link": lambda: len(cls.instrument.name != "OMEGACAM"),
            "range": lambda: len(interval()),
            "table": lambda: cls.select_all().table("DATE_OBS", "filter.name", "imstat.max"),
            "max": lambda: cls.select_all().max("DATE_OBS").filename,
        }

    def comparable_table(self, table):
        """Give the columns of a table as lists.

        Parameters
        ----------
        table : astropy.table.Table
            What the query ``table`` gave.

        Returns
        -------
        list of list
            Three columns, times as datetime.
        """
        return [table[name].tolist() for name in table.colnames]
