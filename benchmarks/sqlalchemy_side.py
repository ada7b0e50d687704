"""The survey in SQLite, through SQLAlchemy."""

import datetime
import sys
from pathlib import Path

from frames import CHIPS, FILTERS, INSTRUMENTS, PLAIN, TUTORIAL_START, field_types, flat
from sqlalchemy import (
    DateTime,
    Float,
    ForeignKey,
    Integer,
    String,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, relationship

__all__ = ["Frame", "SqlAlchemySide"]

_TYPES = {int: Integer, float: Float, str: String, datetime.datetime: DateTime}
_COLD = """
import sys
sys.path.insert(0, {here!r})
from sqlalchemy_side import SqlAlchemySide
side = SqlAlchemySide({path!r})
names = side.four_objects()
print(len(names), names)
"""


class Base(DeclarativeBase):
    """What all tables have in common."""


class Instrument(Base):
    """An instrument."""

    __tablename__ = "instrument"
    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String, unique=True)


class Chip(Base):
    """A CCD."""

    __tablename__ = "chip"
    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String, index=True)
    instrument_id = mapped_column(ForeignKey("instrument.id"), index=True)


class Filter(Base):
    """A filter."""

    __tablename__ = "filter"
    id = mapped_column(Integer, primary_key=True)
    name = mapped_column(String, index=True)
    instrument_id = mapped_column(ForeignKey("instrument.id"), index=True)


class Template(Base):
    """A template."""

    __tablename__ = "template"
    id = mapped_column(Integer, primary_key=True)
    start = mapped_column(DateTime, index=True)
    instrument_id = mapped_column(ForeignKey("instrument.id"), index=True)


class Exposure(Base):
    """An exposure with the name and checksum of its file, its target and block."""

    __tablename__ = "exposure"
    id = mapped_column(Integer, primary_key=True)
    observation_time = mapped_column(DateTime, index=True)
    EXPTIME = mapped_column(Float)
    target_name = mapped_column(String)
    instrument_id = mapped_column(ForeignKey("instrument.id"), index=True)
    filter_id = mapped_column(ForeignKey("filter.id"))
    template_id = mapped_column(ForeignKey("template.id"), index=True)


# What people ask for.
_INDEXED = {"DATE_OBS", "EXPTIME", "OBJECT", "is_valid", "night"}


def _frame_class():
    names = {
        name: mapped_column(_TYPES[kind], index=name in _INDEXED)
        for kind, attributes in PLAIN.items()
        for name in attributes
    }
    for field, kind in field_types().items():
        names[field] = mapped_column(_TYPES[kind])
    for target in (Instrument, Chip, Filter, Template, Exposure):
        table = target.__tablename__
        names[f"{table}_id"] = mapped_column(ForeignKey(f"{table}.id"), index=True)
        names[table] = relationship(target)
    return type(
        "Frame",
        (Base,),
        {
            "__tablename__": "frame",
            "__module__": __name__,
            "__doc__": "A raw science frame.",
            "id": mapped_column(Integer, primary_key=True),
            "filename": mapped_column(String, unique=True),
            **names,
        },
    )


Frame = _frame_class()


