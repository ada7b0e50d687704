"""Random queries over random objects agree with a plain loop written by the rules."""

import datetime
import itertools
import math

import numpy as np
import pytest
import store_model as model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awe.store import blocks, columns_scalar, current
from awe.store.context import Context


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Give a context on a store with three users and two projects, and small segments."""
    folder = tmp_path_factory.mktemp("query")
    patch = pytest.MonkeyPatch()
    patch.setattr(blocks, "TAIL_ROWS", 4)
    patch.setattr(blocks, "LEVELS", (4, 8, 16))
    patch.setattr(blocks, "LARGEST", 16)
    # What is done for long columns alone is done for these as well.
    patch.setattr(columns_scalar, "_LONG", 5)
    for name in ("bob", "cleo"):
        Context(folder / "store", folder / "data", name).close()
    context = Context(folder / "store", folder / "data", "ann")
    for name, users in model.MEMBERS.items():
        context.create_project(name, members=users[1:], maximum_privileges=5)
    yield context
    context.close()
    patch.undo()


def scalar_condition(path):
    """Give conditions on one scalar attribute."""
    kind = model.SCALARS[path]
    constant = st.sampled_from(model.CONSTANTS[kind])
    some = [
        st.tuples(st.sampled_from(["==", "!="]), st.just(path), st.none() | constant),
        st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.just(path), constant),
        st.tuples(st.just("in"), st.just(path), st.lists(st.none() | constant, max_size=7)),
    ]
    if kind != "bool":
        some.append(st.tuples(st.just("between"), st.just(path), st.tuples(constant, constant)))
    if kind == "str":
        some.append(st.tuples(st.just("like"), st.just(path), st.sampled_from(model.PATTERNS)))
    return st.one_of(some)


def object_condition(path, name):
    """Give conditions on a link, or a list of links: the object is named by its number."""
    number = st.tuples(st.just(name), st.integers(0, 9))
    if path in model.LISTS:
        return st.tuples(st.just("contains"), st.just(path), number)
    return st.one_of(
        st.tuples(st.sampled_from(["==", "!="]), st.just(path), st.none() | number),
        st.tuples(st.just("in"), st.just(path), st.lists(number, max_size=3)),
    )


def presence(path):
    """Give the comparison of a record with None."""
    return st.tuples(st.sampled_from(["==", "!="]), st.just(path), st.none())


LEAVES = st.one_of(
    *map(scalar_condition, model.SCALARS),
    *(
        st.tuples(st.just("contains"), st.just(p), st.sampled_from(model.CONSTANTS[k]))
        for p, k in model.LISTS.items()
        if k != "Leaf"
    ),
    *(object_condition(p, k) for p, k in model.LINKS.items()),
    *(object_condition(p, k) for p, k in model.LISTS.items() if k == "Leaf"),
    presence("rec"),
    presence("hdr"),
    st.tuples(st.just("project"), st.sampled_from(["P1", "P2"])),
    st.tuples(st.just("user")),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=4,
)
VIEWS = st.just(("ann", 1)) | st.tuples(st.sampled_from(model.USERS), st.integers(1, 5))


def resolve(world, condition):
    """Put objects of the world for the numbers that stand for them, and times for texts."""
    op, *rest = condition
    if op in ("and", "or", "not"):
        return (op, *(resolve(world, c) for c in rest))
    if op in ("project", "user"):
        return condition
    path, constant = rest
    if model.SCALARS.get(path) == "datetime":
        make = model.as_time
    elif {**model.LINKS, **model.LISTS}.get(path, "int") in ("Leaf", "Mid"):
        make = find_object(world)
    else:
        return condition
    if op in ("in", "between"):
        return op, path, [make(c) for c in constant]
    return op, path, make(constant)


def find_object(world):
    """Give the function from a class and a number to an object of the model, or None."""

    def find(named):
        if named is None:
            return None
        rows = [r for r in world.rows if r["class"] == named[0]]
        return rows[named[1] % len(rows)] if rows else None

    return find


def term_at(cls, path):
    """Give the term of a path, as a user would type it."""
    if path == "hdr[K]":
        return cls.hdr["K"]
    for step in path.split("."):
        cls = getattr(cls, step)
    return cls


def build(world, cls, condition, raw):
    """Give the query of a condition; ``raw`` is the condition with the user's constants."""
    op = condition[0]
    if op in ("and", "or", "not"):
        parts = [build(world, cls, c, r) for c, r in zip(condition[1:], raw[1:], strict=True)]
        if op == "not":
            return ~parts[0]
        return parts[0] & parts[1] if op == "and" else parts[0] | parts[1]
    if op == "project":
        return cls.select_all().project_only(condition[1])
    if op == "user":
        return cls.select_all().user_only()
    path, constant = condition[1], raw[2]
    if path in model.LINKS or model.LISTS.get(path) == "Leaf":
        given_form = lambda c: None if c is None else world.stored[c["order"]]  # noqa: E731
        constant = condition[2]
        constant = [given_form(c) for c in constant] if op == "in" else given_form(constant)
    term = term_at(cls, path)
    call = {"in": "in_", "like": "like", "between": "between", "contains": "contains"}
    if op in call:
        return getattr(term, call[op])(*(constant if op == "between" else (constant,)))
    sign = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[op]
    return getattr(term, f"__{sign}__")(constant)


