"""Who changed what, when and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.fleet.console.layout import (
    Frame,
    console_page,
    device_link,
    labelled,
    moment,
    rollout_link,
    text_field,
    with_query,
)
from protos.pages.document import soft
from protos.pages.markup import Markup, element
from protos.pages.tables import Table, TableRow

PAGE = 100
_MAX_DETAILS = 300
_COLUMNS = ("when", "who", "what", "of", "why", "details")


def audit_page(
    frame: Frame, rows: Sequence[Mapping[str, Any]], thing: str, before: int | None, now: float
) -> str:
    """The newest first, a bounded number a page."""
    form = element(
        "form",
        labelled(
            "Of", text_field("object", thing, maxlength="128", placeholder="a device or a rollout"), "object"
        ),
        element("p", element("button", "Show", type="submit", class_="main"), class_="field"),
        method="get",
        action="/audit",
        class_="filter",
        role="search",
    )
    links = []
    if before:
        links.append(element("a", "← The newest", href=with_query("/audit", {"object": thing})))
    if len(rows) == PAGE:
        older = {"object": thing, "before": str(rows[-1]["id"])}
        links.append(element("a", "Older →", href=with_query("/audit", older)))
    turning = element("p", *(element("span", link) for link in links), class_="state")
    return console_page(frame, "Audit", "Audit log", [form, audit_table(rows, now), turning])


def audit_table(rows: Sequence[Mapping[str, Any]], now: float) -> Markup:
    """As it stands on several pages."""
    if not rows:
        return soft("Nothing was changed yet.")
    made = [TableRow((moment(row["at"], now), *_cells(row))) for row in rows]
    return Table("Changes, the newest first; times are UTC", _COLUMNS, [made], frozenset(_COLUMNS)).markup()


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    thing, what = str(row["object"]), str(row["what"])
    link = rollout_link(thing) if "rollout" in what else device_link(thing)
    details = str(row["details"])
    shortened = details if len(details) <= _MAX_DETAILS else f"{details[:_MAX_DETAILS]}…"
    return str(row["who"]), what, link, str(row["why"]), shortened
