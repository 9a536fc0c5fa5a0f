"""What each way would have cost on each link, as the policy predicted it."""

from collections.abc import Iterator, Mapping

from deploy.demo.record import LinkRun, Record
from edge.policy.decision import CHOSEN
from edge.policy.explain import ACCURACY
from protos.pages.markup import Markup, breakable, element, join
from protos.pages.tables import Table, TableRow, folded, foremost

_RULED_OUT = "rule "  # how the verdict of an arm begins that was never a choice

Prediction = Mapping[str, str]  # of one arm on one link: what stands below each of the columns


def costs(record: Record) -> list[Markup]:
    """The six ways that matter, on all links; and all ways, link by link, when asked for."""
    runs = [run for run in record.links if run.arms]
    if not runs:
        return []
    shown = foremost(_by_weight(runs))
    rows = [_row(name, [_predictions(run).get(name, {}) for run in runs]) for name in shown]
    columns = ("way", "bytes", ACCURACY, *(run.name for run in runs))
    return [
        Table("The ways that matter, of all that the bundle offers", columns, [rows]).markup(),
        *map(_whole, runs),
    ]


def _by_weight(runs: list[LinkRun]) -> Iterator[str]:
    """The ways, those that matter most first: chosen on a link, the best of each kind and picture format,
    then the others from the best.
    """
    names = [name for run in runs for name in _predictions(run)]
    yield from (name for run in runs for name, told in _predictions(run).items() if told["why"] == CHOSEN)
    yield from {name.partition("@")[0]: name for name in reversed(names)}.values()
    yield from {name.rpartition("-")[0]: name for name in reversed(names) if "upload@" in name}.values()
    yield from names


def _predictions(run: LinkRun) -> dict[str, Prediction]:
    """By the name of the way, the best first."""
    return {arm[0]: dict(zip(run.columns, arm, strict=True)) for arm in run.arms}


def _row(name: str, predictions: list[Prediction]) -> TableRow:
    known = next(told for told in predictions if told)
    return TableRow((breakable(name), known["bytes"], known[ACCURACY], *map(_cell, predictions)))


def _cell(told: Prediction) -> str:
    if not told:
        return ""
    if told["why"] == CHOSEN:
        return join((element("span", CHOSEN, class_="tag"), " ", element("b", told["ms"])))
    ruled_out = element("span", "ruled out ", class_="soft") if told["why"].startswith(_RULED_OUT) else ""
    return join((ruled_out, told["ms"]))


def _whole(run: LinkRun) -> Markup:
    rows = [TableRow((breakable(arm[0]), *arm[1:]), "best" if CHOSEN in arm else "") for arm in run.arms]
    parts = "in all, of head and coder, of the network, of the cloud's queue and tail, of the words"
    caption = f"{run.name}: joules of the device; milliseconds {parts}"
    table = Table(caption, run.columns, [rows], frozenset({"why"})).markup()
    return folded(
        f"All {len(run.arms)} ways on the {run.name}, with where the time would go, and why each lost", table
    )
