"""One device: its chain, its cut, what crosses; why; what is desired beside what it reports; its jobs."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cloud.fleet.console.drawings.chain import Chain, Crossing
from cloud.fleet.console.drawings.series import LEAST_SHARE, Chart, Curve
from cloud.fleet.console.drawings.waterfall import Stage, waterfall
from cloud.fleet.console.layout import (
    NOTHING,
    Frame,
    ago,
    console_page,
    counted,
    moment,
    percent,
)
from cloud.fleet.console.pages.settings import difference_table, why_so
from cloud.fleet.console.survey import spell_of
from cloud.fleet.storage.devices import DeviceView
from cloud.fleet.storage.telemetry import Row
from protos import fleet_pb2 as pb
from protos.fleet.sketch import sketch_of
from protos.pages.document import lede, listing, section, soft
from protos.pages.live import live_state, placed
from protos.pages.markup import Markup, breakable, element, join
from protos.pages.tables import Table, TableRow, scrolling
from protos.terminal.units import format_rate, format_size, format_time

_ORDER = ("turn", "preprocess", "head", "local", "encode", "network", "decode", "queue", "tail", "lost")
_STYLES = {"upload": "upload", "local": "local", "cascade": "auto", "split": "split"}
_HEADINGS = {
    "chain": "The chain",
    "ways": "What it decided",
    "stages": "Where the time goes",
    "link": "Link and machine",
    "history": "Lately",
    "settings": "Desired and reported",
    "jobs": "Jobs",
}
_NOTES = {
    "chain": ["Where the chain is cut for most answers of the last window, and what crosses there."],
    "ways": [
        "Answers of the last window, by the way that they came. No picture, question or answer is told."
    ],
    "stages": ["Medians; a whisker reaches to P95. Orange: the network and the cloud."],
    "link": ["As the device believes the way to the cloud to be."],
    "history": ["Its telemetry, as it was summed up."],
    "settings": ["What is desired and not in force is marked."],
    "jobs": ["The newest first."],
}


class DeviceFacts(NamedTuple):
    """All that the page of a device is made of. `window`: the last one, and when it was told; `buckets`: of
    `length` seconds each.
    """

    now: float
    view: DeviceView
    window: tuple[float, pb.Telemetry] | None
    buckets: Sequence[Row]
    length: float
    jobs: Sequence[Mapping[str, Any]]


def device_page(frame: Frame, name: str, stream: str, parts: Mapping[str, Markup]) -> str:
    """The whole page as it is now."""
    full = {"chain", "ways", "settings", "jobs", "history"}
    body = [
        live_state(stream),
        placed("summary", parts["summary"]),
        *(
            section(heading, _NOTES[key], placed(key, parts[key]), full=key in full)
            for key, heading in _HEADINGS.items()
        ),
    ]
    return console_page(frame, "Devices", name, body)


def device_parts(facts: DeviceFacts) -> Mapping[str, Markup]:
    """Every part by its place."""
    window = facts.window[1] if facts.window else pb.Telemetry()
    reported = json.loads(facts.view.reported)
    return {
        "summary": _summary(facts),
        "chain": _chain(facts, window),
        "ways": _ways(window, reported),
        "stages": _stages(window),
        "link": _link(window),
        "history": _history(facts),
        "settings": difference_table(facts.view, reported),
        "jobs": _jobs(facts),
    }


def _summary(facts: DeviceFacts) -> Markup:
    brief, view = facts.view.brief, facts.view
    connection = str(brief["connection"])
    since = f" for {ago(facts.now - brief['since'])}" if brief["since"] else ""
    told = [f"{brief['kind'] or 'A machine of no name'}, {connection}{since}."]
    if facts.window:
        told.append(_answered(facts.window[1]))
    state = _state_of(view, json.loads(view.reported))
    labels = ", ".join(f"{key}={value}" for key, value in sorted(dict(brief["labels"]).items()))
    about = {"Isthmus": brief["version"] or NOTHING, "Bundle": (brief["bundle"] or NOTHING)[:16]}
    about |= {"Labels": labels or "none"}
    return join([lede(*told), state, listing(about)])


def _answered(window: pb.Telemetry) -> str:
    good = [arm for arm in window.arms if arm.status == "OK"]
    count, seconds = sum(arm.count for arm in good), window.milliseconds / 1000 or 1.0
    if not count:
        return "It answered nothing in its last window."
    p50, p95 = sketch_of([arm.milliseconds for arm in good]).quantiles([0.5, 0.95])
    return (
        f"{counted(count, 'answer')} in its last {seconds:.0f} s: half within {format_time(p50)}, 95% within "
        f"{format_time(p95)}."
    )


def _state_of(view: DeviceView, reported: Mapping[str, Any]) -> Markup:
    if view.refused:
        return element("p", f"It refuses its settings: {view.refused}", class_="notice wrong")
    if view.desired_version and int(reported.get("version", 0)) != view.desired_version:
        words = (
            "takes a bundle over" if reported.get("taking_over") else "has not taken its settings over yet"
        )
        return element("p", f"It {words}.", class_="notice")
    return Markup()


def _chain(facts: DeviceFacts, window: pb.Telemetry) -> Markup:
    device = json.loads(facts.view.device).get("device", {})
    cuts = [str(cut.get("name", "")) for cut in device.get("cuts", [])]
    if not cuts:
        return soft("It has not told which cuts its bundle has.")
    pieces = device.get("times", {}).get("pieces", {})
    times = {name: float(value) for name, value in pieces.items() if isinstance(value, int | float)}
    chain = Chain(cuts, times, _crossings(window, cuts))
    return scrolling("The chain", chain.markup())


def _crossings(window: pb.Telemetry, cuts: Sequence[str]) -> list[Crossing]:
    good = [arm for arm in window.arms if arm.status == "OK" and arm.count]
    total = sum(arm.count for arm in good) or 1
    found = [
        Crossing(
            _way_words(arm),
            _STYLES.get(arm.route, "other"),
            _boundary(arm, cuts),
            arm.count / total,
            (arm.bytes_up + arm.bytes_down) / arm.count,
        )
        for arm in good
    ]
    return sorted(found, key=lambda one: -one.share)


def _way_words(arm: pb.ArmWindow) -> str:
    at = f" at {arm.cut}" if arm.cut else ""
    codec = f" as {arm.codec}" if arm.codec else ""
    return f"{arm.route}{at}{codec}{f' to {arm.cloud}' if arm.cloud else ''}"


def _boundary(arm: pb.ArmWindow, cuts: Sequence[str]) -> int:
    """How many pieces the device runs; all of them and the language model where it answers alone."""
    if arm.cut in cuts:
        return cuts.index(arm.cut) + 1
    return len(cuts) + 1 if arm.route in {"local", "cascade"} else 0


_WAYS = ("way", "status", "answers", "median", "P95", "what was predicted", "bytes", "joules")


def _ways(window: pb.Telemetry, reported: Mapping[str, Any]) -> Markup:
    arms = sorted(window.arms, key=lambda arm: -arm.count)
    total = sum(arm.count for arm in arms) or 1
    rows = [_arm_row(arm, total) for arm in arms]
    table = Table("Ways of the last window", _WAYS, [rows], frozenset({"status"})).markup()
    reasons = [element("li", reason) for reason in why_so(reported.get("settings", {}), window)]
    told = join([element("h3", "Why"), element("ul", *reasons, class_="plain")])
    return join([table if rows else soft("Nothing was answered in the last window."), told])


def _arm_row(arm: pb.ArmWindow, total: int) -> TableRow:
    place = "/".join(part for part in (arm.cut, arm.codec) if part)
    name = breakable("@".join(part for part in (arm.route or "none", place, arm.cloud) if part))
    p50, p95 = sketch_of([arm.milliseconds]).quantiles([0.5, 0.95])
    surprise = sketch_of([arm.surprise])
    good = arm.status == "OK"
    cells = (
        name,
        "answered" if good else element("span", arm.status, class_="wrong"),
        f"{counted(arm.count)} ({percent(arm.count / total)})",
        format_time(p50) if p50 else NOTHING,
        format_time(p95) if p95 else NOTHING,
        f"{surprise.quantile(0.5):.2f} times" if surprise.count else NOTHING,
        format_size((arm.bytes_up + arm.bytes_down) / max(arm.count, 1)) if good else NOTHING,
        f"{arm.joules / max(arm.count, 1):.2f}" if arm.joules else NOTHING,
    )
    return TableRow(cells)


def _stages(window: pb.Telemetry) -> Markup:
    order = [*_ORDER, *sorted(set(window.stages) - {*_ORDER, "total"})]
    found = []
    for name in order:
        if name in window.stages:
            p50, p95 = sketch_of([window.stages[name]]).quantiles([0.5, 0.95])
            found.append(Stage(name, p50, p95))
    if not found:
        return soft("No stages were told.")
    return element("div", waterfall([one for one in found if one.p95]), class_="chart")


def _link(window: pb.Telemetry) -> Markup:
    facts: dict[str, str] = {}
    for link in window.links:
        name = f"Cloud {link.cloud}" if link.cloud else "Cloud"
        if link.down:
            facts[name] = "not asked: its breaker is open after failed calls"
        else:
            facts[name] = (
                f"{format_rate(link.uplink_bits_per_second)} up (±{percent(link.uplink_doubt)}), "
                f"{format_time(link.round_trip_milliseconds)} there and back"
            )
    if window.HasField("temperature"):
        facts["Hottest part"] = f"{window.temperature:.0f} °C"
    if window.HasField("battery"):
        facts["Battery"] = f"{window.battery:.0f}%"
    if window.milliseconds:
        facts["Waiting"] = (
            f"{counted(window.waiting, 'question')}; {counted(window.outbox_entries)} in the outbox"
        )
        facts["Frames"] = f"{counted(window.gated)} alike, {counted(window.dropped)} dropped"
        facts["Processor"] = f"{percent(1000 * window.busy_seconds / window.milliseconds)} of one core"
        facts["Memory"] = format_size(window.memory_bytes) if window.memory_bytes else NOTHING
    return listing(facts) if facts else soft("No telemetry was told.")


def _history(facts: DeviceFacts) -> Markup:
    if not facts.buckets:
        return soft("Nothing yet.")
    spells = [spell_of(row["start"], facts.length, [row]) for row in facts.buckets]
    start = min(spells[0].start, facts.now - 6 * facts.length)
    charts = [
        _chart("Answers a second", [(one.start, one.rate) for one in spells], facts, start, "{:.2g}".format),
        _chart("P95", [(one.start, one.p95) for one in spells], facts, start, format_time),
        _chart("Answers that fail", [(one.start, one.failed) for one in spells], facts, start, percent),
    ]
    return element("div", *charts, class_="panels figures")


def _chart(
    name: str,
    points: Sequence[tuple[float, float | None]],
    facts: DeviceFacts,
    start: float,
    written: Callable[[float], str],
) -> Markup:
    known = [value for _, value in points if value is not None]
    told = f"{written(min(known))} to {written(max(known))}." if known else "Nothing known."
    curves, least = [Curve(name, "split", points)], LEAST_SHARE if written is percent else 0.0
    chart = Chart(f"{name} of this device", told, curves, start, facts.now, written, least=least)
    return element("figure", element("figcaption", name), chart.markup(), class_="now")


def _jobs(facts: DeviceFacts) -> Markup:
    rows = []
    for job in facts.jobs:
        status = json.loads(job["status"])
        progress = f", {percent(float(status['progress']))}" if 0 < status.get("progress", 0) < 1 else ""
        cells = (job["task"], moment(job["created"], facts.now), f"{job['state']}{progress}")
        rows.append(TableRow((*cells, str(status.get("reason", "")))))
    if not rows:
        return soft("No jobs were given to it.")
    columns = ("task", "given", "state", "reason")
    return Table("Jobs of this device", columns, [rows], frozenset({"given", "state", "reason"})).markup()
