"""What `info()` prints."""

import datetime

import numpy as np

from awe import view
from awe.store import DBObject, OwnedRecord, persistent
from awe.view.information import WIDTH, information, value_text


class ViewPoint(OwnedRecord):
    """A point."""

    x = persistent("Column", float, unit="pix")
    label = persistent("What it is", str)


class ViewPlate(DBObject):
    """Something to look at."""

    abstract = False
    name = persistent("Name", str, mutable=True)
    exposed = persistent("How long", float, unit="s")
    taken = persistent("When", datetime.datetime)
    centre = persistent("Its centre", ViewPoint)
    corners = persistent("Its corners", [ViewPoint])
    others = persistent("Plates beside it", ["ViewPlate"])
    header = persistent("Keywords", dict)
    pixels = persistent("A small picture", np.ndarray)
    remarks = persistent("Remarks", [str])


def a_plate(**values):
    """Give a plate with something in each kind of attribute."""
    made = {
        "name": "Plate 1",
        "exposed": 0.1 + 0.2,
        "taken": "2012-06-01T08:51:44",
        "centre": ViewPoint(x=5.5),
        "corners": [ViewPoint(x=float(i), label=f"corner {i}") for i in range(9)],
        "header": {"RA": 1.0, "DEC": 2.0},
        "pixels": np.zeros((3, 4), dtype="f4"),
        "remarks": ["a long remark of many words " * 20],
    }
    return ViewPlate(**{**made, **values})


def lines_of(text):
    """Give the lines by their first word."""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines()}


def test_every_attribute_stands_there_with_its_unit():
    text = information(a_plate())
    lines = lines_of(text)
    assert set(ViewPlate._attributes) <= set(lines)
    assert lines["exposed"] == "0.3 s"
    assert lines["taken"] == "2012-06-01 08:51:44"
    assert lines["x"] == "5.5 pix"
    assert lines["header"] == "2 keys: RA, DEC"
    assert lines["pixels"] == "array of float32, shape (3, 4)"
    assert lines["others"] == "none"
    assert lines["state"] == "not committed"
    assert "creator" not in lines


def test_no_line_is_wider_than_80_columns():
    plate = a_plate(others=[a_plate(name="n" * 60) for _ in range(30)])
    assert max(len(line) for line in information(plate).splitlines()) <= WIDTH == 80


def test_long_lists_are_shortened():
    text = information(a_plate())
    assert "9 ViewPoint" in text
    assert "[8] x=8 pix, label=corner 8" in text
    assert "[4]" not in text
    assert value_text(tuple(f"f{i}" for i in range(160))) == "160 items: f0, f1, ... f159"
    assert value_text(("a", "b")) == "2 items: a, b"


def test_stored_object_shows_who_and_where_and_what_is_edited(context):
    plate = a_plate().commit()
    lines = lines_of(information(plate))
    assert "ada" in lines["creator"]
    assert lines["privileges"] == "1 (MyDB)"
    assert "*" not in information(plate)
    plate.name = "changed"
    text = information(plate)
    assert lines_of(text)["name"] == "*changed"
    assert "not committed yet" in text


def test_restricted_links_are_named_and_nothing_more(context, tmp_path):
    from awe.base.environment import Environment
    from awe.store import open_context

    hidden = ViewPlate(name="secret").commit()
    context.set_project("ada's project")
    context.add_member("bob")
    context.set_privileges(2)
    seen = ViewPlate(name="open", others=[hidden])
    context.commit(seen, restricted=True)
    settings = Environment(
        tmp_path, str(tmp_path / "store"), str(tmp_path / "data"), "bob", "ada's project", 2
    )
    open_context(settings)
    text = " ".join(information(ViewPlate.get(name="open")).split())
    assert "1 item: <Restricted ViewPlate" in text
    assert "secret" not in text


def test_info_prints_through_the_hook(capsys):
    view.enter()
    a_plate().info()
    assert "Plate 1" in capsys.readouterr().out


def test_product_shows_what_it_was_made_from():
    import awe.model as model

    bias = model.BiasFrame(raw_bias_frames=[model.RawBiasFrame() for _ in range(20)])
    text = information(bias)
    assert text.index("Made from:") < text.index("raw_bias_frames")
    assert "20 items: <RawBiasFrame" in " ".join(text.split())


def test_quality_flags_are_told_by_name():
    import awe.model as model
    from awe.process.flags import decode

    assert lines_of(information(model.RawBiasFrame(quality_flags=1)))["quality_flags"] == (
        f"1 ({decode(1)[0].name})"
    )


# --- notebooks ---


def test_html_of_an_object_has_every_attribute_and_escapes_everything(context):
    view.enter()
    plate = a_plate(name="<script>alert('x')</script>", remarks=["a & b"])
    text = plate._repr_html_()
    for name in ViewPlate._attributes:
        assert f">{name}</th>" in text
    assert "0.3 s</td>" in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "a &amp; b" in text
    # Records are folded.
    assert "<details><summary>ViewPoint</summary>" in text
    plate.commit()
    plate.name = "changed"
    assert ">name*</th>" in plate._repr_html_()
    assert "not committed yet" in plate._repr_html_()


def test_html_of_a_query_has_its_condition_and_the_first_objects(context):
    view.enter()
    context.commit([a_plate(name=f"<b>{k}</b>") for k in range(1203)])
    text = ViewPlate.select_all()._repr_html_()
    assert "1203 objects" in text
    assert text.count("<li>") == 10
    assert "&lt;b&gt;9&lt;/b&gt;" in text
    assert "<b>9" not in text
    assert text.endswith("<p>and 1,193 more</p>")
    none = (ViewPlate.name == "<i>")._repr_html_()
    assert "<li>" not in none
    assert "&lt;i&gt;" in none


def test_html_is_asked_of_objects_only(context):
    from IPython.core.formatters import DisplayFormatter

    view.enter()
    shown = DisplayFormatter().format(ViewPlate.select_all())[0]
    assert "text/html" in shown
    assert "text/html" not in DisplayFormatter().format(ViewPlate)[0]
    assert "text/html" not in DisplayFormatter().format(ViewPlate.name)[0]
