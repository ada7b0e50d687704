"""Who is let in: the link, the cookie, the name of the host, and where a form comes from."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PATHS = ["/", "/events", "/jobs/1", "/jobs/1/log", "/jobs/1/events", "/static/style.css",
         "/products/Plate/0123456789abcdef", "/nothing"]  # fmt: skip


@pytest.fixture
def waiting(dpu, gate, until):
    """Give the number of a job that runs until its gate is opened."""
    job = dpu.run("Trial", how=["wait"], gate=str(gate))
    until(lambda: dpu.get_status(job)[0].state == "running")
    yield job
    dpu.cancel_job(job)
    dpu.wait(job)


def test_the_link_is_printed_and_its_token_kept_privately(home, link, awe_command):
    """Whoever cannot read the file has no token."""
    file = home / "dpu" / "page.token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert link.endswith("=" + file.read_text())
    assert len(file.read_text()) >= 43
    assert f"Its page: {link}\n" in awe_command("dpu", "status")
    assert f"Its page: {link}\n" in awe_command("dpu", "start")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_the_token(stranger, path):
    """Neither what exists nor what does not."""
    for cookie in ({}, {"Cookie": f"awe_dpu_{stranger.port}=wrong"}, {"Cookie": "other=1"}):
        answer = stranger.ask(path, **cookie)
        assert answer.status == 401
        assert "awe dpu start" in answer.text
    assert stranger.ask(f"{path}?token=wrong").status == 401
    assert stranger.ask(f"{path}?token=").status == 401
    assert stranger.ask(f"{path}?token=%C3%A4").status == 401


def test_the_token_moves_into_a_cookie(stranger):
    """The link leads to the page without it."""
    answer = stranger.ask(f"/jobs/1?page=2&token={stranger.token}&state=done")
    assert answer.status == 303
    assert answer.headers["Location"] == "/jobs/1?page=2&state=done"
    name, *words = answer.headers["Set-Cookie"].split("; ")
    assert name == f"awe_dpu_{stranger.port}={stranger.token}"
    assert {word.lower() for word in words} == {"httponly", "path=/", "samesite=strict"}
    leads_away = stranger.ask(f"//evil.example/?token={stranger.token}")
    assert leads_away.headers["Location"] == "/evil.example/"
    stranger.enter()
    assert stranger.ask("/").status == 200


def test_other_names_of_this_host_are_refused(client):
    """A name that leads here although it is not ours is how a foreign page would get in."""
    port = client.port
    for host in (f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", "localhost", "",
                 f"127.0.0.1.evil.example:{port}"):  # fmt: skip
        assert client.ask("/", Host=host).status == 403
        assert client.ask(f"/?token={client.token}", Host=host).status == 403
    assert client.ask("/", Host=f"localhost:{port}").status == 200


def test_a_request_without_a_host_is_refused(client):
    """Also where HTTP/1.0 allows it."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
        cookie = client.cookie["Cookie"]
        connection.sendall(f"GET / HTTP/1.0\r\nCookie: {cookie}\r\n\r\n".encode())
        assert b" 403 " in connection.recv(65536).split(b"\r\n")[0]


def test_buttons_of_other_pages_do_nothing(client, stranger, waiting, dpu):
    """A form needs the cookie, and must come from the page itself."""
    path, ours = f"/jobs/{waiting}/cancel", f"http://{client.host}"
    others = ({}, {"Origin": "http://evil.example"}, {"Origin": "null"},
              {"Origin": f"http://127.0.0.1:{client.port + 1}"},
              {"Origin": f"https://{client.host}"})  # fmt: skip
    for headers in others:
        assert client.ask(path, "POST", **headers).status == 403
    assert stranger.ask(path, "POST", Origin=ours).status == 401
    assert stranger.ask(f"{path}?token={stranger.token}", "POST", Origin=ours).status == 401
    assert client.ask(path).status == 405
    assert dpu.get_status(waiting)[0].state == "running"
    answer = client.post(path)
    assert (answer.status, answer.headers["Location"]) == (303, f"/jobs/{waiting}")
    assert dpu.get_status(waiting)[0].state == "cancelled"


