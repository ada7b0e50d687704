"""The page in a browser: it changes while one looks at it, and nothing in it comes to life."""

import pytest

# A browser is a heavy program.
pytestmark = pytest.mark.heavy

HTML = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"


@pytest.fixture
def window(browser, link):
    """Give a window that has used the link; at the end the browser has nothing to complain of."""
    browser.get(link)
    assert "token" not in browser.current_url
    yield browser
    browser.get("about:blank")
    assert browser.get_log("browser") == []


@pytest.fixture
def text_of(window):
    """Give a function that gives the texts of what a CSS selector finds."""
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)"
    return lambda css: window.execute_script(script, css)


def open_page(window, path):
    """Open another page."""
    address = window.current_url.split("/")
    window.get("/".join([*address[:3], path.lstrip("/")]))


def test_a_job_goes_from_queued_to_done(window, text_of, dpu, gate, until):
    """Nobody reloads the page."""
    first = dpu.run("Trial", how=["wait"], gate=str(gate))
    job = dpu.run("Trial", how=["well", "well"], commit=True)
    until(lambda: text_of("td .state")[:2] == ["running", "queued"])
    open_page(window, f"/jobs/{job}")
    assert text_of(".title .state") == ["queued"]
    assert text_of("#log li") == []
    window.execute_script("window.stays = true")
    gate.touch()
    until(lambda: text_of(".title .state") == ["done"])
    until(lambda: text_of("#log li")[-1:] and "done: 2 done" in text_of("#log li")[-1])
    assert text_of("td .state") == ["done", "done"]
    assert text_of(".chip") == ["2 done"]
    assert text_of("#cancel") == []
    assert len(text_of("#log li")) == len(dpu.get_logs(job))
    assert window.execute_script("return window.stays")
    dpu.wait(first)
    window.find_element("css selector", ".units td a").click()
    until(lambda: text_of("h1.name"))
    assert text_of(".flag") == ["TEST_PALE"]
    wide = "return document.querySelector('.picture img').naturalWidth"
    until(lambda: window.execute_script(wide) > 300)
    window.find_element("css selector", ".tree a").click()
    until(lambda: text_of(".kind")[0].startswith("Plate"))


def test_a_job_is_cancelled(window, text_of, dpu, gate, until):
    """The button stops what runs, and what is queued never starts."""
    job = dpu.run("Trial", how=["wait"] * 5, gate=str(gate), commit=True)
    open_page(window, f"/jobs/{job}")
    until(lambda: "running" in text_of("td .state"))
    window.find_element("id", "cancel").click()
    until(lambda: text_of(".title .state") == ["cancelled"])
    until(lambda: text_of("td .state") == ["cancelled"] * 5)
    until(lambda: text_of("#log li") and text_of("#log li")[-1].endswith("| cancelled"))
    assert dpu.get_status(job)[0].state == "cancelled"
    dpu.wait(job)
    assert list(dpu.get_job_result(job)) == []


def test_html_in_a_log_line_shows_as_text(window, text_of, dpu, gate, until):
    """In lines that stand in the page, and in those that come later."""
    job = dpu.run("Trial", how=[HTML, "wait", HTML], gate=str(gate), commit=True)
    open_page(window, f"/jobs/{job}")

    def shown():
        return [line for line in text_of("#log li") if line.endswith(HTML)]

    until(lambda: len(shown()) == 1)
    window.refresh()
    assert len(shown()) == 1
    gate.touch()
    until(lambda: text_of(".title .state") == ["done"])
    until(lambda: len(shown()) == 2)
    assert text_of("#log b, #log img") == []
    assert "taken" not in window.title


def test_a_page_without_scripts_is_whole(window, dpu):
    """What a browser without JavaScript shows is made by the server."""
    job = dpu.run("Trial", how=["well"], commit=True)
    dpu.wait(job)
    window.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(window, f"/jobs/{job}")
        assert window.find_element("css selector", ".title .state").text == "done"
        lines = window.find_elements("css selector", "#log li")
        assert [line.text for line in lines] == list(dpu.get_logs(job))
    finally:
        window.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
