"""The three pages in a real browser, where one is installed (playwright, and Debian's chromium)."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.codec.report import page as codec
from deploy.demo.page import page as demo_page
from protos.pages.neighbours import save
from splitter.planning import page as plan
from tests.bench.codec.report.results import RESULTS, report
from tests.deploy.demo.agent.records import seen
from tests.deploy.demo.records import record
from tests.splitter.planning.plans import made

CHROMIUM = shutil.which("chromium")
NARROW, WIDE = 390, 1440
PAGES = ("report.html", "plan.html", "codec.html")
# elements that stick out of the screen, but for those in a box that scrolls, and that the box says so
STICKING_OUT = """() => [...document.querySelectorAll('main *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
  .map(e => e.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    save(folder / "report.html", demo_page(replace(record(answer="blue"), agent=seen("wide " * 80))), "demo")
    plan.save(folder / "plan.html", made(deadline=500.0), "nano")
    codec.save(folder / "codec.html", report(RESULTS))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_cut_off_or_refused(browser: Any, folder: Path, name: str, width: int, theme: str) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    told: list[str] = []
    tab.on("console", lambda message: told.append(message.text))
    tab.goto((folder / name).as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.evaluate(STICKING_OUT) == []
    assert tab.evaluate("getComputedStyle(document.body).margin") == "0px", "the policy refused the style"
    assert told == []
    tab.close()


@pytest.mark.slow
def test_the_links_lead_from_page_to_page(browser: Any, folder: Path) -> None:
    tab = browser.new_page()
    tab.goto((folder / "report.html").as_uri())
    for name, heading in (("Plan", "Where to cut nano"), ("Codecs", "a <model>: features against pictures")):
        tab.click(f"nav a:text-is('{name}')")
        assert tab.inner_text("h1") == heading
    tab.close()