class SqlAlchemySide:
    """The survey in a file of SQLite.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    """

    name = "SQLAlchemy"

    def __init__(self, path):
        self.path = path
        code = _COLD.format(here=str(Path(__file__).parent), path=str(path))
        self.cold_command = [sys.executable, "-c", code]
        self.cold_environment = {}
        self.engine = create_engine(f"sqlite:///{path}")
        event.listen(self.engine, "connect", _set_up)
        self.connection = self.engine.connect()
        self.session = Session(self.connection)
        self._stored = {"exposure": -1, "template": -1, "chip": -1}

    def create(self):
        """Make the tables and their indexes."""
        Base.metadata.create_all(self.engine)

    @property
    def count(self):
        """The number of frames."""
        if "frame" not in self._tables():
            return 0
        found = self.connection.execute(select(func.count()).select_from(Frame)).scalar()
        self.connection.rollback()
        return found

    def _tables(self):
        return inspect(self.engine).get_table_names()

    def close(self):
        """Let go of the file."""
        self.session.close()
        self.connection.close()
        self.engine.dispose()

    # --- storing ---

    def build(self, survey, values):
        """Give the rows of the tables for some frames.

        Parameters
        ----------
        survey : Survey
            Where they are from.
        values : list of dict
            What `Survey.frames` gave.

        Returns
        -------
        list of (class, list of dict)
            Tables in the order in which they are filled.
        """
        instruments, chips, filters = self._vocabulary()
        templates, exposures, frames = [], [], []
        for one in values:
            number, exposure = one["template"], one["exposure"]
            common = survey.template(number)
            instrument = common["instrument"] + 1
            filter_id = common["instrument"] * len(FILTERS) + common["filter"] + 1
            if number > self._stored["template"]:
                self._stored["template"] = number
                row = {"id": number + 1, "start": common["start"], "instrument_id": instrument}
                templates.append(row)
            links = {
                "instrument_id": instrument, "filter_id": filter_id, "template_id": number + 1,
            }  # fmt: skip
            plain = one["plain"]
            if exposure > self._stored["exposure"]:
                self._stored["exposure"] = exposure
                row = {
                    "id": exposure + 1, "observation_time": plain["DATE_OBS"],
                    "EXPTIME": plain["EXPTIME"], "target_name": plain["OBJECT"], **links,
                }  # fmt: skip
                exposures.append(row)
            row = flat(one)
            row.update(links)
            row["chip_id"] = common["instrument"] * CHIPS + one["chip"] + 1
            row["exposure_id"] = exposure + 1
            frames.append(row)
        tables = [(Instrument, instruments), (Chip, chips), (Filter, filters)]
        return [*tables, (Template, templates), (Exposure, exposures), (Frame, frames)]

    def _vocabulary(self):
        if self._stored["chip"] > 0:
            return [], [], []
        self._stored["chip"] = 1
        instruments, chips, filters = [], [], []
        for at, name in enumerate(INSTRUMENTS):
            instruments.append({"id": at + 1, "name": name})
            for n in range(CHIPS):
                row = {"id": at * CHIPS + n + 1, "name": f"ESO_CCD_#{n + 65}"}
                chips.append({**row, "instrument_id": at + 1})
            for n, filter_name in enumerate(FILTERS):
                row = {"id": at * len(FILTERS) + n + 1, "name": filter_name}
                filters.append({**row, "instrument_id": at + 1})
        return instruments, chips, filters

    def commit(self, rows):
        """Insert rows in one transaction, by the core, which is faster than the ORM."""
        for table, values in rows:
            if values:
                self.connection.execute(insert(table.__table__), values)
        self.connection.commit()

    def analyse(self):
        """Let SQLite count its indexes, so that it plans well."""
        self.connection.exec_driver_sql("ANALYZE")
        self.connection.commit()

    # --- asking ---

    def _four(self, what):
        return (
            what.join(Instrument, Frame.instrument_id == Instrument.id)
            .join(Template, Frame.template_id == Template.id)
            .join(Chip, Frame.chip_id == Chip.id)
            .where(
                Instrument.name == "OMEGACAM",
                Template.start == TUTORIAL_START,
                Frame.is_valid > 0,
                Chip.name == "ESO_CCD_#65",
            )
        )

    def four_objects(self):
        """Give the file names of the objects that the tutorial's query finds."""
        found = self.session.scalars(self._four(select(Frame)))
        return sorted(f.filename for f in found)

    def forget(self):
        """Do nothing: no answers are remembered."""

    def queries(self, survey):
        """Give what is asked, by name; counts and tables by the core, objects by the ORM."""
        execute = self.connection.execute
        low, high = survey.window()
        count = select(func.count()).select_from(Frame)
        by_time = [Frame.DATE_OBS.between(low, high), Frame.EXPTIME > 100]
        last = Frame.DATE_OBS.desc(), Frame.id
        columns = select(Frame.DATE_OBS, Filter.name, Frame.imstat_max)
        return {
            "four_len": lambda: execute(self._four(count)).scalar(),
            "four_objects": self.four_objects,
            "most_own": lambda: execute(count.where(Frame.is_valid > 0)).scalar(),
            "most_link": lambda: execute(
                count.join(Instrument).where(Instrument.name != "OMEGACAM")
            ).scalar(),
            "range": lambda: execute(count.where(*by_time)).scalar(),
            "table": lambda: execute(
                columns.join(Filter, Frame.filter_id == Filter.id)
            ).all(),
            "max": lambda: self.session.scalars(
                select(Frame).order_by(*last).limit(1)
            ).one().filename,
        }  # fmt: skip

    def comparable_table(self, rows):
        """Give the columns of a table as lists."""
        return [list(column) for column in zip(*rows, strict=True)]


def _set_up(connection, _record):
    """Give SQLite what a server of data would have: a write-ahead log and a cache."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-131072")
