"""All devices, selected, the worst first, a bounded number a page."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cloud.fleet.console.drawings.ways import ways_of
from cloud.fleet.console.layout import (
    Frame,
    choice,
    console_page,
    counted,
    labelled,
    text_field,
    with_query,
)
from cloud.fleet.console.outliers import ranked
from cloud.fleet.console.pages.fleet import device_rows, device_table
from cloud.fleet.console.survey import Survey, medians, way_counts, way_now
from cloud.fleet.storage.latest import DeviceNow
from protos.pages.document import soft
from protos.pages.markup import Markup, element, join

PAGE = 50
_MAX_CHOICES = 40
_CONNECTIONS = {"": "any", "online": "online", "offline": "offline", "unknown": "unknown"}


class DeviceQuery(NamedTuple):
    """What an operator looks for. `name`: a part of it."""

    name: str = ""
    kind: str = ""
    way: str = ""
    connection: str = ""
    page: int = 1

    def takes(self, device: DeviceNow, now: float) -> bool:
        return (
            self.name.lower() in device.name.lower()
            and self.kind in {"", device.kind}
            and self.way in {"", way_now(device, now) or "none"}
            and self.connection in {"", device.connection}
        )


def devices_page(frame: Frame, survey: Survey, query: DeviceQuery) -> str:
    """The whole page."""
    ways = ways_of(way_counts(survey.devices, survey.at), survey.depths)
    usual = medians(survey.devices)
    chosen = [device for device in survey.devices if query.takes(device, survey.at)]
    found = ranked(chosen, usual, survey.at)
    first = PAGE * (query.page - 1)
    rows = device_rows(found[first : first + PAGE], ways, survey.at)
    last = min(first + PAGE, len(found))
    table = (
        device_table(f"Devices {first + 1} to {last} of {counted(len(found))}", rows)
        if rows
        else (soft("No device is like that."))
    )
    return console_page(
        frame, "Devices", "Devices", [_form(survey, query), table, _turning(query, len(found))]
    )


def _form(survey: Survey, query: DeviceQuery) -> Markup:
    kinds = sorted({device.kind for device in survey.devices if device.kind})[:_MAX_CHOICES]
    counts = way_counts(survey.devices, survey.at)
    ways = ways_of(counts, survey.depths).known
    fields = [
        labelled("Name has", text_field("name", query.name, maxlength="64"), "name"),
        labelled("Class", choice("kind", _any(kinds), query.kind), "kind"),
        labelled(
            "Answers by",
            choice("way", {"": "any", **{way.name or "none": way.words for way in ways}}, query.way),
            "way",
        ),
        labelled("Connection", choice("connection", _CONNECTIONS, query.connection), "connection"),
        element("p", element("button", "Show", type="submit", class_="main"), class_="field"),
    ]
    return element("form", *fields, method="get", action="/devices", class_="filter", role="search")


def _any(names: Sequence[str]) -> Mapping[str, str]:
    return {"": "any", **{name: name for name in names}}


def _turning(query: DeviceQuery, count: int) -> Markup:
    """To the pages before and behind."""
    links: list[str] = []
    for words, page in (("← Page before", query.page - 1), ("Next page →", query.page + 1)):
        if 1 <= page <= (count + PAGE - 1) // PAGE:
            asked = {**query._asdict(), "page": str(page)}
            links.append(element("a", words, href=with_query("/devices", asked)))
    return element("p", *(join([link, " "]) for link in links), class_="state")
