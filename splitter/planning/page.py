"""A plan as one page that needs nothing else: two charts, the crossovers and the table."""

from pathlib import Path

from protos.pages import neighbours
from protos.pages.document import Page, lede, section, sentence, soft
from protos.pages.markup import Markup, breakable, element, join
from protos.pages.tables import Table, TableRow, folded, foremost, scrolling
from protos.terminal.units import format_bound
from splitter.planning.bytes_chart import bytes_chart
from splitter.planning.envelope import Stretch
from splitter.planning.escalation_chart import escalation_chart
from splitter.planning.plan import Option, Plan, suitable
from splitter.planning.reason import reason
from splitter.planning.tables import FRONT, columns, crossovers, notes, row, spans
from splitter.planning.uplink_chart import uplink_chart

COMMAND, KIND = "plan", "Plan"


def page(plan: Plan, model: str) -> Page:
    """What the page says; all text is escaped where it becomes markup."""
    fastest = [_fastest(title, stretches) for title, stretches in crossovers(plan)]
    parts = [
        lede(sentence(reason(plan))),
        section(
            "Total time against uplink", _LINES, scrolling("Total time against uplink", uplink_chart(plan))
        ),
        section("Which is the fastest where", ["Over a steady link."], *fastest),
        section("Total time against bytes", _MARKS, scrolling("Total time against bytes", bytes_chart(plan))),
        *_escalation(plan),
        section("What each choice costs", _costs(plan), *_tables(plan)),
    ]
    return Page(KIND, f"Where to cut {model}", [soft(f"Over {plan.link.words}."), *parts])


def _escalation(plan: Plan) -> list[Markup]:
    """Nothing where a device does not say how sure it is."""
    if plan.measured is None or not plan.measured.local.calibration.cascades:
        return []
    found, title = plan.measured.local.calibration, "Where the device asks the cloud"
    told = [
        f"The device answers, and the cloud where it is not sure, by {found.cut}/{found.codec}.",
        f"Over {found.count:,} answers about {plan.pictures:,} held-out pictures; bars: 95% intervals.",
        f"An answer that agrees is surer than one that does not in {found.auroc:.1%} of pairs (AUROC).",
    ]
    return [section(title, told, scrolling(title, escalation_chart(plan.measured)))]


def check(path: Path) -> None:
    """Raises RequestError now for a place that no such page can be written to later."""
    neighbours.check(path, KIND, COMMAND)


def save(path: Path, plan: Plan, model: str) -> None:
    """Write the page, linked with those beside it. Raises RequestError where it cannot be written."""
    neighbours.save(path, page(plan, model), COMMAND)


_LINES = [
    "For a steady link of each speed.",
    "Solid: features of a cut. Dashed: the picture. Dotted: on the device. Pale: loses too much.",
    "Shaded, and in the strip above: which of the accurate choices is the fastest.",
]
_MARKS = [
    "Over the link of this plan. Left and down is better.",
    "● features of a cut, ■ the picture, ◆ on the device.",
    "Filled: on the Pareto front of time, bytes and accuracy.",
]


def foremost_options(plan: Plan) -> list[Option]:
    """The rows that matter: the recommended choice, the best of each kind, preferably an accurate one, then
    the fastest at some uplink, and the rest of the front.
    """
    best = [min(suitable(group), key=lambda option: option.total) for group in _by_kind(plan)]
    stretches = [plan.option(stretch.choice.name) for stretch in (*plan.stretches, *plan.remote)]
    front = [option for option in plan.options if option.front]
    names = foremost(option.name for option in (plan.recommended, *best, *stretches, *front))
    return [plan.option(name) for name in names]


def _by_kind(plan: Plan) -> list[list[Option]]:
    kinds = dict.fromkeys(option.choice.kind for option in plan.options)
    return [[option for option in plan.options if option.choice.kind == kind] for kind in kinds]


def _costs(plan: Plan) -> list[str]:
    bound = format_bound(plan.demands.max_loss)
    return [f"! and pale: loses more than {bound} beyond noise.", *map(sentence, notes(plan))]


def _tables(plan: Plan) -> list[str]:
    shown = foremost_options(plan)
    if len(shown) == len(plan.options):
        return [_table(plan, "Every choice", _by_kind(plan))]
    whole = _table(plan, "Every choice, those of one kind together", _by_kind(plan))
    caption = "The recommended choice, the best of each kind, and others that are the fastest somewhere"
    return [_table(plan, caption, [shown]), folded(f"All {len(plan.options)} choices", whole)]


def _table(plan: Plan, caption: str, groups: list[list[Option]]) -> str:
    rows = [[_row(plan, option) for option in group] for group in groups]
    return Table(caption, ("choice", *columns(plan)), rows).markup()


def _row(plan: Plan, option: Option) -> TableRow:
    marks, name, *numbers = row(plan, option)
    recommended = option.name == plan.recommended.name
    tag = "recommended" if recommended else "on the front" if FRONT in marks else ""
    cell = join((breakable(name), " ", element("span", tag, class_="tag")))
    kind = "best" if recommended else "" if option.accurate else "faint"
    return TableRow((cell, *numbers), kind)


def _fastest(title: str, stretches: tuple[Stretch, ...]) -> str:
    rows = [TableRow((f"{low} to {high}", breakable(name))) for low, high, name in spans(stretches)]
    return Table(sentence(title), ("uplink", "choice"), [rows], frozenset({"choice"})).markup()
