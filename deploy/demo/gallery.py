"""The pictures with their questions: first those of which there is something to tell."""

import base64
from collections.abc import Iterable, Sequence

from bench.rig.outcomes import AUTO, REMOTE, Outcome, VisualQuestion
from deploy.demo.record import Record
from protos.pages.markup import Markup, breakable, element, join
from protos.pages.tables import Table, TableRow, folded
from protos.terminal.units import format_time


def gallery(record: Record) -> list[Markup]:
    """The pictures that differ, and the others when asked for."""
    differing = [asked for asked in record.asked if _differs(record, asked)]
    equal = [asked for asked in record.asked if asked not in differing]
    told = f"The other {len(equal)}: right on every link that stayed up, and answered in the same way"
    shown = [_list("gallery told", (_told(record, asked) for asked in differing))] if differing else []
    return [*shown, folded(told, _list("gallery", map(_right, equal)))] if equal else shown


def _differs(record: Record, asked: VisualQuestion) -> bool:
    """Whether an answer was wrong or missing, or came by another way on another link that stayed up."""
    up = [run for run in record.links if not run.killed]
    outcomes = [o for run in up for o in run.orchestrated if o.asked.name == asked.name]
    ways = {(o.strategy, o.route) for o in outcomes}
    return any(not o.right for o in outcomes) or len(ways) > len({o.strategy for o in outcomes})


def _list(kind: str, items: Iterable[Markup]) -> Markup:
    return element("ul", *items, class_=kind)


def _told(record: Record, asked: VisualQuestion) -> Markup:
    rows = [
        TableRow((run.name, *(_cell(run.orchestrated, asked, strategy) for strategy in (AUTO, REMOTE))))
        for run in record.links
    ]
    table = Table(f"Right: {asked.expected}", ("link", AUTO, REMOTE), [rows], frozenset({AUTO, REMOTE}))
    return element("li", *_question(asked), table.markup())


def _right(asked: VisualQuestion) -> Markup:
    return element("li", *_question(asked), element("p", f"Right: {asked.expected}"))


def _question(asked: VisualQuestion) -> tuple[Markup, Markup]:
    data = base64.b64encode(asked.png).decode("ascii")
    alt = f"The drawn scene of the question: {asked.question}"
    image = element("img", src=f"data:image/png;base64,{data}", alt=alt, width=128, height=128)
    return image, element("p", asked.question, class_="question")


def _cell(outcomes: Sequence[Outcome], asked: VisualQuestion, strategy: str) -> Markup:
    """The verdict, a wrong answer, the way and the time of one strategy."""
    parts: list[str] = []
    for o in outcomes:
        if o.asked.name == asked.name and o.strategy == strategy:
            said = f": {o.answer}" if o.verdict == "wrong" else ""
            sure = f" ({o.told})" if o.told else ""
            way = (" ", breakable(o.route), f"{sure}, {format_time(o.milliseconds)}") if o.route else ()
            parts += [
                element("span", o.verdict, class_=f"verdict {o.verdict}"),
                said,
                element("span", *way, class_="soft"),
            ]
    return join(parts)
