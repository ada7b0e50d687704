"""What the pages tell: jobs, units, failures, logs, products."""

import html
import json
import re
import struct
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from awe.dpu.jobs import find_job, units_of
from awe.services.jobs_shown import jobs_shown
from awe.store.query import Query

HTML = "<img src=x onerror=\"alert(1)\"> <script>alert('2')</script> &amp;"


@pytest.fixture(scope="module")
def finished(context, request):
    """Give the number of a job in which some units fail and one prints HTML."""
    from awe.dpu.processor import Processor

    dpu = Processor("awe.prompt.namespace:open_session")
    job = dpu.run("Trial", how=["well", "refuse", HTML, "refuse"], commit=True)
    dpu.wait(job)
    return job


def events_of(response):
    """Read server-sent events, each as (name, data, id), as they come."""
    event = {}
    for line in response:
        name, _, value = line.decode().rstrip("\r\n").partition(": ")
        if name:
            event[name] = value
            continue
        if "event" in event:
            yield event["event"], json.loads(event["data"]), event.get("id")
        if event.get("event") == "end":
            return
        event = {}
    raise AssertionError("the stream ended before all was told")


def test_the_first_page_lists_jobs(client, finished, dpu, gate, until):
    """The queue on top, then what is over, the newest first."""
    busy = dpu.run("Trial", how=["wait"], gate=str(gate))
    queued = dpu.run("Trial", how=["well", "well"], commit=True)
    until(lambda: dpu.get_status(busy)[0].state == "running")
    queue, over = client.ask("/").text.split("<h2>Over</h2>")
    assert re.findall(r'<td class="num"><a href="/jobs/(\d+)"', queue) == [str(busy), str(queued)]
    assert re.findall(r'class="state (\w+)"', queue) == ["running", "queued"]
    assert "0 / 2" in queue
    assert f'<a href="/jobs/{finished}">Trial</a>' in over
    assert 'aria-label="2 done, 2 failed, 4 in all"' in over
    assert "The DPU runs since" in queue
    gate.touch()
    dpu.wait(queued)


def test_a_job_tells_what_went_wrong_by_cause(client, finished):
    """Count, cause, what to do and which units; as text whatever it holds."""
    text = client.ask(f"/jobs/{finished}").text
    assert "<b>2 failed</b> it is &lt;b&gt;bad&lt;/b&gt;" in text
    assert '<p class="remedy">  Mend it.</p>' in text
    assert '<p class="labels">unit&lt;1&gt;, unit&lt;3&gt;</p>' in text
    assert re.findall(r'<td><span class="state (\w+)">', text) == [
        "done", "failed", "done", "failed"
    ]  # fmt: skip
    assert f'action="/jobs/{finished}/again"' in text
    assert "data-live" not in text
    only = client.ask(f"/jobs/{finished}?state=failed").text
    assert re.findall(r'<td><span class="state (\w+)">', only) == ["failed", "failed"]
    assert "No unit is queued" in client.ask(f"/jobs/{finished}?state=queued").text


def test_log_lines_are_text(client, finished, context):
    """HTML that a recipe prints is never part of the page."""
    text = client.ask(f"/jobs/{finished}").text
    lines = [html.unescape(line) for line in re.findall(r"<li>(.*?)</li>", text)]
    stored = (Path(find_job(context, finished).folder) / "log").read_text().splitlines()
    assert lines == stored
    assert any(line.endswith(HTML) for line in lines)
    assert "<img src=x" not in text
    answer = client.ask(f"/jobs/{finished}/log")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.splitlines() == stored


