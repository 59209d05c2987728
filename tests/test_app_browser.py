"""Does the page work in a real browser that can reach nothing but this machine? Clicked through, with pictures.

The browser is the system's Chromium or the one that `playwright install --only-shell chromium` fetched (CI tries it);
skipped where there is neither. Pictures of the main states go where NEGSIM_SCREENSHOTS says (default: nowhere).
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from negsim.app.cases import open_case
from negsim.app.server import make_server
from negsim.app.stepping import walk

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the page is not tried in a browser")
uvicorn = pytest.importorskip("uvicorn", reason="the page needs the extra `app`")

pytestmark = pytest.mark.xdist_group("app_browser")  # one worker: one browser is opened

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = os.environ.get("NEGSIM_SCREENSHOTS")
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three years of the template, as somebody's own file."""
    file = tmp_path_factory.mktemp("cases") / "river.toml"
    text = (resources.files("negsim") / "cases" / "template.toml").read_text("utf-8")
    file.write_text(text.replace("end = 2009-12-31", "end = 2002-12-31"))
    return str(file)


@pytest.fixture(scope="module")
def address(scenario: str) -> Iterator[str]:
    """Serve the page on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(make_server(scenario), "127.0.0.1", port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        try:
            opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", NOWHERE])
        except playwright.Error:
            if CHROMIUM is None:
                pytest.skip("no Chromium: the page is not tried in a browser")
            raise
        yield opened
        opened.close()


class Window:
    """A page with what went wrong on it."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 950})
        self.page.set_default_timeout(20_000)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.goto(address)
        self.page.locator(".network").wait_for()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def see(self, selector: str, text: str) -> None:
        self.page.locator(selector, has_text=text).first.wait_for()

    def shoot(self, name: str) -> None:
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png")


def test_the_main_path(browser: Any, address: str, tmp_path: Path):
    window = Window(browser, address)
    page = window.page
    window.see("#now", "The start")
    window.shoot("start")

    window.button("Step").focus()
    for _ in range(12):
        page.keyboard.press("Enter")
    window.see("#now", "event 12 of")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    window.see("#now", "event 11 of")
    window.shoot("stepping")

    page.get_by_role("tab", name="One history").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Runs").select_option("100")
    window.see("#ensemble .origin", "100 runs, seed 1, the case as it is")
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("End")
    window.see("#ensemble .origin", f"raids = {float(slider.get_attribute('max')):.4g}")
    window.shoot("ensemble")

    page.get_by_role("tab", name="With and without").click()
    page.get_by_label("becomes").fill("0.05")
    page.keyboard.press("Enter")
    window.see("#comparison .key", "raids = 0.05")
    window.shoot("comparison")

    with page.expect_download() as download:
        window.button("Download scenario").click()
    download.value.save_as(tmp_path / "down.toml")
    assert "[actor.Upland]" in (tmp_path / "down.toml").read_text()

    assert window.errors == []
    assert {url for url in window.asked if not url.startswith((address, "data:", "blob:"))} == set()


def test_two_hundred_quick_clicks_in_each_of_two_windows(browser: Any, address: str, scenario: str):
    windows = [Window(browser, address) for _ in range(2)]
    for window, run in zip(windows, ("0", "1"), strict=True):
        window.page.get_by_label("Run", exact=True).fill(run)
        window.page.evaluate("for (let n = 0; n < 200; n++) document.getElementById('step').click()")
    for window, run in zip(windows, (0, 1), strict=True):
        steps = len(walk(open_case(scenario, scenario), 1, run, {})) - 1
        window.see("#now", f"event {min(200, steps)} of {steps}")
        assert window.errors == []


def test_bad_files_and_numbers_are_told_and_the_page_goes_on(browser: Any, address: str, tmp_path: Path):
    window = Window(browser, address)
    for name, content, complaint in (
        ("broken.toml", b"actor = [", "valid TOML"),
        ("noise.toml", bytes(range(256)), "valid TOML"),
        ("code.toml", b"[term.own]\nfile = 'own.py'", "without code of its own"),
        ("script.toml", b"name = '<img src=x onerror=document.body.remove()>'", "<img src=x"),
    ):
        (tmp_path / name).write_bytes(content)
        window.page.locator("#open").set_input_files(tmp_path / name)
        window.see("#problems", complaint)
    window.page.get_by_label("Run", exact=True).fill("-5")
    window.page.keyboard.press("Enter")
    window.see("#problems", "a whole number from 0")
    window.page.get_by_label("Run", exact=True).fill("3")
    window.page.keyboard.press("Enter")
    window.page.locator("#problems").wait_for(state="hidden")
    window.button("Step").click()
    window.see("#now", "event 1 of")
    assert [error for error in window.errors if "422" not in error] == []