def uses_none_object(condition):
    """Say whether a list of links is asked for an object where there is none."""
    if condition[0] in ("and", "or", "not"):
        return any(map(uses_none_object, condition[1:]))
    return condition[0] == "contains" and condition[2] is None


def asks_user(condition):
    """Say whether a condition needs a named user."""
    if condition[0] in ("and", "or", "not"):
        return any(map(asks_user, condition[1:]))
    return condition[0] == "user"


WORLDS = st.builds(
    dict,
    seed=st.integers(0, 2**32),
    leaves=st.integers(0, 6),
    mids=st.integers(0, 6),
    rows=st.integers(0, 40),
    edits=st.integers(0, 5),
)
ASKED = given(
    numbers=WORLDS,
    asked=st.lists(
        st.tuples(CONDITIONS, VIEWS, st.sampled_from(["Base"] * 5 + ["Sub", "Never"])),
        min_size=6,
        max_size=14,
    ),
    paths=st.lists(st.sampled_from(sorted(model.SCALARS)), min_size=1, max_size=3, unique=True),
    signs=st.lists(st.booleans(), min_size=3, max_size=3),
)


def examples(count):
    """Give the settings for a number of examples."""
    return settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def compare(shared, numbers, asked, paths, signs):
    """Compare the answers of queries on one world with a plain loop."""
    world = model.World(shared, **numbers)
    for raw, (user, level), name in asked:
        condition = resolve(world, raw)
        if uses_none_object(condition) or (user is None and asks_user(condition)):
            continue
        model.become(shared, user, "P1" if user in ("ann", "bob") else "cleo's project", level)
        rows = model.expected(world, name, condition, user, "P1", level)
        query = build(world, world.classes[name], condition, raw)
        check_rows(world, query, rows)
        check_order(world, query, rows, user, paths, signs)
        check_values(world, query, rows, user, paths)


@ASKED
@examples(25)
def test_queries_agree_with_a_plain_loop(shared, numbers, asked, paths, signs):
    compare(shared, numbers, asked, paths, signs)


@pytest.mark.heavy
@ASKED
@examples(300)
def test_many_queries_agree_with_a_plain_loop(shared, numbers, asked, paths, signs):
    compare(shared, numbers, asked, paths, signs)


@pytest.mark.parametrize("path", sorted(model.SCALARS))
def test_every_comparison_with_every_constant(shared, path):
    world = model.World(shared, 11, 6, 8, 50, 4)
    model.become(shared, "ann", "P1", 1)
    base = world.classes["Base"]
    constants = model.CONSTANTS[model.SCALARS[path]]
    asked = [(op, path, c) for op in ("==", "!=", "<", "<=", ">", ">=") for c in constants]
    asked += [("in", path, pair) for pair in itertools.combinations(constants, 2)]
    if model.SCALARS[path] != "bool":
        asked += [("between", path, pair) for pair in itertools.pairwise(constants)]
    if model.SCALARS[path] == "str":
        asked += [("like", path, pattern) for pattern in model.PATTERNS]
    found = 0
    for raw in asked:
        condition = resolve(world, raw)
        rows = model.expected(world, "Base", condition, "ann", "P1", 1)
        query = build(world, base, condition, raw)
        assert len(query) == len(rows), condition
        assert [o.object_id for o in query] == ids(world, rows), condition
        found += bool(rows)
    assert found > len(asked) // 8


def ids(world, rows):
    """Give the object ids of rows of the model."""
    return [world.stored[r["order"]].object_id for r in rows]


