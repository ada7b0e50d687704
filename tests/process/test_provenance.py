"""Provenance in the terms of the IVOA data model: each document is read back and compared."""

import datetime
import io
import json

import pytest
from process_lab import PrRed, cal, raw

from awe.base.errors import AweError
from awe.process import Making

VOPROV = "http://www.ivoa.net/documents/ProvenanceDM/ns/voprov/"


@pytest.fixture
def product(context):
    """Give a product of a raw thing and a calibration of two."""
    source = raw(sha="1")
    other = raw(sha="2", hours=21)
    calibration = cal(source, pars={"PrCal.process_params.WIDTH": 3.5})
    calibration = Making(type(calibration)(raws=[source, other], chip=source.chip)).run()
    calibration.timestamp_start = datetime.datetime(2020, 1, 1)
    calibration.timestamp_end = datetime.datetime(2020, 2, 1)
    made = Making(PrRed(raw=source, cal=calibration), overridden=["cal"]).run()
    made.steps_not_done = ["dark: there is none"]
    context.commit(made)
    return made


def read(text):
    """Read PROV-JSON back."""
    from prov.model import ProvDocument

    return ProvDocument.deserialize(content=text)


def name(identifier):
    """Give the local part of a qualified name."""
    return identifier.localpart


def test_prov_json_is_read_back_the_same(product):
    from prov.model import ProvDocument

    document = read(product.provenance())
    assert read(document.serialize()) == document
    assert json.loads(product.provenance("prov-json"))["prefix"]["voprov"] == VOPROV
    kinds = {type(r).__name__ for r in document.get_records()}
    assert kinds >= {"ProvEntity", "ProvActivity", "ProvAgent", "ProvUsage", "ProvGeneration",
                     "ProvAssociation", "ProvAttribution", "ProvDerivation"}  # fmt: skip
    assert isinstance(document.unified(), ProvDocument)


def test_used_and_generated_are_the_lineage(product):
    from prov.model import ProvGeneration, ProvUsage

    document = read(product.provenance())
    used = {
        (name(r.args[0]), name(r.args[1]), *map(str, r.get_attribute("prov:role")))
        for r in document.get_records(ProvUsage)
    }
    calibration = product.cal
    wanted = {(f"making-{calibration.object_id}", f"entity-{o.object_id}", "raws")
              for o in calibration.raws}  # fmt: skip
    wanted |= {(f"making-{product.object_id}", f"entity-{o.object_id}", role)
               for role, o in product.input_objects()}  # fmt: skip
    assert used == wanted
    generated = {(name(r.args[0]), name(r.args[1])) for r in document.get_records(ProvGeneration)}
    assert generated == {
        (f"entity-{o.object_id}", f"making-{o.object_id}") for o in (product, calibration)
    }


def test_activity_has_its_times_and_who(product):
    from prov.model import ProvActivity, ProvAgent, ProvAssociation

    document = read(product.provenance())
    activities = {name(a.identifier): a for a in document.get_records(ProvActivity)}
    activity = activities[f"making-{product.object_id}"]
    end = product.creation_date.replace(tzinfo=datetime.UTC)
    assert activity.get_endTime() == end
    seconds = (activity.get_endTime() - activity.get_startTime()).total_seconds()
    assert seconds == pytest.approx(product.made_in, abs=1e-5)
    comment = str(next(iter(activity.get_attribute("voprov:comment"))))
    assert comment.startswith("not done: dark: there is none; input given by the user: cal; on ")
    agents = {str(next(iter(a.get_attribute("voprov:name")))) for a in
              document.get_records(ProvAgent)}  # fmt: skip
    assert agents == {"me", f"awe {product.package_version}"}
    roles = [str(next(iter(r.get_attribute("prov:role")))) for r in
             document.get_records(ProvAssociation)]  # fmt: skip
    assert sorted(roles) == ["operator", "operator", "software", "software"]


def test_parameters_have_values_and_descriptions(product):
    from prov.model import ProvEntity

    document = read(product.provenance())
    entities = {name(e.identifier): e for e in document.get_records(ProvEntity)}
    assert len(entities) == len(list(document.get_records(ProvEntity)))
    value = entities[f"parameter-{product.cal.object_id}-WIDTH"]
    assert list(value.get_attribute("prov:value")) == ["2.0"]
    assert {t.localpart for t in value.get_asserted_types()} == {"Parameter"}
    described = entities["parameter-PrCal-WIDTH"]
    assert list(described.get_attribute("voprov:unit")) == ["pix"]
    assert list(described.get_attribute("voprov:min")) == ["0"]
    assert {t.localpart for t in described.get_asserted_types()} == {"ParameterDescription"}


def test_prov_n_says_the_same(product):
    text = product.provenance("prov-n")
    again = read(product.provenance()).get_provn()
    assert sorted(text.splitlines()) == sorted(again.splitlines())
    assert text.startswith("document")
    assert text.rstrip().endswith("endDocument")
    assert f"wasGeneratedBy(awe:entity-{product.object_id}, awe:making-{product.object_id}" in text


def test_votable_is_valid_and_complete(product, tmp_path):
    from astropy.io import votable
    from astropy.io.votable.tree import VOTableFile

    path = tmp_path / "prov.xml"
    text = product.provenance("votable", path=path)
    assert path.read_text() == text
    report = io.StringIO()
    votable.validate(io.BytesIO(text.encode()), output=report)
    assert "found no violations" in report.getvalue()
    read_back = votable.parse(io.BytesIO(text.encode()), verify="exception")
    assert isinstance(read_back, VOTableFile)
    tables = {t.name: t.to_table() for t in read_back.iter_tables()}
    assert len(tables["Entity"]) == 4
    assert len(tables["Activity"]) == 2
    assert set(tables["Used"]["role"]) == {"raw", "cal", "raws"}
    assert len(tables["Parameter"]) == 5
    ids = set(tables["Entity"]["id"])
    assert set(tables["Used"]["entity_id"]) <= ids
    assert set(tables["Parameter"]["activity_id"]) <= set(tables["Activity"]["id"])
    assert read_back.resources[0].tables[0].fields[0].utype == "voprov:Entity.id"


def test_raw_thing_has_provenance_too(product):
    from prov.model import ProvActivity, ProvEntity

    document = read(product.raw.provenance())
    assert not list(document.get_records(ProvActivity))
    names = {name(e.identifier) for e in document.get_records(ProvEntity)}
    assert names == {f"entity-{product.raw.object_id}", "description-PrRaw"}


def test_wrong_format_and_file(product, tmp_path):
    with pytest.raises(AweError, match="Did you mean 'prov-n'"):
        product.provenance("prov_n")
    with pytest.raises(AweError, match="cannot be written to"):
        product.provenance(path=tmp_path / "no" / "file.json")


def test_without_the_library_the_error_says_what_to_do(product, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "awe.process.provenance_w3c", None)
    with pytest.raises(AweError, match=r"pip install prov, or take format='votable'"):
        product.provenance()
    assert "VOTABLE" in product.provenance("votable")
