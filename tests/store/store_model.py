"""A plain Python model of the store: objects as dicts, queries as loops, by the written rules."""

import datetime
import math
import random
import statistics as stats

import numpy as np

from awe.base.utc import to_utc
from awe.store import DBObject, OwnedRecord, persistent

INF, NAN = math.inf, math.nan
INTS = (None, -(2**63), -1, 0, 1, 2, 3, 2**53, 2**53 + 1, 2**63 - 1)
FLOATS = (None, NAN, INF, -INF, 0.0, -0.0, 0.1, 1.0, 2.0, -3.5, 2.0**53, 1e308, 5e-324)
TEXTS = (
    None, "", "a", "A", "KIDS_1", "KIDS_2", "é", "日本", "a*b", "[x]", "🚀", "a\nb", "\uffff",
    "x" * 120, "x" * 120 + "y", "a\0",
)  # fmt: skip
TIMES = (
    None,
    datetime.datetime(2012, 6, 1, 8, 51, 44),
    datetime.datetime(2012, 6, 1, 8, 51, 44, 1),
    datetime.datetime(1, 1, 1),
    datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),
    datetime.datetime(1969, 12, 31, 23, 59, 59, 999999),
)
BOOLS = (None, True, False)
POOLS = {"int": INTS, "float": FLOATS, "str": TEXTS, "bool": BOOLS, "datetime": TIMES}

# Constants that a user may compare with: also of the other number type, and beyond 64 bits.
NUMBERS = (
    *INTS[1:], 2**63, -(2**63) - 1, 10**400, -(10**400), 2**54 + 1, 0.5, 1.0, NAN, INF, -INF,
    2.0**53, 1e300, -0.0, 0.1, 9.3e18,
)  # fmt: skip
CONSTANTS = {
    "int": NUMBERS,
    "float": NUMBERS,
    "str": (*TEXTS[1:], "zz", "KIDS"),
    "bool": (True, False),
    "datetime": (*TIMES[1:], "2012-06-01T08:51:44", datetime.date(2012, 6, 1)),
}
PATTERNS = ("*", "", "?", "KIDS_*", "a*", "*[x]*", "*é", "a?b", "a**b", "*\n*", "k*", "x*y", "[a]")

# Scalars that a query on the class can reach, with their types.
SCALARS = {
    "i": "int", "f": "float", "s": "str", "b": "bool", "d": "datetime", "rec.v": "float",
    "rec.n": "int", "rec.leaf.txt": "str", "mid.x": "float", "mid.tag": "str",
    "mid.leaf.num": "int", "mid.leaf.txt": "str", "hdr[K]": "float",
}  # fmt: skip
LISTS = {
    "fl": "float", "sl": "str", "leaves": "Leaf", "mid.nums": "int", "recs.v": "float",
    "recs.leaf": "Leaf",
}  # fmt: skip
LINKS = {"mid": "Mid", "mid.leaf": "Leaf", "rec.leaf": "Leaf"}
USERS = ("ann", "bob", "cleo", None)
MEMBERS = {"P1": ("ann", "bob"), "P2": ("ann",)}


def make_classes(suffix):
    """Declare a fresh set of classes.

    Parameters
    ----------
    suffix : str
        Makes the names of the classes unique in the process.

    Returns
    -------
    dict of str to type
        Leaf, Mid, Base, Sub, Never and the record Rec.
    """

    def named(name, bases, **body):
        return type(bases[0])(f"{name}{suffix}", bases, body)

    leaf = named("Leaf", (DBObject,), num=persistent("n", int), txt=persistent("t", str))
    rec = named(
        "Rec", (OwnedRecord,), v=persistent("v", float), n=persistent("n", int),
        leaf=persistent("l", leaf),
    )  # fmt: skip
    mid = named(
        "Mid", (DBObject,), leaf=persistent("l", leaf), x=persistent("x", float, unit="m"),
        tag=persistent("t", str), nums=persistent("n", [int]),
    )  # fmt: skip
    changes = {"mutable": True}
    base = named(
        "Base", (DBObject,), i=persistent("i", int, **changes), f=persistent("f", float, **changes),
        s=persistent("s", str, **changes), b=persistent("b", bool, **changes),
        d=persistent("d", datetime.datetime, **changes), mid=persistent("m", mid, **changes),
        rec=persistent("r", rec, **changes), fl=persistent("f", [float], **changes),
        sl=persistent("s", [str], **changes), leaves=persistent("l", [leaf], **changes),
        recs=persistent("r", [rec], **changes), hdr=persistent("h", dict, **changes),
        key_columns={"hdr": {"K": float}},
    )  # fmt: skip
    sub = named("Sub", (base,), extra=persistent("e", int))
    never = named("Never", (base,), other=persistent("o", float))
    return {"Leaf": leaf, "Mid": mid, "Base": base, "Sub": sub, "Never": never, "Rec": rec}


