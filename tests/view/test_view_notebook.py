"""Tables, plots, information and progress in a real notebook."""

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

CELLS = (
    "%load_ext awe",
    """from awe.simulate import simulate_night
simulate_night('night', ccds=1, shape=(64, 64), biases=2, domes=0, twilights=0, exposures=1)
None""",
    "ingest('night', commit=True)",
    "RawFrame.select_all()",
    "RawFrame.select_all().table('DATE_OBS', 'EXPTIME', 'chip.name')",
    "RawFrame.select_all()[0]",
    "RawFrame.select_all()[0].info()",
    "RawFrame.select_all().plot('DATE_OBS', 'overscan_x_stat.mean', by='chip.name')",
    "RawFrame.select_all().hist('EXPTIME')",
    "RawScienceFrame.select_all().sky()",
    """import time
from awe.base.progress import track
for _ in track(range(8), 'Slow work'):
    time.sleep(0.1)""",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Run the notebook once; give the outputs of each cell."""
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWE_HOME", str(folder / "home"))
        patch.delenv("DISPLAY", raising=False)
        book = nbformat.v4.new_notebook()
        book.cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        nbclient.NotebookClient(
            book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
    return [cell.outputs for cell in book.cells]


def data_of(outputs, kind):
    """Give what a cell shows of one kind."""
    return [o["data"][kind] for o in outputs if kind in o.get("data", {})]


@pytest.mark.heavy
def test_tables_and_queries_are_html(outputs):
    (query,) = data_of(outputs[3], "text/html")
    assert "Query on RawFrame" in query
    (table,) = data_of(outputs[4], "text/html")
    assert ">UTC<" in table
    assert "<p>3 rows</p>" in table


@pytest.mark.heavy
def test_objects_and_info_are_html(outputs):
    for cell in (5, 6):
        (text,) = data_of(outputs[cell], "text/html")
        assert ">DATE_OBS</th>" in text
        assert data_of(outputs[cell], "text/plain")
    # It is shown, not printed as well.
    assert not [o for o in outputs[6] if o.output_type == "stream"]


@pytest.mark.heavy
def test_plots_are_pictures_or_widgets(outputs):
    for cell in (7, 8, 9):
        kinds = {kind for o in outputs[cell] for kind in o.get("data", {})}
        assert kinds & {"image/png", "application/vnd.jupyter.widget-view+json"}


@pytest.mark.heavy
def test_progress_is_one_output_that_ends_complete(outputs):
    (bar,) = data_of(outputs[10], "text/html")
    assert '<progress value="8" max="8">' in bar
    assert "8/8" in bar
    assert not [o for o in outputs[10] if o.output_type == "stream"]
    # Quick steps of the ingest show no bar.
    assert not any("\r" in o.get("text", "") for o in outputs[2])
