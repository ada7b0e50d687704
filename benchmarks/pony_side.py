"""The survey in SQLite, through PonyORM: it reads the tables that SQLAlchemy made."""

import datetime
import sys
from pathlib import Path

from frames import CHIPS, FILTERS, PLAIN, TUTORIAL_START, field_types, flat
from pony import orm

__all__ = ["PonySide"]

_COLD = """
import sys
sys.path.insert(0, {here!r})
from pony_side import PonySide
side = PonySide({path!r})
names = side.four_objects()
print(len(names), names)
"""


def _declare(database):
    """Declare the entities of a database; each database of Pony has its own."""
    entity = database.Entity

    class Instrument(entity):
        _table_ = "instrument"
        id = orm.PrimaryKey(int)
        name = orm.Required(str, unique=True)
        frames = orm.Set("Frame")

    class Chip(entity):
        _table_ = "chip"
        id = orm.PrimaryKey(int)
        name = orm.Required(str)
        instrument_id = orm.Required(int)
        frames = orm.Set("Frame")

    class Filter(entity):
        _table_ = "filter"
        id = orm.PrimaryKey(int)
        name = orm.Required(str)
        instrument_id = orm.Required(int)
        frames = orm.Set("Frame")

    class Template(entity):
        _table_ = "template"
        id = orm.PrimaryKey(int)
        start = orm.Required(datetime.datetime)
        instrument_id = orm.Required(int)
        frames = orm.Set("Frame")

    class Exposure(entity):
        _table_ = "exposure"
        id = orm.PrimaryKey(int)
        observation_time = orm.Required(datetime.datetime)
        EXPTIME = orm.Optional(float)
        target_name = orm.Optional(str)
        instrument_id = orm.Required(int)
        filter_id = orm.Required(int)
        template_id = orm.Required(int)
        frames = orm.Set("Frame")

    names = {name: orm.Optional(kind) for kind, attributes in PLAIN.items() for name in attributes}
    for field, kind in field_types().items():
        names[field] = orm.Optional(kind)
    for target in (Instrument, Chip, Filter, Template, Exposure):
        column = f"{target.__name__.lower()}_id"
        names[target.__name__.lower()] = orm.Required(target, column=column)
    names.update(
        _table_="frame", id=orm.PrimaryKey(int, auto=True), filename=orm.Required(str, unique=True)
    )
    return type("Frame", (entity,), names)


class PonySide:
    """The survey in a file of SQLite.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    """

    name = "PonyORM"

    def __init__(self, path):
        code = _COLD.format(here=str(Path(__file__).parent), path=str(path))
        self.cold_command = [sys.executable, "-c", code]
        self.cold_environment = {}
        self.database = orm.Database()
        self.database.on_connect(provider="sqlite")(_set_up)
        self.frame = _declare(self.database)
        self.database.bind(provider="sqlite", filename=str(path))
        self.database.generate_mapping(check_tables=False)

    def close(self):
        """Let go of the file."""
        self.database.disconnect()

    # --- storing ---

    def build(self, survey, values):
        """Give the values of frames; the objects are made in the transaction, as Pony wants it."""
        rows = []
        for one in values:
            row, common = flat(one), survey.template(one["template"])
            row["instrument"] = common["instrument"] + 1
            row["filter"] = common["instrument"] * len(FILTERS) + common["filter"] + 1
            row["template"] = one["template"] + 1
            row["chip"] = common["instrument"] * CHIPS + one["chip"] + 1
            row["exposure"] = one["exposure"] + 1
            rows.append(row)
        return rows

    def commit(self, rows):
        """Make objects and commit them in one transaction."""
        with orm.db_session:
            for row in rows:
                self.frame(**row)

    # --- asking ---

    def four_objects(self):
        """Give the file names of the objects that the tutorial's query finds."""
        with orm.db_session:
            return sorted(f.filename for f in self._four())

    def _four(self):
        return self.frame.select(
            lambda f: (
                f.instrument.name == "OMEGACAM"
                and f.template.start == TUTORIAL_START
                and f.is_valid > 0
                and f.chip.name == "ESO_CCD_#65"
            )
        )

    def forget(self):
        """Do nothing: no answers are remembered."""

    def queries(self, survey):
        """Give what is asked, by name."""
        frame = self.frame
        low, high = survey.window()

        def asked(function):
            def ask():
                with orm.db_session:
                    return function()

            return ask

        return {
            "four_len": asked(lambda: self._four().count()),
            "four_objects": self.four_objects,
            "most_own": asked(lambda: frame.select(lambda f: f.is_valid > 0).count()),
            "most_link": asked(
                lambda: frame.select(lambda f: f.instrument.name != "OMEGACAM").count()
            ),
            "range": asked(
                lambda: frame.select(
                    lambda f: orm.between(f.DATE_OBS, low, high) and f.EXPTIME > 100
                ).count()
            ),
            "table": asked(
                lambda: orm.select(
                    (f.DATE_OBS, f.filter.name, f.imstat_max) for f in frame
                ).without_distinct()[:]
            ),
            "max": asked(
                lambda: frame.select().order_by(lambda f: (orm.desc(f.DATE_OBS), f.id))
                .first().filename
            ),
        }  # fmt: skip

    def comparable_table(self, rows):
        """Give the columns of a table as lists."""
        return [list(column) for column in zip(*rows, strict=True)]


def _set_up(_database, connection):
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-131072")
