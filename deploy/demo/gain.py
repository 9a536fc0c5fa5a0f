"""What was gained, in a sentence, from the figures of a run alone."""

from collections.abc import Sequence

from bench.rig.outcomes import AUTO, REMOTE
from deploy.demo.record import LinkRun, Record, Summary
from protos.terminal.units import format_time

_UPLOAD = "upload"
_POLICY = "the policy, on a device that cannot answer alone,"


def gain(record: Record) -> str:
    """How the policy did through the cloud beside uploads, on the link where it did best: a gain, a trade, or
    nothing.
    """
    pairs = [pair for run in record.links if not run.killed and (pair := _pair(run))]
    if not pairs:
        return "Nothing can be said of a gain: on no link did both the policy and the uploads answer."
    run, policy, upload = max(pairs, key=lambda pair: (_rank(*pair[1:]), _saved(*pair[1:])))
    place = f"on the {run.name} ({run.words})" if run.words else f"on the {run.name}"
    rival = f"where uploading the picture{_format(run)} took {_costs(upload)}"
    told = f"{place} {_POLICY} answered in {_costs(policy)}, {rival}, {_rightness(policy, upload)}."
    if _rank(policy, upload) == 2:
        return f"O{told[1:]}"
    return f"{'A trade' if _rank(policy, upload) else 'Nothing was gained'}: {told}"


def _rank(policy: Summary, upload: Summary) -> int:
    """2 where the policy is better in time or bytes and worse in nothing, right answers included; 1 where it
    is better in one and worse in another; 0 where it is better in neither.
    """
    own, other = ((_number(s.median_ms), _number(s.bytes_up), -s.right) for s in (policy, upload))
    better = own[0] < other[0] or own[1] < other[1]
    worse = any(mine > its for mine, its in zip(own, other, strict=True))
    return 0 if not better else 1 if worse else 2


def left_free(record: Record) -> str:
    """What the policy did where it could answer on the device too; empty where that was not measured."""
    outcomes = [o for run in record.links for o in run.outcomes if o.strategy == AUTO]
    if not outcomes:
        return ""
    routes = [o.route for o in outcomes if not o.failure]
    ways = ", ".join(f"{routes.count(route)} by {route}" for route in dict.fromkeys(routes)) or "none"
    counts = f"{len(routes)} of {len(outcomes)} questions, {sum(o.right for o in outcomes)} of them rightly"
    return f"Left free to answer on the device as well, it answered {counts}: {ways}.{_escalated(record)}"


def _escalated(record: Record) -> str:
    """Of how many questions on each link the device was not sure enough; empty where it never answered
    first.
    """
    up = [run for run in record.links if not run.killed]
    own = {run.name: [o for o in run.outcomes if o.strategy == AUTO and o.decided] for run in up}
    first = {name: [o for o in asked if o.told] for name, asked in own.items()}
    if not any(first.values()):
        return ""
    counts = (f"{sum(o.escalated for o in asked)} of {len(asked)} on the {n}" for n, asked in own.items())
    return f" Not sure of its own answer, it asked the cloud for {', '.join(counts)}."


def lost(record: Record) -> str:
    """What a lost cloud cost each strategy; empty where no cloud was killed."""
    run = next((run for run in record.links if run.killed), None)
    if run is None:
        return ""
    failed = {s.strategy: s.asked - s.answered for s in run.summaries}
    some = [f"{name} {count}" for name, count in failed.items() if count]
    none = [name for name, count in failed.items() if not count]
    if not some:
        return "When the cloud was killed half way, no question was left unanswered."
    spared = f"; {_listed(none)} answered all" if none else ""
    told = f"of {run.summaries[0].asked} questions were left unanswered: {', '.join(some)}"
    return f"When the cloud was killed half way, {told}{spared}."


def _pair(run: LinkRun) -> tuple[LinkRun, Summary, Summary] | None:
    policy, upload = run.summary(REMOTE), run.summary(_UPLOAD)
    if policy is None or upload is None or not (policy.answered and upload.answered):
        return None
    return run, policy, upload


def _format(run: LinkRun) -> str:
    """As what pictures were uploaded."""
    routes = [o.route for o in run.outcomes if o.strategy == _UPLOAD and o.route]
    return f" as {routes[0].partition('@')[2]}" if routes and "@" in routes[0] else ""


def _saved(policy: Summary, upload: Summary) -> float:
    """Milliseconds by which the upload took longer."""
    return _number(upload.median_ms) - _number(policy.median_ms)


def _costs(summary: Summary) -> str:
    return f"{format_time(_number(summary.median_ms))} with {_number(summary.bytes_up):,.0f} bytes a question"


def _rightness(policy: Summary, upload: Summary) -> str:
    own, other = (f"{s.right} of {s.asked}" for s in (policy, upload))
    if policy.right == upload.right and policy.asked == upload.asked:
        return f"with as many right answers ({own})"
    return f"with {'more' if policy.right > upload.right else 'fewer'} right answers ({own} against {other})"


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _number(value: float | None) -> float:
    """A figure of a strategy that answered."""
    return value or 0.0