class World:
    """Random objects, once as plain dicts and once in the store.

    Parameters
    ----------
    context : Context
        Where they are stored.
    seed, leaves, mids, rows, edits : int
        What makes them, and how many of each.
    """

    def __init__(self, context, seed, leaves, mids, rows, edits):
        self.context = context
        self.random = random.Random(seed)
        World.count = getattr(World, "count", 0) + 1
        self.classes = make_classes(World.count)
        self.in_order = self.random.random() < 0.4
        self.rows = []
        self.stored = []
        self.batch("Leaf", leaves, self.new_leaf)
        self.batch("Mid", mids, self.new_mid)
        self.batch("Base", rows, self.new_base)
        for _ in range(edits):
            self.edit()
        self.delete(rows // 6)

    # --- making ---

    def rising(self, name):
        """Give a value that is no less than those before, as times are at a telescope."""
        known = sorted({v for v in POOLS[SCALARS[name]] if not missing(v)})
        return known[min(len(self.rows) // 8, len(known) - 1)]

    def pick(self, kind):
        return self.random.choice(POOLS[kind])

    def one_of(self, name):
        found = [r for r in self.rows if r["class"] == name]
        return self.random.choice([*found, None])

    def some(self, make, most=3):
        return [make() for _ in range(self.random.randrange(most + 1))]

    def new_leaf(self):
        return "Leaf", {"num": self.pick("int"), "txt": self.pick("str")}

    def new_mid(self):
        nums = [v for v in self.some(lambda: self.pick("int")) if v is not None]
        return "Mid", {
            "leaf": self.one_of("Leaf"), "x": self.pick("float"), "tag": self.pick("str"),
            "nums": nums,
        }  # fmt: skip

    def new_rec(self):
        return {"v": self.pick("float"), "n": self.pick("int"), "leaf": self.one_of("Leaf")}

    def value(self, name):
        makers = {
            "mid": lambda: self.one_of("Mid"),
            "rec": lambda: self.random.choice([None, self.new_rec()]),
            "fl": lambda: self.some(lambda: self.pick("float")),
            "sl": lambda: self.some(lambda: self.pick("str")),
            "leaves": lambda: [v for v in self.some(lambda: self.one_of("Leaf")) if v],
            "recs": lambda: self.some(self.new_rec, 2),
            "hdr": lambda: self.random.choice([None, {}, {"K": self.pick("float")}, {"K": "x"}]),
        }
        return makers[name]() if name in makers else self.pick(SCALARS[name])

    def new_base(self):
        names = ("i", "f", "s", "b", "d", "mid", "rec", "fl", "sl", "leaves", "recs", "hdr")
        values = {n: self.value(n) for n in names}
        if self.in_order:
            values.update({n: self.rising(n) for n in ("i", "f", "d")})
        if self.random.random() < 0.3:
            return "Sub", {**values, "extra": self.pick("int")}
        return "Base", values

    def batch(self, what, count, make):
        """Store objects in commits of a few, each under a user, a project and a level."""
        while count > 0:
            user, project = self.random.choice([("ann", "P1"), ("ann", "P2"), ("bob", "P1")])
            level = self.random.randint(1, 2 if user == "bob" else 5)
            become(self.context, user, project, level)
            size = min(self.random.randint(1, 5), count)
            count -= size
            made = []
            for _ in range(size):
                name, values = make()
                given = {n: self.store_form(n, v) for n, v in values.items()}
                obj = self.classes[name](**given)
                made.append(obj)
                self.stored.append(obj)
                self.rows.append({
                    "class": name, "values": values, "user": user, "project": project,
                    "level": level, "deleted": False, "order": len(self.rows),
                })  # fmt: skip
            self.context.commit(made, restricted=True)

    def store_form(self, name, value):
        """Give a value as the constructor of the class takes it."""
        if name in ("recs",):
            return [self.store_form("rec", v) for v in value]
        if name == "rec" and value is not None:
            return self.classes["Rec"](
                v=value["v"], n=value["n"], leaf=self.store_form("leaf", value["leaf"])
            )
        if isinstance(value, dict) and "order" in value:
            return self.stored[value["order"]]
        if isinstance(value, list):
            return [self.store_form("", v) for v in value]
        return value

    def edit(self):
        """Change one attribute of one object."""
        mine = [r for r in self.rows if r["class"] in ("Base", "Sub") and r["level"] > 1]
        if not mine:
            return
        row = self.random.choice(mine)
        become(self.context, "ann", row["project"], 1)
        names = ("i", "f", "s", "b", "d", "mid", "rec", "fl", "sl", "leaves", "recs", "hdr")
        name = self.random.choice(names)
        value = self.value(name)
        obj = self.stored[row["order"]]
        setattr(obj, name, self.store_form(name, value))
        self.context.commit(obj)
        row["values"][name] = value

    def delete(self, count):
        """Delete some objects that nothing links to."""
        doomed = [r for r in self.rows if r["class"] in ("Base", "Sub") and r["level"] <= 2]
        for row in self.random.sample(doomed, min(count, len(doomed))):
            become(self.context, row["user"], row["project"], 1)
            self.context.delete(self.stored[row["order"]], why="test")
            row["deleted"] = True


def become(context, user, project, level):
    """Let a context work as another user, project and level."""
    from awe.store import User

    name = "anonymous" if user is None else user
    if context.user_name != name:
        context.user = None if user is None else User.get(name=user)
        context.user_name = name
    if user is not None and (context.project is None or context.project.name != project):
        context.set_project(project)
    context.set_privileges(level)


# --- the rules ---


def may_see(row, user):
    """Say whether a user may see an object at all."""
    if row["deleted"]:
        return False
    if row["level"] >= 4:
        return True
    if user is None:
        return False
    if row["level"] == 1:
        return row["user"] == user
    return row["level"] == 3 or user in MEMBERS[row["project"]]


def value_at(row, path, user):
    """Give the value at the end of a path; None where a link on the way is None or hidden."""
    if path == "hdr[K]":
        value = (row["values"]["hdr"] or {}).get("K")
        return value if isinstance(value, float) else None
    current = row
    for step in path.split("."):
        if current is None:
            return [] if path in LISTS else None
        if isinstance(current, list):
            current = [each[step] for each in current]
            continue
        if "order" in current:
            if current is not row and not may_see(current, user):
                return [] if path in LISTS else None
            current = current["values"]
        current = current[step]
    return current


def missing(value):
    """Say whether a value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def matches(text, pattern):
    """Match a text with a pattern of * and ?, character by character."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return matches(text, pattern[1:]) or (bool(text) and matches(text[1:], pattern))
    return bool(text) and pattern[0] in ("?", text[0]) and matches(text[1:], pattern[1:])


def same(value, constant):
    """Compare a value with a constant for equality."""
    if missing(value) or missing(constant):
        return False
    if isinstance(value, dict):
        return value is constant
    return value == constant


def holds(condition, row, user, project):
    """Evaluate a condition for one object."""
    op = condition[0]
    if op == "and":
        return all(holds(c, row, user, project) for c in condition[1:])
    if op == "or":
        return any(holds(c, row, user, project) for c in condition[1:])
    if op == "not":
        return not holds(condition[1], row, user, project)
    if op == "project":
        return row["project"] == condition[1]
    if op == "user":
        return row["user"] == user
    path, constant = condition[1], condition[2]
    value = value_at(row, path, user)
    if op == "==":
        return missing(value) if constant is None else same(value, constant)
    if op == "!=":
        return not holds(("==", path, constant), row, user, project)
    if op == "contains":
        return any(same(v, constant) for v in value)
    if missing(value):
        return False
    if op == "like":
        return matches(value, constant)
    if op == "in":
        return any(same(value, c) for c in constant)
    if op == "between":
        return not any(map(missing, constant)) and constant[0] <= value <= constant[1]
    if missing(constant):
        return False
    return {
        "<": lambda: value < constant, "<=": lambda: value <= constant,
        ">": lambda: value > constant, ">=": lambda: value >= constant,
    }[op]()  # fmt: skip


def expected(world, cls, condition, user, project, level):
    """Give the rows that a query finds, in the order of commit."""
    wanted = {"Base": ("Base", "Sub"), "Sub": ("Sub",), "Never": (), "Mid": ("Mid",)}[cls]
    return [
        r
        for r in world.rows
        if r["class"] in wanted
        and may_see(r, user)
        and r["level"] >= level
        and holds(condition, r, user, project)
    ]


def as_time(constant):
    """Give a time that a user may write in any form as a datetime."""
    return constant if constant is None else to_utc(constant)


def statistics_of(values):
    """Give count, least, greatest, mean, median and deviation of some numbers."""
    if not values:
        return 0, None, None, None, None, None
    finite = np.array(values, float)
    with np.errstate(all="ignore"):
        rest = (float(finite.mean()), float(np.median(finite)), float(finite.std()))
    return len(values), min(values), max(values), *rest


def exact_mean(values):
    """Give the mean of finite whole numbers without rounding on the way."""
    return float(stats.fmean(values))
