"""Processed exposures leave for another store with what they were made from."""

import numpy as np
import pytest
from awe.recipes.MuseIngestTask import MuseIngestTask
from awe.recipes.ProcessExposureTask import ProcessExposureTask

from awe.base.errors import AweValueError
from awe.model import ProcessedExposure
from awe.process.exchange import export
from awe.process.importing import import_folder
from awe.process.plainjson import decoded, encoded
from awe.simulate.muse import simulate_muse
from awe.store.context import Context
from awe.store.kinds import DictKind


def test_headers_tables_and_arrays_come_along(context, tmp_path):
    """As they were; up to date there too, so the keys of the exposures are the same."""
    tree = simulate_muse(tmp_path / "tree", exposures=1)
    MuseIngestTask(root=str(tree.root), commit=True).execute()
    (made,) = ProcessExposureTask(commit=True).execute()
    exposure = made.exposure
    header, key = dict(exposure.datacube_header), exposure.content_key
    strehl = np.array(exposure.raw_exposure_data["SPARTA_ATM_DATA"]["LGS3_STREHL"])
    fwhm, means = exposure.pampelmuse_params["fwhm"], made.psf_params["fwhm_means"]
    export([made], tmp_path / "out")
    context.close()
    other = Context(tmp_path / "store2", tmp_path / "data2", "me")
    try:
        import_folder(tmp_path / "out")
        (again,) = ProcessedExposure.select_all()
        there = again.exposure
        assert dict(there.datacube_header) == header
        assert there.raw_exposure_data["CHAN01"]["BITPIX"] == 16
        read = there.raw_exposure_data["SPARTA_ATM_DATA"]["LGS3_STREHL"]
        np.testing.assert_array_equal(read, strehl)
        np.testing.assert_array_equal(there.pampelmuse_params["fwhm"], fwhm)
        np.testing.assert_array_equal(again.psf_params["fwhm_means"], means)
        assert list(there.sources.per_source()) == ["PM_7", "PM_12"]
        assert there.content_key == key
        assert again.is_uptodate()
    finally:
        other.close()


@pytest.mark.parametrize("content", [
    ["header", {"base64": "AAAA"}], ["array", {"base64": "AAAA"}], ["unheard", 1], ["header"], 3,
    ["table", 5], ["fits table", [{"base64": "AAAA"}, {"base64": ""}]],
])  # fmt: skip
def test_what_was_tampered_with_is_refused(content):
    """With the attribute, and nothing is built of it."""
    data = {"items": {"a": {"coded": content}}}
    with pytest.raises(AweValueError, match=r"X\.header holds"):
        decoded(DictKind(), data, "X.header")


def test_an_array_in_a_dict_survives():
    """Dtype and shape too."""
    kind = DictKind()
    value = kind.coerce({"a": np.arange(6, dtype=">i2").reshape(2, 3), "b": {"c": 1.5}}, "X.h")
    again = decoded(kind, encoded(kind, value), "X.h")
    np.testing.assert_array_equal(again["a"], np.arange(6).reshape(2, 3))
    assert again["b"]["c"] == 1.5