@pytest.mark.parametrize("path", ["/", "/static/live.js", "/nothing", "/?token=wrong"])
def test_every_answer_forbids_what_is_not_ours(client, path):
    """No scripts but ours, no frames, nothing from elsewhere, nothing kept."""
    headers = client.ask(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_pages_need_nothing_from_elsewhere(client):
    """And no script or style stands in the page itself."""
    text = client.ask("/").text
    assert re.findall(r'(?:src|href)="(?!/)[^"]*"', text) == []
    assert "<style" not in text
    assert " style=" not in text
    assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) == [""]


def test_only_this_machine_can_connect(client):
    """The page listens on 127.0.0.1 and nowhere else."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f":{client.port:04X}"
    places = {s[1] for s in sockets if s[1].endswith(port) and s[3] == "0A"}
    assert places == {"0100007F" + port}
    wide = Path("/proc/net/tcp6").read_text() if Path("/proc/net/tcp6").exists() else ""
    assert not [line for line in wide.splitlines() if line.split()[1].endswith(port)]


@pytest.mark.heavy
def test_the_page_and_the_dpu_do_not_need_each_other(home, link, awe_command, dpu, until):
    """One that is killed does not take the other along; `awe dpu start` brings either back."""
    from awe.dpu.control import DpuHome
    from awe.services.desk import PageDesk

    desk, before = PageDesk(), DpuHome().running()
    os.kill(desk.running().pid, signal.SIGKILL)
    until(lambda: desk.running() is None)
    assert DpuHome().running() == before
    again = awe_command("dpu", "start")
    assert link.partition("?")[2] in again
    page = desk.running()
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: DpuHome().running() is None)
    assert desk.running() == page
    assert "The DPU runs" in awe_command("dpu", "start")
    assert desk.running() == page


@pytest.mark.heavy
def test_stop_ends_both(home, awe_command):
    """Afterwards nobody listens."""
    from awe.services.desk import PageDesk

    awe_command("dpu", "start")
    port = PageDesk().running().port
    awe_command("dpu", "stop")
    assert PageDesk().running() is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert "page" not in awe_command("dpu", "status")


@pytest.mark.heavy
def test_the_port_can_be_chosen(home, awe_command):
    """One that is taken is told, and the DPU runs all the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert f"http://127.0.0.1:{port}/?token=" in awe_command("dpu", "start", AWE_DPU_PORT=str(port))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = awe_command("dpu", "start", AWE_DPU_PORT=str(port))
        assert "The DPU runs" in said
        assert f"127.0.0.1:{port} cannot be used: Address already in use" in said


@pytest.mark.parametrize("port", ["x", "-1", "65536", "1e3"])
def test_a_port_that_is_none_is_refused(home, awe_command, port, monkeypatch):
    """In the words of the settings."""
    from awe.base.environment import read_environment
    from awe.base.errors import AweValueError

    monkeypatch.setenv("AWE_DPU_PORT", port)
    with pytest.raises(AweValueError, match=f"dpu_port = '{port}' is not a port"):
        read_environment()


def test_a_token_that_others_could_read_is_replaced(tmp_path):
    """And so is an empty one."""
    from awe.services.desk import PageDesk

    desk = PageDesk(tmp_path / "dpu")
    first = desk.token()
    assert desk.token() == first
    desk.token_file.chmod(0o644)
    second = desk.token()
    assert second != first
    assert stat.S_IMODE(desk.token_file.stat().st_mode) == 0o600
    desk.token_file.write_text("")
    assert desk.token() not in ("", first, second)


def test_nobody_waits_for_the_web_who_does_not_serve_it(home):
    """The prompt and the commands load no framework."""
    code = (
        "import sys, awe.services.commands, awe.prompt.namespace, awe.prompt.main; "
        "print([m for m in ('starlette', 'uvicorn', 'jinja2', 'anyio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
