"""An operator's journey through the console, in a real Chromium: a cut is slow on a class of devices, another
is rolled out to it, which is worse, and is rolled back by itself.

Needs playwright, Debian's chromium and mosquitto: CONTRIBUTING.md. Screenshots lie in the folder that
ISTHMUS_SCREENSHOTS names.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from protos import fleet_pb2 as pb
from tests.cloud.fleet.device import device_at
from tests.cloud.fleet.serving import Served, served

CHROMIUM = shutil.which("chromium")
WIDTHS = {"phone": 390, "desk": 1440, "wall": 2560}
PATIENCE = 60_000.0  # milliseconds
SLOW, QUICK = "Raspberry Pi 5", "Orin Nano"
PLAN = {
    "phases": [0.25, 1.0],
    "health": 4.0,
    "baseline": 3.0,
    "late": 1.0,
    "alpha": 0.5,
    "guards": {"energy": None, "bytes": None, "accuracy": None},
}
# elements that stick out of the screen, but for those in a box that scrolls
STICKING_OUT = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
  .map(e => e.outerHTML.slice(0, 80))"""


def milliseconds(settings: pb.FleetSettings) -> float:
    """Of the slow class: its present cut is slow, and the other one is worse."""
    return 1500.0 if settings.cuts.pinned == "connector" else 900.0


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    playwright = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as started:
        browser = await started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


class Operator:
    """Somebody at a browser, whose console complains of nothing."""

    def __init__(self, browser: Any, url: str, folder: Path) -> None:
        self._browser, self._url, self._folder = browser, url, folder
        self.complaints: list[str] = []

    async def opens(self, path: str = "/", width: int = WIDTHS["desk"], theme: str = "light") -> Any:
        tab = await self._browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        tab.set_default_timeout(PATIENCE)
        tab.on("console", lambda message: self.complaints.append(f"{path}: {message.text}"))
        tab.on("pageerror", lambda error: self.complaints.append(f"{path}: {error}"))
        await tab.goto(f"{self._url}{path}")
        return tab

    async def keeps(self, tab: Any, name: str) -> None:
        await tab.screenshot(path=self._folder / f"{name}.png", full_page=True)

    async def looks_through(self, path: str) -> None:
        """A page in every theme and width: nothing sticks out, and axe finds nothing serious."""
        name = path.strip("/").partition("?")[0].replace("/", "-") or "fleet"
        for theme, kind in (
            ("light", "phone"),
            ("dark", "phone"),
            ("light", "desk"),
            ("dark", "desk"),
            ("dark", "wall"),
        ):
            width = WIDTHS[kind]
            tab = await self.opens(path, width, theme)
            await self.keeps(tab, f"page-{name}-{kind}-{theme}")
            assert await tab.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            assert await tab.evaluate(STICKING_OUT) == [], (path, width)
            if kind != "wall":
                assert await serious(tab) == [], (path, theme)
            await tab.close()


async def serious(tab: Any) -> list[str]:
    """What axe-core finds that keeps somebody from using a page."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    found = await axe.Axe().run(tab)
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("ISTHMUS_SCREENSHOTS", str(tmp_path)))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@asynccontextmanager
async def fleet(broker: int, folder: Path) -> AsyncIterator[Served]:
    """A controller, and two classes of devices that tell it telemetry over MQTT."""
    async with AsyncExitStack() as stack:
        controller = stack.enter_context(served(str(folder / "fleet.db"), broker))
        for number in range(24):
            slow = {"machine": SLOW, "milliseconds": milliseconds}
            options = slow if number % 4 else {"machine": QUICK}
            await stack.enter_async_context(device_at(broker, f"cam-{number:02}", every=0.5, **options))
        await controller.until("/api/v1/devices", lambda found: len(found["devices"]) == 24)
        yield controller


@pytest.mark.slow
async def test_a_slow_cut_is_replaced_by_a_worse_one_which_is_rolled_back_by_itself(
    broker: int, tmp_path: Path, screenshots: Path
) -> None:
    with anyio.fail_after(240):
        async with chromium() as browser, fleet(broker, tmp_path) as controller:
            operator = Operator(browser, controller.url, screenshots)
            tab = await operator.opens()
            await tab.get_by_text("24 of 24 devices connected").wait_for()
            slow = tab.locator(".strip-row", has_text=SLOW)
            await tab.get_by_text("24 · 100%").wait_for()
            await slow.get_by_text("P95 1.").wait_for()  # seconds, beside a third of one
            await operator.keeps(tab, "1-fleet")
            await slow.get_by_role("link", name=SLOW).click()
            await tab.get_by_text("Devices 1 to 18 of 18").wait_for()
            await operator.keeps(tab, "2-devices")

            started = controller.post(
                "rollouts",
                selection={"kind": SLOW},
                settings={"cuts": {"pinned": "connector"}},
                plan=PLAN,
            ).json()
            await tab.get_by_role("link", name="Rollouts").click()
            await tab.get_by_role("link", name=started["id"]).click()
            await tab.get_by_text("Running", exact=True).wait_for()
            await tab.locator(".steps .now", has_text="5 told").wait_for()
            await operator.keeps(tab, "3-canary")
            await tab.get_by_text("Rolled back", exact=True).wait_for()
            await tab.locator(".lede", has_text="P95 latency").wait_for()
            await tab.locator(".mark.struck, .harm .mark").first.wait_for()
            await operator.keeps(tab, "4-rolled-back")

            def restored(found: dict[str, Any]) -> bool:
                return all(row["cut"] != "connector" for row in found["devices"])

            await controller.until("/api/v1/devices", restored)
            shown = controller.get(f"/api/v1/rollouts/{started['id']}")
            assert shown["treated"] < shown["devices"], "nobody else was told"
            treated = next(iter(controller.get("/api/v1/devices?kind=Raspberry+Pi+5")["devices"]))["name"]
            for path in (
                "/",
                "/devices",
                f"/devices/{treated}",
                "/tune",
                "/rollouts",
                f"/rollouts/{started['id']}",
                f"/rollouts/{started['id']}/abort",
                "/audit",
            ):
                await operator.looks_through(path)
    assert operator.complaints == []