def check_rows(world, query, rows):
    """Check len, exists, iteration, indexing and slices."""
    wanted = ids(world, rows)
    assert len(query) == len(rows)
    assert [o.object_id for o in query] == wanted
    assert len(query) == len(rows)
    assert query.exists() is bool(rows)
    assert [o.object_id for o in query[1:4]] == wanted[1:4]
    assert [o.object_id for o in query[::-2]] == wanted[::-2]
    for at in (0, -1, len(rows) // 2):
        if rows:
            assert query[at] is world.stored[rows[at]["order"]]
            assert query[at] in query
    with pytest.raises(IndexError, match=f"finds {len(rows)} objects"):
        query[len(rows)]


def sort_rows(rows, path, descending, user):
    """Sort rows by one attribute, stably, missing values last."""
    values = {r["order"]: model.value_at(r, path, user) for r in rows}
    there = [r for r in rows if not model.missing(values[r["order"]])]
    gone = [r for r in rows if model.missing(values[r["order"]])]
    return sorted(there, key=lambda r: values[r["order"]], reverse=descending) + gone


def named(path):
    """Leave out what cannot be named by a text."""
    return path != "hdr[K]"


def check_order(world, query, rows, user, paths, signs):
    """Check order_by, max and min."""
    paths = [p for p in paths if named(p)]
    if not paths:
        return
    ordered = rows
    for path, descending in reversed(list(zip(paths, signs, strict=False))):
        ordered = sort_rows(ordered, path, descending, user)
    names = ["-" + p if d else p for p, d in zip(paths, signs, strict=False)]
    assert [o.object_id for o in query.order_by(*names)] == ids(world, ordered)
    for path in paths:
        known = [r for r in rows if not model.missing(model.value_at(r, path, user))]
        for greatest, find in ((True, query.max), (False, query.min)):
            best = (max if greatest else min) if known else None
            found = find(path)
            if best is None:
                assert found is None
            else:
                first = best(known, key=lambda r: model.value_at(r, path, user))
                assert found is world.stored[first["order"]]


def check_values(world, query, rows, user, paths):
    """Check the table and the statistics of some attributes."""
    for path in filter(named, paths):
        values = [model.value_at(r, path, user) for r in rows]
        column = query.table(path)[path]
        mask = np.broadcast_to(np.asarray(getattr(column, "mask", False)), len(values)).tolist()
        assert mask == [model.missing(v) for v in values]
        got = np.ma.getdata(np.asanyarray(column))
        kind = model.SCALARS[path]
        for raw, value in itertools.compress(zip(got, values, strict=True), map(_not, mask)):
            raw = raw.item() if hasattr(raw, "item") else raw
            assert raw == value
            assert type(raw) is type(value)
        if kind in ("int", "float"):
            check_statistics(query.stats(path), [v for v in values if not model.missing(v)], values)


def _not(flag):
    return not flag


def check_statistics(got, values, every):
    """Check statistics with plain sums."""
    count, low, high, mean, median, stdev = model.statistics_of(values)
    assert (got.count, got.missing) == (count, len(every) - count)
    assert (got.min, got.max) == (low, high)
    if count:
        for one, other in ((got.mean, mean), (got.median, median), (got.stdev, stdev)):
            assert one == other or (math.isnan(one) and math.isnan(other))


def test_lists_of_a_table_come_in_the_users_form(shared):
    world = model.World(shared, 3, 4, 4, 12, 0)
    model.become(shared, "ann", "P1", 1)
    query = world.classes["Base"].select_all()
    rows = model.expected(world, "Base", ("and",), "ann", "P1", 1)
    table = query.table("fl", "leaves", "mid", "d")
    for at, row in enumerate(rows):
        assert str(table["fl"][at]) == str(tuple(row["values"]["fl"]))
        assert len(table["leaves"][at]) == len(row["values"]["leaves"])
    assert table["d"].dtype == np.dtype("datetime64[us]")


@pytest.mark.parametrize("text", ["2012-06-01T10:51:44+02:00", "2012-06-01 08:51:44"])
def test_times_in_any_form_are_the_same_moment(shared, text):
    world = model.World(shared, 5, 0, 0, 30, 0)
    model.become(shared, "ann", "P1", 1)
    base = world.classes["Base"]
    naive = base.d == datetime.datetime(2012, 6, 1, 8, 51, 44)
    assert len(naive) > 0
    assert list(base.d == text) == list(naive)
    numpy_time = np.datetime64("2012-06-01T08:51:44", "ns")
    assert list(base.d == numpy_time) == list(naive)


def test_the_context_is_the_one_of_the_module(shared):
    assert current.context() is shared
