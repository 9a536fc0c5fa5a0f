"""The report as one page that needs nothing else: pictures, styles and charts are inside it."""

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.rig.outcomes import AUTO, REMOTE, Outcome
from deploy.demo import charts
from deploy.demo.record import Record, story

_HERE = Path(__file__).parent


def render(record: Record) -> str:
    """The page's HTML. All text that comes from a record is escaped by the template engine."""
    page = _environment().get_template("page.html")
    return page.render(
        record=record,
        strategies=list(dict.fromkeys(o.strategy for run in record.links for o in run.outcomes)),
        free=(AUTO, REMOTE),
        story=story,
        stages=stages,
        charts=charts.charts,
        time=charts.time,
        size=charts.size,
        left=charts.LEFT,
        row=charts.ROW,
        css=Markup((_HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - a file of this package
        chain=Markup((_HERE.parent / "chain.svg").read_text(encoding="utf-8")),  # noqa: S704 - a file of this package
    )


def stages(outcome: Outcome) -> str:
    """Where the time went, the stages that took no time left out."""
    return ", ".join(f"{name} {ms:.0f}" for name, ms in outcome.stages.items() if ms >= 0.5)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    return environment