def test_events_tell_a_job_from_queued_to_done(client, dpu, gate, context):
    """Every line of the log once, and the state at the end."""
    job = dpu.run("Trial", how=["well", "wait", HTML], gate=str(gate), commit=True)
    page = client.ask(f"/jobs/{job}").text
    where = html.unescape(re.search(r'data-live="([^"]+)"', page)[1])
    shown = [html.unescape(line) for line in re.findall(r"<li>(.*?)</li>", page)]
    with client.opened(where) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        coming = events_of(response)
        first = next(coming)
        assert first[0] == "part"
        assert set(first[1]) == {"head", "failures", "units"}
        gate.touch()
        events = [first, *coming]
    stored = (Path(find_job(context, job).folder) / "log").read_text().splitlines()
    told = [line for name, lines, _ in events if name == "log" for line in lines]
    assert shown + told == stored
    assert stored[-1].endswith("done: 3 done")
    parts = {k: v for name, data, _ in events if name == "part" for k, v in data.items()}
    assert '<span class="state done">done</span>' in parts["head"]
    assert parts["units"].count('<span class="state done">') == 3
    at = [number for name, _, number in events if name == "log"][-1]
    with client.opened(where, **{"Last-Event-ID": at}) as response:
        assert not [e for e in events_of(response) if e[0] == "log"]


def test_a_product_with_its_quality_and_lineage(client, finished, context):
    """All that hangs on it is reached from its job."""
    page = client.ask(f"/jobs/{finished}").text
    assert '<span class="flag">TEST_PALE</span>' in page
    path = re.search(r'href="(/products/Enlargement/[0-9a-f]{32})"', page)[1]
    text = client.ask(path).text
    assert '<span class="state valid1">1 good</span>' in text
    assert '<span class="flag hard">TEST_PALE</span> it is &lt;pale&gt;; it is not chosen' in text
    assert "unknown" not in text
    tree = re.search(r'<pre class="tree">(.*?)</pre>', text, re.DOTALL)[1]
    assert re.match(r"\s*<b>Enlargement [0-9a-f]{8}", tree)
    plate = re.search(r'plate: <a href="(/products/Plate/[0-9a-f]{32})">Plate', tree)[1]
    assert "Plate" in client.ask(plate).text
    for each, shape in ((path, (120, 40)), (plate, (60, 40))):
        answer = client.ask(f"{each}/picture.png")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.body.startswith(b"\x89PNG\r\n")
        width, height = struct.unpack(">II", answer.body[16:24])
        assert width > 300
        assert height > 300
        assert f"{shape[1]} x {shape[0]}" not in text
    (unit, *_) = units_of(context, find_job(context, finished))
    assert unit.results[0].split(" ")[1] == path.rpartition("/")[2]


def test_a_picture_is_drawn_once(client, finished, home):
    """It is kept where only the user can read, and asked for again comes from there."""
    page = client.ask(f"/jobs/{finished}").text
    path = re.search(r'href="(/products/Enlargement/[0-9a-f]{32})"', page)[1]
    first = client.ask(f"{path}/picture.png")
    kept = home / "dpu" / "pictures" / f"{path.rpartition('/')[2]}.png"
    assert kept.read_bytes() == first.body
    assert kept.parent.stat().st_mode & 0o077 == 0
    kept.write_bytes(b"as it was kept")
    assert client.ask(f"{path}/picture.png").body == b"as it was kept"


def test_a_product_that_was_judged_since(client, finished, context, dpu):
    """What people say of it is seen at once."""
    made = dpu.get_job_result(finished)[-1]
    context.update_is_valid(made, 0, why="test")
    path = f"/products/Enlargement/{made.object_id}"
    assert '<span class="state valid0">0 bad</span>' in client.ask(path).text
    assert '<span class="flag">is_valid 0</span>' in client.ask(f"/jobs/{finished}").text


def test_a_product_that_is_not_stored(client, dpu):
    """It is shown with its lineage as long as its job is remembered; then it is gone."""
    job = dpu.run("Trial", how=["well"])
    dpu.wait(job)
    page = client.ask(f"/jobs/{job}").text
    path = re.search(r'href="(/products/Enlargement/[^"]+unit=[0-9a-f]{32})"', page)[1]
    text = client.ask(path).text
    assert "not committed" in text
    plate = html.unescape(re.search(r'plate: <a href="([^"]+)"', text)[1])
    assert "not committed" in client.ask(plate).text
    picture = client.ask(plate.replace("?", "/picture.png?"))
    assert picture.body.startswith(b"\x89PNG\r\n")
    dpu.forget_job(job)
    assert client.ask(path).status == 404
    assert client.ask(f"/jobs/{job}").status == 404


