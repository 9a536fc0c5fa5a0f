"""A plan as one page that needs nothing else: two pictures, the crossovers and the table. All text is
escaped.
"""

from html import escape
from pathlib import Path

from splitter.planning.bytes_chart import bytes_chart
from splitter.planning.document import document, save_document, wide
from splitter.planning.frame import colour
from splitter.planning.plan import Option, Plan
from splitter.planning.reason import reason
from splitter.planning.tables import columns, crossovers, notes, row, spans
from splitter.planning.uplink_chart import uplink_chart


def page(plan: Plan, model: str) -> str:
    """The page's HTML."""
    heading = f"Where to cut {model}"
    parts = [
        f'<p class="soft">over {escape(plan.link.words)}</p>',
        f'<p class="advice {colour(plan, plan.recommended.choice)}">{escape(_sentence(reason(plan)))}</p>',
        "<h2>Total time against uplink</h2>",
        (
            '<p class="soft">A steady link. Solid: features of a cut; dashed: the picture; dotted: on the '
            "device; faint: loses too much.</p>"
        ),
        wide(uplink_chart(plan)),
        *(f"<h2>{escape(_sentence(title))}</h2>{_spans(stretches)}" for title, stretches in _lists(plan)),
        "<h2>Total time against bytes</h2>",
        (
            '<p class="soft">● a cut, ■ an upload, ◆ on the device. Filled: on the Pareto front of time, '
            "bytes and accuracy.</p>"
        ),
        wide(bytes_chart(plan)),
        "<h2>Every choice</h2>",
        _table(plan),
        *(f'<p class="soft">{escape(note)}</p>' for note in notes(plan)),
    ]
    return document(heading, parts)


def save(path: Path, plan: Plan, model: str) -> None:
    """Write the page; a reader sees the old file or the new one. Raises RequestError where it cannot be
    written.
    """
    save_document(path, page(plan, model))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _lists(plan: Plan) -> list[tuple[str, list[tuple[str, str, str]]]]:
    return [(title, spans(stretches)) for title, stretches in crossovers(plan)]


def _spans(stretches: list[tuple[str, str, str]]) -> str:
    rows = "".join(
        f"<tr><td>{low} to {high}</td><td>{escape(name)}</td></tr>" for low, high, name in stretches
    )
    return f'<table class="spans">{rows}</table>'


def _table(plan: Plan) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("", "choice", *columns(plan)))
    kinds = list(dict.fromkeys(option.choice.kind for option in plan.options))
    bodies = [
        "".join(_row(plan, option) for option in plan.options if option.choice.kind == kind) for kind in kinds
    ]
    body = "".join(f"<tbody>{rows}</tbody>" for rows in bodies)
    return wide(f"<table><thead><tr>{heads}</tr></thead>{body}</table>")


def _row(plan: Plan, option: Option) -> str:
    kind = "best" if option.name == plan.recommended.name else "" if option.accurate else "lossy"
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row(plan, option))
    return f'<tr class="{kind}">{cells}</tr>'
