"""The fleet: what runs where, how well, now and lately; what stands out first."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from cloud.fleet.console.drawings.series import LEAST_SHARE, Chart, Curve, curve_key, figure_of
from cloud.fleet.console.drawings.strips import StripDevice, heat_key, strip
from cloud.fleet.console.drawings.ways import Ways, ways_of
from cloud.fleet.console.layout import (
    NOTHING,
    Frame,
    ago,
    console_page,
    counted,
    device_link,
    percent,
    rollout_link,
    with_query,
)
from cloud.fleet.console.outliers import Outlier, ranked
from cloud.fleet.console.survey import (
    Spell,
    Survey,
    medians,
    p95_of,
    slowness,
    way_counts,
    way_now,
)
from cloud.fleet.storage.latest import DeviceNow
from protos.pages.document import lede, section, soft
from protos.pages.live import live_state, placed
from protos.pages.markup import Markup, element, join
from protos.pages.tables import Table, TableRow
from protos.terminal.units import format_size, format_time

STREAM = "/live/fleet"
_MAX_OUTLIERS, _MAX_CLASSES = 12, 12
_OPEN = ("running", "paused")
_WORDS = frozenset({"class", "answers by", "why it stands here"})
_COLUMNS = ("device", "why it stands here", "class", "answers by", "a second", "P95", "fail")


def fleet_page(frame: Frame, fleet: str, parts: Mapping[str, Markup]) -> str:
    """The whole page as it is now."""
    body = [
        live_state(STREAM),
        placed("summary", parts["summary"]),
        section("How it does", _NOTES["figures"], placed("figures", parts["figures"]), full=True),
        section("What runs where", _NOTES["strips"], placed("strips", parts["strips"]), full=True),
        section("Outliers first", _NOTES["outliers"], placed("outliers", parts["outliers"]), full=True),
    ]
    return console_page(frame, "Fleet", fleet, body)


def fleet_parts(survey: Survey) -> Mapping[str, Markup]:
    """Every part by its place."""
    usual = medians(survey.devices)
    ways = ways_of(way_counts(survey.devices, survey.at), survey.depths)
    return {
        "summary": _summary(survey),
        "figures": _figures(survey),
        "strips": _strips(survey, ways, usual),
        "outliers": _outliers(survey, ways, ranked(survey.devices, usual, survey.at)),
    }


_NOTES = {
    "figures": ["Sums over all devices. Quantiles are of all answers together, within 1%."],
    "strips": [
        "A line a class of devices, sorted by the way that most answers of each came by in its last window.",
        "Below it how slow each is, beside the median P95 of its class. Of many devices one cell is several.",
    ],
    "outliers": ["Who refuses, fails, is slow beside its class, or is away."],
}


def device_rows(found: Sequence[Outlier], ways: Ways, now: float) -> list[TableRow]:
    """As a table of devices has them."""
    return [_row(one, ways, now) for one in found]


def device_table(caption: str, rows: list[TableRow]) -> Markup:
    return Table(caption, _COLUMNS, [rows], _WORDS).markup()


def _row(found: Outlier, ways: Ways, now: float) -> TableRow:
    device, way = found.device, ways.of(way_now(found.device, now))
    asked = device.answers + device.failed
    p95 = p95_of(device)
    cells = (
        device_link(device.name),
        found.why or "all is well",
        device.kind or "unknown",
        element("span", element("span", "", class_=f"swatch {way.style}"), way.words, class_="way"),
        f"{device.rate:.2f}" if way.name else NOTHING,
        format_time(p95) if p95 is not None else NOTHING,
        percent(device.failed / asked) if asked else NOTHING,
    )
    return TableRow(cells, "" if found.weight else "faint")


def _summary(survey: Survey) -> Markup:
    if not survey.devices:
        return lede(
            "No device has been heard of yet. Each appears as soon as its agent, with [fleet] in agent.toml, "
            "reaches the broker."
        )
    online = sum(device.connection == "online" for device in survey.devices)
    recent = survey.recent.get("")
    told = [f"{counted(online)} of {counted(len(survey.devices), 'device')} connected."]
    told.append(f"Together they give {_rate(survey.rate)} answers a second")
    if recent and recent.p50 is not None and recent.p95 is not None:
        told[-1] += f": half within {format_time(recent.p50)}, 95% within {format_time(recent.p95)}"
    told[-1] += "."
    return join([lede(*told), *(_rollout(row) for row in survey.rollouts if row["status"] in _OPEN)])


def _rollout(row: Mapping[str, object]) -> Markup:
    name, status, reason = str(row["id"]), str(row["status"]), str(row["reason"])
    return element(
        "p",
        element("strong", f"Rollout {status}: "),
        rollout_link(name),
        f". {reason[:1].upper()}{reason[1:]}." if reason else ".",
        class_="notice",
    )


def _figures(survey: Survey) -> Markup:
    """Six numbers, each above its chart."""
    recent = survey.recent.get("") or Spell(survey.at, 0.0, None, None, None, None, None)
    rate = figure_of(
        "Answers a second",
        _rate(survey.rate),
        "now",
        _chart(survey, "Answers a second, over time", [("all", "split", lambda one: one.rate)], _rate),
    )
    two = (("P95", "c0", _p95), ("P50", "c1", _p50))
    curves = [_curve(survey, name, style, value) for name, style, value in two]
    times = figure_of(
        "P95 of an answer's time",
        format_time(recent.p95) if recent.p95 is not None else NOTHING,
        f"and P50 {format_time(recent.p50)}" if recent.p50 is not None else "too few answers",
        join([_chart(survey, "P50 and P95 over time", two, format_time), curve_key(curves)]),
    )
    others = [
        _one(survey, recent, "Answers that fail", lambda one: one.failed, percent),
        _one(survey, recent, "Bytes an answer", lambda one: one.bytes, format_size),
        _one(survey, recent, "Joules an answer", lambda one: one.joules, _joules),
        _bytes_a_second(survey),
    ]
    return element("div", rate, times, *others, class_="panels figures")


def _one(
    survey: Survey,
    recent: Spell,
    name: str,
    value: Callable[[Spell], float | None],
    written: Callable[[float], str],
) -> Markup:
    now = value(recent)
    chart = _chart(survey, f"{name}, over time", [(name, "split", value)], written)
    return figure_of(name, written(now) if now is not None else NOTHING, "in the last minutes", chart)


def _bytes_a_second(survey: Survey) -> Markup:
    def sent(one: Spell) -> float | None:
        return one.rate * one.bytes if one.bytes is not None else None

    now = sum(one.bytes for one in survey.devices if way_now(one, survey.at))
    chart = _chart(survey, "Bytes a second, over time", [("bytes", "split", sent)], format_size)
    return figure_of("Bytes a second", format_size(now), "now", chart)


_Curves = Sequence[tuple[str, str, Callable[[Spell], float | None]]]


def _chart(survey: Survey, title: str, curves: _Curves, written: Callable[[float], str]) -> Markup:
    drawn = [_curve(survey, name, style, value) for name, style, value in curves]
    known = [value for curve in drawn for _, value in curve.points if value is not None]
    span = f"Over the last {ago(survey.at - survey.start)}"
    told = f"{span}: {written(min(known))} to {written(max(known))}." if known else f"{span}: nothing known."
    events = [float(row["created"]) for row in survey.rollouts]
    least = LEAST_SHARE if written is percent else 0.0
    return Chart(title, told, drawn, survey.start, survey.at, written, events, least).markup()


def _curve(survey: Survey, name: str, style: str, value: Callable[[Spell], float | None]) -> Curve:
    """From the first time that anything is known."""
    known = [spell for spell in survey.spells if spell.rate or spell.failed is not None]
    first = known[0].start if known else survey.at
    points = [(max(one.start, survey.start), value(one)) for one in survey.spells if one.start >= first]
    return Curve(name, style, points)


def _strips(survey: Survey, ways: Ways, usual: Mapping[str, float]) -> Markup:
    if not survey.devices:
        return soft("No devices yet.")
    classes = defaultdict[str, list[DeviceNow]](list)
    for device in survey.devices:
        classes[device.kind].append(device)
    order = sorted(classes, key=lambda kind: (-len(classes[kind]), kind))
    rows = [_strip_row(kind, classes[kind], survey, ways, usual) for kind in order[:_MAX_CLASSES]]
    if rest := order[_MAX_CLASSES:]:
        devices = [device for kind in rest for device in classes[kind]]
        rows.append(_strip_row(f"{len(rest)} more classes", devices, survey, ways, usual))
    keys = [
        ways.key(way_counts(survey.devices, survey.at)),
        soft("P95, in parts of the median of the class:"),
    ]
    return join([*keys[:1], element("div", *rows, class_="strips"), *keys[1:], heat_key()])


def _strip_row(
    kind: str, devices: Sequence[DeviceNow], survey: Survey, ways: Ways, usual: Mapping[str, float]
) -> Markup:
    drawn = [StripDevice(way_now(one, survey.at), slowness(one, usual)) for one in devices]
    spell = survey.recent.get(kind)
    p95 = f" · P95 {format_time(spell.p95)}" if spell and spell.p95 is not None else ""
    name = kind or "unknown"
    caption = element(
        "p",
        element("a", name, href=with_query("/devices", {"kind": kind})) if kind in usual or kind else name,
        element("span", f" {counted(len(devices), 'device')}{p95}", class_="soft"),
    )
    return element("div", caption, strip(name, drawn, ways), class_="strip-row")


def _outliers(survey: Survey, ways: Ways, found: Sequence[Outlier]) -> Markup:
    bad = [one for one in found if one.weight]
    if not bad:
        return soft("Nothing stands out.")
    rows = device_rows(bad[:_MAX_OUTLIERS], ways, survey.at)
    table = device_table("Devices that stand out", rows)
    all_of = element("a", f"All {counted(len(survey.devices), 'device')}", href="/devices")
    more = f", {counted(len(bad) - len(rows))} more of them stand out." if len(bad) > len(rows) else "."
    return join([table, element("p", all_of, more, class_="soft")])


def _p50(one: Spell) -> float | None:
    return one.p50


def _p95(one: Spell) -> float | None:
    return one.p95


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2g}"


_joules = partial("{:.2f} J".format)
