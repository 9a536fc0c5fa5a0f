"""The trade-off of time, bytes and accuracy, an operator's weights, and what the fleet would do by them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cloud.fleet.console.drawings.tradeoff import TradePoint, loss_key, share_bar, tradeoff
from cloud.fleet.console.layout import (
    Frame,
    console_page,
    counted,
    labelled,
    percent,
    text_field,
    with_query,
)
from cloud.fleet.console.pages.access import reason_form
from cloud.fleet.console.pages.settings import settings_words
from cloud.fleet.console.pages.tuned_words import (
    change_words,
    class_words,
    guards_words,
    interval,
    link_words,
    value_of,
)
from cloud.identity.identity import Role
from protos.pages.document import lede, listing, section, soft
from protos.pages.live import placed
from protos.pages.markup import Markup, breakable, element, join
from protos.pages.tables import SHOWN, Table, TableRow, folded, scrolling
from protos.terminal.units import format_rate, format_size, format_time

PATH, START = "/tune", "/tune/rollout"
WEIGHTS = {  # each with its words, its most, its step and what a device has that was told none
    "accuracy": ("A point of accuracy", "ms", 200, 1, "accuracy"),
    "bytes": ("A kilobyte", "ms", 50, 0.5, "kilobyte"),
    "energy": ("A joule", "ms", 200, 1, "joule"),
}
_MAX_GROUPS = 12
_AUTO = "auto"
_ABOUT = 0.02  # of answers, that may come by other ways without a word
_STYLES = {"local": "local", "upload": "upload", "cascade": "auto", "split": "split"}
_COLUMNS = ("way", "time", "bytes", "joules", "accuracy", "against today", "devices that can")
_NOTE = (
    "What things are worth in milliseconds of an answer's time, as the devices' own policy weighs them. Here "
    "stands what would be, by the fleet's telemetry and the bundle's report, with 95% intervals. Nothing "
    "changes before you roll it out."
)

TunedGroup = Mapping[str, Any]


class TunePageQuery(NamedTuple):
    """As it stands in the address: what `/api/v1/tune` takes."""

    kind: str = ""
    link_class: str = ""
    accuracy: str = ""
    bytes: str = ""
    energy: str = ""
    min_accuracy: str = ""

    def asked(self) -> dict[str, str]:
        """Without what is left out."""
        fields = {("class" if name == "kind" else name): value for name, value in self._asdict().items()}
        return {name: value for name, value in fields.items() if value}


def tune_page(frame: Frame, query: TunePageQuery, found: Mapping[str, Any], role: Role) -> str:
    """The whole page. `found`: as `/api/v1/tune` has it."""
    parts = placed("tuned", tuned(query, found, role))
    return console_page(frame, "Tune", "Tune", [section("The weights", [_NOTE], _form(query, found)), parts])


def tuned(query: TunePageQuery, found: Mapping[str, Any], role: Role) -> Markup:
    """What follows from the weights."""
    groups: Sequence[TunedGroup] = found["groups"]
    shown = [_group(group, query, role) for group in groups[:_MAX_GROUPS]]
    if len(groups) > _MAX_GROUPS:
        shown.append(soft(f"{len(groups) - _MAX_GROUPS} more classes: choose one above."))
    return join([_summary(groups), *shown, _unknown(found["not_known"])])


def start_page(frame: Frame, query: TunePageQuery, group: TunedGroup) -> str:
    """Asked for a reason, before a rollout is started."""
    told = lede(
        f"{counted(group['devices'], 'device')} of {class_words(group)}: "
        "one gets the settings first, then more, as long as no guard objects; else all get their earlier "
        "settings again by themselves."
    )
    facts = {
        "Settings": settings_words(group["settings"]),
        "Expected": change_words(group["expected"]["change"]),
        "Guards": guards_words(group["guards"]),
        "Judged from": f"{counted(group['devices'], 'device')}, {counted(group['answers'], 'answer')}",
    }
    hidden = [
        element("input", type="hidden", name=name, value=value) for name, value in query.asked().items()
    ]
    back = with_query(PATH, query.asked())
    form = reason_form(START, "Start the rollout", *hidden, back=back)
    return console_page(frame, "Tune", "Roll this out?", [told, listing(facts), form])


def _form(query: TunePageQuery, found: Mapping[str, Any]) -> Markup:
    """The script sends it as it changes, and shows what comes; without one it has a button."""
    usual = found["groups"][0]["weights"] if found["groups"] else {}
    sliders = [
        _slider(name, getattr(query, name) or f"{usual.get(words[4], 0.0):g}")
        for name, words in WEIGHTS.items()
    ]
    hidden = [element("input", type="hidden", name="link_class", value=query.link_class)]
    least = element(
        "input",
        id="min_accuracy",
        name="min_accuracy",
        type="number",
        min="0",
        max="100",
        step="0.1",
        value=query.min_accuracy,
        inputmode="decimal",
    )
    parts = [
        *sliders,
        element(
            "p", element("label", "At least so accurate, percent", for_="min_accuracy"), least, class_="field"
        ),
        labelled("Class of devices", text_field("class", query.kind, maxlength="64"), "class"),
        *hidden,
        element(
            "p",
            element("button", "Show", type="submit", class_="main"),
            " ",
            element("a", "The weights in force", href=with_query(PATH, {"class": query.kind})),
            class_="state",
        ),
    ]
    return element("form", *parts, method="get", action=PATH, class_="sliders", data_place="live-tuned")


def _slider(name: str, value: str) -> Markup:
    words, unit, most, step, _ = WEIGHTS[name]
    field = element(
        "input", type="range", id=name, name=name, min="0", max=str(most), step=str(step), value=value
    )
    shown = element("output", value, for_=name)
    label = element("label", words, " is worth ", shown, f" {unit}", for_=name)
    return element("p", label, field, class_="field slider")


def _summary(groups: Sequence[TunedGroup]) -> Markup:
    if not groups:
        return lede("Nothing can be said yet.")
    better = [group for group in groups if _better(group)]
    if not better:
        return lede("By these weights all classes are as well off today as they can be.")
    devices = sum(group["devices"] for group in better)
    answers = sum(group["answers"] for group in better) or 1
    total = {
        name: sum(group["answers"] * value_of(group["expected"]["change"], name) for group in better)
        / answers
        for name in ("milliseconds", "bytes", "accuracy")
    }
    change = {name: {"value": value} for name, value in total.items()}
    kinds = f"{len(better)} of {len(groups)} classes" if len(groups) > 1 else "One class"
    return lede(
        f"{kinds} would be better off, {counted(devices, 'device')}.",
        f"An answer of theirs: {change_words(change)}.",
    )


def _better(group: TunedGroup) -> bool:
    """Whether anything would change that is worth a word."""
    now, then = group["today"]["arms"], group["expected"]["arms"]
    return any(abs(now.get(way, 0.0) - then.get(way, 0.0)) > _ABOUT for way in {*now, *then})


def _group(group: TunedGroup, query: TunePageQuery, role: Role) -> Markup:
    heading = f"{group['class'] or 'Unknown'}, {link_words(group['link_class'])}"
    points = _points(group)
    title = f"Time, bytes and accuracy of {heading}"
    drawn = element("div", scrolling(title, tradeoff(title, points)), class_="chart")
    notes = (
        f"{counted(group['devices'], 'device')}, {counted(group['answers'], 'answer')}; "
        f"{format_rate(group['link']['uplink_bits_per_second'])} up, "
        f"{format_time(group['link']['round_trip_milliseconds'])} there and back."
    )
    parts = [_would(group, heading), drawn, loss_key(), _rings(), _table(group), _start(group, query, role)]
    return section(heading, [notes], *parts)


def _rings() -> Markup:
    return soft(
        "Disc: the device alone; square: split; triangle: upload. A ring: today; a dotted one: best by these "
        "weights. Large: no other is as good in time, bytes and accuracy."
    )


def _points(group: TunedGroup) -> list[TradePoint]:
    top = max((value_of(one, "accuracy") for one in group["points"]), default=0.0)
    today = max(group["today"]["arms"], key=group["today"]["arms"].get, default="")
    return [
        TradePoint(
            one["name"],
            one["route"],
            value_of(one, "milliseconds"),
            value_of(one, "bytes"),
            top - value_of(one, "accuracy"),
            bool(one["front"]),
            one["name"] == group["best"],
            one["name"] == today,
        )
        for one in group["points"]
        if one["possible"] > 0
    ]


def _would(group: TunedGroup, heading: str) -> Markup:
    """What devices do today, and what they would do."""
    words = "their own choice" if group["best"] == _AUTO else group["best"]
    told = element(
        "p",
        "Best: ",
        element("strong", breakable(words)),
        f": {change_words(group['expected']['change'])}." if _better(group) else ". That is what they do.",
    )
    return join(
        [
            told,
            _bar(f"Today, {heading}", "Today", group["today"]["arms"]),
            _bar(f"Then, {heading}", "By these weights", group["expected"]["arms"]),
        ]
    )


def _bar(title: str, words: str, arms: Mapping[str, float]) -> Markup:
    shares = [(name, _STYLES.get(name.partition("@")[0], "other"), share) for name, share in arms.items()]
    told = ", ".join(f"{name} {percent(share)}" for name, _, share in shares[:3])
    label = element("p", element("strong", words), f" {told}", class_="soft")
    return element("div", label, share_bar(title, shares), class_="strip-row")


def _table(group: TunedGroup) -> Markup:
    """The best first, by the weights."""
    ranked = sorted(group["points"], key=lambda one: (one["name"] != group["best"], _score(one)))
    rows = [_row(one, group) for one in ranked]
    words = frozenset({"against today"})
    caption = f"Ways of {group['class']}, {link_words(group['link_class'])}"
    few = Table(caption, _COLUMNS, [rows[:SHOWN]], words).markup()
    if len(rows) <= SHOWN:
        return few
    return join(
        [
            few,
            folded(
                f"{len(rows) - SHOWN} more ways",
                Table(f"{caption}: more", _COLUMNS, [rows[SHOWN:]], words).markup(),
            ),
        ]
    )


def _row(one: Mapping[str, Any], group: TunedGroup) -> TableRow:
    cells = (
        breakable(one["name"]),
        interval(one["milliseconds"], format_time),
        interval(one["bytes"], format_size),
        interval(one["joules"], "{:.2f}".format),
        interval(one["accuracy"], "{:.1f}%".format),
        change_words(one["change"]),
        percent(one["possible"]),
    )
    return TableRow(cells, "best" if one["name"] == group["best"] else "" if one["front"] else "faint")


def _start(group: TunedGroup, query: TunePageQuery, role: Role) -> Markup:
    if role < Role.ADMIN:
        return soft("An admin may roll this out.")
    if not _better(group):
        return Markup()
    asked = {**query.asked(), "class": group["class"], "link_class": group["link_class"]}
    link = element("a", "Roll this out…", href=with_query(START, asked), class_="button main")
    return element("p", link, class_="state")


def _unknown(rows: Sequence[Mapping[str, Any]]) -> Markup:
    if not rows:
        return Markup()
    items = [
        element("li", f"{class_words(row)}: {row['reason']}." if row["class"] else f"{row['reason']}.")
        for row in rows
    ]
    return section(
        "Not known", ["Of whom too little is known to say anything."], element("ul", *items, class_="plain")
    )


def _score(one: Mapping[str, Any]) -> float:
    return value_of(one, "score")


def group_of(found: Mapping[str, Any], query: TunePageQuery) -> TunedGroup | None:
    """The one that a class of devices and of links names."""
    wanted = (query.kind, query.link_class)
    return next((one for one in found["groups"] if (one["class"], one["link_class"]) == wanted), None)
