"""The report: what was gained, what was decided and when that changed, what each way costs, every request."""

from collections.abc import Sequence
from pathlib import Path

from bench.rig.outcomes import Outcome
from deploy.demo.agent.part import agent_section
from deploy.demo.charts import chart
from deploy.demo.costs import costs
from deploy.demo.decisions import Phase, decided
from deploy.demo.fleet.part import fleet_section
from deploy.demo.gain import gain, left_free, lost
from deploy.demo.gallery import gallery
from deploy.demo.record import LinkRun, Record, Summary
from protos.pages.document import Page, lede, listing, section, sentence, soft
from protos.pages.markup import Markup, breakable, element, join
from protos.pages.tables import Table, TableRow, folded, scrolling
from protos.terminal.units import format_size, format_time

KIND = "Demonstration"
_CHAIN = Path(__file__).parent.parent / "chain.svg"
_SUMMARY = ("strategy", "right", "asked", "answered", "bytes", "time", "95%")
_PHASES = ("strategy", "when", "answered by", "right", "time, median", "why")
_REQUESTS = (
    "question",
    "strategy",
    "answer",
    "verdict",
    "route",
    "bytes up",
    "as JPEG",
    "time",
    "stages, ms",
)


def page(record: Record) -> Page:
    """What the page says; all text is escaped where it becomes markup."""
    parts = [
        lede(gain(record)),
        *(element("p", told) for told in (left_free(record), lost(record)) if told),
        section("Every link at a glance", _GLANCE, _links(record), full=True),
        section("What was decided, and when that changed", _DECIDED, _decisions(decided(record))),
        section("What each way would have cost", _COSTS, *costs(record)),
        section("The pictures", _PICTURES, *gallery(record)),
        *([agent_section(record.agent)] if record.agent else []),
        *([fleet_section(record.fleet)] if record.fleet else []),
        section("Every request", [], *map(_requests, record.links), full=True),
        section("How it was measured", _BESIDE, *_measured(record)),
    ]
    heading = f"{len(record.asked)} questions about pictures, over {len(record.links)} links"
    return Page(KIND, heading, parts)


_GLANCE = [
    (
        "A device and a cloud share one vision-language model. For each question the policy on the device "
        "chooses: answer alone, send the features of a cut, or upload the picture."
    ),
    (
        "auto is the policy left free, auto-remote the policy on a device that cannot answer alone; the "
        "others are forced, so that the choice can be judged."
    ),
    (
        "Bars are medians of answered requests, with a tick at the 95th percentile of the time. What was not "
        "answered counts as not right."
    ),
]
_DECIDED = [
    "Questions in a row that were answered in the same way are one line, over all links in their order.",
    "cascade@10%: the device answered, the cloud where it was not sure; each request has how sure it was.",
    "Why: what became of the way before; for the first line, how far the best of each other kind was behind.",
]
_COSTS = [
    "Predicted milliseconds to the whole answer, by the last decision of auto-remote on each link.",
    (
        "The chosen ways first, then the best of each kind and of each picture format, and the next best. "
        "Right: in the bundle's report."
    ),
]
_PICTURES = [
    (
        "None was seen in training. First those that were answered wrongly somewhere, or not in the same way "
        "on every link that stayed up."
    )
]
_BESIDE = [
    "isthmus plan --html and isthmus bench codec --html write pages that are linked here if they lie beside."
]


def _links(record: Record) -> Markup:
    figures = (
        element(
            "figure",
            element("figcaption", run.name, element("span", f" {run.words}", class_="soft")),
            chart(run),
            folded(f"The figures of the {run.name}", _summary(run)),
        )
        for run in record.links
    )
    return element("div", *figures, class_="panels pairs")


def _summary(run: LinkRun) -> Markup:
    rows = [TableRow((s.strategy, str(s.right), str(s.asked), *_figures(s))) for s in run.summaries]
    return Table(
        f"Every strategy, {run.name}: medians, and the 95th percentile of the time", _SUMMARY, [rows]
    ).markup()


def _figures(s: Summary) -> tuple[str, ...]:
    if s.bytes_up is None or s.median_ms is None or s.p95_ms is None:
        return ("0", "none", "none", "none")
    return str(s.answered), f"{s.bytes_up:,.0f}", format_time(s.median_ms), format_time(s.p95_ms)


def _decisions(found: Sequence[Sequence[Phase]]) -> Markup:
    groups = [[_phase(phase) for phase in phases] for phases in found]
    changes = (f"{phases[0].strategy} {_changes(len(phases) - 1)}" for phases in found)
    return Table(sentence(", ".join(changes)), _PHASES, groups, frozenset(_PHASES[:3] + _PHASES[5:])).markup()


def _phase(phase: Phase) -> TableRow:
    right = f"{phase.right} of {len(phase.moments)}"
    time = "none" if phase.median_ms is None else format_time(phase.median_ms)
    return TableRow((phase.strategy, phase.when, breakable(phase.way), right, time, phase.why))


def _changes(count: int) -> str:
    return "never changed" if not count else "changed once" if count == 1 else f"changed {count} times"


def _requests(run: LinkRun) -> Markup:
    rows = [TableRow(_request(outcome)) for outcome in run.outcomes]
    words = frozenset({"strategy", "answer", "verdict", "route", "stages, ms"})
    wire = f"{format_size(run.wire_up)} up, {format_size(run.wire_down)} down"
    counted = soft(f"Counted by the link itself, all strategies, framing and warm-up included: {wire}.")
    table = Table(f"Every request: {run.name}", _REQUESTS, [rows], words).markup()
    return folded(f"{run.name}: {len(run.outcomes)} requests", counted, table)


def _request(o: Outcome) -> Sequence[str]:
    note = element("span", o.note or o.told, class_="soft")
    route = join((breakable(o.route), " ", note)) if o.note or o.told else breakable(o.route)
    verdict = element("span", o.verdict, class_=f"verdict {o.verdict}")
    sizes = (f"{o.bytes_up:,}", f"{o.asked.jpeg_bytes:,}", format_time(o.milliseconds))
    return o.asked.question, o.strategy, o.failure or o.answer, verdict, route, *sizes, stages(o)


def stages(outcome: Outcome) -> str:
    """Where the time went, the stages that took no time left out."""
    return ", ".join(f"{name} {ms:.0f}" for name, ms in outcome.stages.items() if ms >= 0.5)


def _measured(record: Record) -> list[Markup]:
    how = (
        "The cloud ran as a process of its own; between it and the device stood a TCP proxy that lets bytes "
        "through at the link's rate and delay, and no faster. Before each measurement every strategy had "
        f"asked {record.warm_up} other questions over the same link. The strategies took turns, question by "
        "question. Times run from the decoded picture to the last word. Bytes are whole request messages as "
        "sent. With few requests the 95th percentile is close to the slowest of them."
    )
    chain = Markup(_CHAIN.read_text(encoding="utf-8"))
    drawn = element("div", scrolling("The chain from picture to answer", chain), class_="chain")
    return [element("p", how), listing(record.setting), drawn]