def test_a_product_that_was_deleted(client, dpu, context):
    """Its job remembers that there was one."""
    job = dpu.run("Trial", how=["well"], commit=True)
    dpu.wait(job)
    (made,) = dpu.get_job_result(job)
    path = f"/products/Enlargement/{made.object_id}"
    assert path in client.ask(f"/jobs/{job}").text
    assert client.ask(f"{path}/picture.png").status == 200
    context.delete([made], why="test")
    text = client.ask(f"/jobs/{job}").text
    assert '<span class="flag">deleted</span>' in text
    assert path not in text
    assert client.ask(path).status == 404
    assert client.ask(f"{path}/picture.png").status == 404


@pytest.mark.parametrize(
    "path",
    ["/jobs/4711", "/jobs/4711/log", "/jobs/4711/events", "/jobs/x", "/products/Plate/00000000",
     "/products/NoSuch/0123456789abcdef", "/products/%3Cb%3E/<i>", "/static/../pages.py",
     "/static/%2e%2e/pages.py", "/jobs/%3Cb%3E"],
)  # fmt: skip
def test_what_is_not_there(client, path):
    """A page says so, and says it as text."""
    answer = client.ask(path)
    assert answer.status == 404
    assert "That is not there" in answer.text
    assert "<b>" not in answer.text
    assert "<i>" not in answer.text


def test_what_failed_is_run_again(client, finished, dpu, gate):
    """The button does what dpu.rerun_failed does; where nothing failed it says so."""
    answer = client.post(f"/jobs/{finished}/again")
    assert answer.status == 303
    new = int(answer.headers["Location"].rpartition("/")[2])
    assert dpu.wait(new).units == 2
    good = dpu.run("Trial", how=["well"], commit=True)
    dpu.wait(good)
    answer = client.post(f"/jobs/{good}/again")
    assert answer.status == 409
    assert f"Nothing failed in job {good}" in answer.text
    assert client.post(f"/jobs/{good}/cancel").status == 303
    assert dpu.get_status(good)[0].state == "done"


def test_the_units_of_a_large_job_come_in_pages(client, dpu, gate):
    """A page of a thousand units is small, and comes quickly."""
    job = dpu.run("Trial", how=["wait"] + ["well"] * 999, gate=str(gate))
    try:
        began = time.monotonic()
        text = client.ask(f"/jobs/{job}?page=10").text
        assert time.monotonic() - began < 2
        assert "page 10 of 10" in text
        assert len(re.findall(r'<td><span class="state queued">', text)) == 100
        assert "unit&lt;999&gt;" in text
        assert client.ask(f"/jobs/{job}?page=99999999999999").status == 200
    finally:
        dpu.cancel_job(job)
    assert "1000 cancelled" in client.ask(f"/jobs/{job}").text
    assert "page 1 of 10" in client.ask(f"/jobs/{job}?state=cancelled").text
    dpu.wait(job)


@pytest.mark.parametrize("number", ["²", "٣", "-1", "9" * 30, "x", ""])
def test_numbers_that_are_none_are_no_trouble(client, number):
    """Whatever stands in an address or a header, the page answers."""
    said = quote(number)
    assert client.ask(f"/?page={said}").status == 200
    assert client.ask(f"/jobs/{said}").status == 404
    assert client.ask(f"/jobs/{said}/log").status == 404
    assert client.ask(f"/jobs/{said}/events?from={said}").status == 404
    assert client.ask(f"/products/{said}/{said}?unit={said}").status == 404


def test_page_shows_the_jobs_of_its_own_user(context, dpu):
    """Whatever others may publish."""
    dpu.wait(dpu.run("Trial", how=["well"], commit=True))
    number = dpu.get_jobids()[-1]
    mine = jobs_shown(context, 1)
    assert number in [job.status.number for job in mine["over"]]
    asked = []
    real = Query.user_only
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Query, "user_only", lambda query: asked.append(query) or real(query))
        jobs_shown(context, 1)
    assert len(asked) == 2
