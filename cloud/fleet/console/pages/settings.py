"""Settings in words: desired beside reported, and what they mean for what a device decides."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cloud.fleet.console.layout import NOTHING, percent
from cloud.fleet.storage.devices import DeviceView
from protos import fleet_pb2 as pb
from protos.fleet.sketch import sketch_of
from protos.pages.document import soft
from protos.pages.markup import Markup, element, join
from protos.pages.tables import Table, TableRow, folded
from protos.terminal.units import format_time

_SURPRISING = 1.25
_MAX_SHOWN = 160  # characters of a value


def difference_table(view: DeviceView, reported: Mapping[str, Any]) -> Markup:
    """What is desired, and what is so: first what differs."""
    desired, own = dict(flat(json.loads(view.desired))), dict(flat(reported.get("settings", {})))
    rows = sorted((_row(field, desired[field], own.get(field)) for field in desired), key=_differing_first)
    others = [TableRow((field, shown(value))) for field, value in own.items() if field not in desired]
    version = f"version {view.desired_version} desired, {reported.get('version', 0)} in force"
    parts = [
        Table(
            f"What operators desire: {version}",
            ("field", "desired", "reported", ""),
            [rows],
            frozenset({"desired", "reported", ""}),
        ).markup()
        if rows
        else soft("Operators desire nothing in particular: all is as its agent.toml says.")
    ]
    if others:
        rest = Table("All else, as agent.toml says", ("field", "reported"), [others], frozenset({"reported"}))
        parts.append(folded(f"{len(others)} more fields, as agent.toml says", rest.markup()))
    return join(parts)


def flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Fields as `cuts.pinned`, with their values."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def why_so(settings: Mapping[str, Any], window: pb.Telemetry) -> Iterator[str]:
    """What the device's rules, its weights and its link say about its decisions, as far as it tells."""
    rules, cuts = settings.get("rules", {}), settings.get("cuts", {})
    if pinned := cuts.get("pinned"):
        yield f"Splits are at {pinned} alone: it is pinned."
    elif allowed := cuts.get("allowed"):
        yield f"The policy chooses among the cuts {', '.join(map(str, allowed))}."
    else:
        yield "The policy chooses among all cuts."
    yield from _rules(rules)
    for link in window.links:
        if link.down:
            yield f"The cloud{f' {link.cloud}' if link.cloud else ''} is not asked now: calls have failed."
    surprise = sketch_of(arm.surprise for arm in window.arms if arm.status == "OK")
    if surprise.count and (took := surprise.quantile(0.5)) > _SURPRISING:
        yield f"Answers take {took:.2f} times what it predicts: profile or link are not as it believes."


def _rules(rules: Mapping[str, Any]) -> Iterator[str]:
    if deadline := rules.get("deadline_milliseconds"):
        yield f"An answer is to come within {format_time(float(deadline))}."
    if rules.get("never_upload"):
        yield "It may send no pictures: they leave it as features only."
    if rules.get("never_leave_device"):
        yield "Nothing may leave it: it answers alone."
    if rules.get("local") is False:
        yield "It may not answer alone."
    if (loss := rules.get("max_loss")) is not None and float(loss) < 100:
        yield f"A way may lose {float(loss):g} points of accuracy at most."


def _row(field: str, desired: Any, reported: Any) -> TableRow:
    same = desired == reported
    verdict = element("span", "in force", class_="right") if same else element("strong", "differs")
    told = shown(reported) if reported is not None else NOTHING
    return TableRow((field, shown(desired), told, verdict), "" if same else "differs")


def _differing_first(row: TableRow) -> tuple[bool, str]:
    return row.kind != "differs", row.cells[0]


def settings_words(settings: Mapping[str, Any]) -> Markup:
    """A change, field by field."""
    items = [
        join([", " if place else "", element("code", f"{field} = {shown(value)}")])
        for place, (field, value) in enumerate(flat(settings))
    ]
    return element("span", *items)


def share_words(share: float, devices: int) -> str:
    """Of a phase."""
    return "1 device" if devices == 1 else f"{percent(share)} · {devices:,} devices"
