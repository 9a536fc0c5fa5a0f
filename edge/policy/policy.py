"""Which way to answer one request. Pure: no clock, no socket, no file; everything it needs is handed to it.

Each arm's time is predicted from measured parts (protos/costs), the arms that break a rule are dropped, and
the best of the rest wins:

    score = w_ms total + w_point (points lost beyond noise) + w_kB kilobytes     (less is better)

If the deadline alone rules out every arm, the fastest that obeys the other rules is taken and the decision is
marked late: an answer that comes late is worth more than none.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from edge.policy.decision import CHOSEN, Decision, Predicted, Request, Weights
from protos import bundle_pb2 as pb
from protos.arms import arms_of, check_route
from protos.arms.arm import Arm, Situation
from protos.arms.rules import AUTO, LOCAL, Rules
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate, LinkEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import NoRoute

KEEP = 0.05  # the last arm is kept unless another is better by more than this part of its score
_NAMED = 3


def decide(
    request: Request,
    device: DeviceProfile,
    link: LinkEstimate | None,
    cloud: CloudEstimate,
    manifest: pb.Manifest,
    measured: pb.Measurements,
    *,
    last: str | None = None,
) -> Decision:
    """The arm to take. `link` is None where no cloud is configured; `last` names the arm taken before.

    Raises UnknownName for a forced route that the bundle does not have, NoRoute if the rules leave no arm.
    """
    check_route(request.rules.route, manifest, measured)
    situation = Situation(request.rules, link, request.local_unavailable_reason, device)
    workload = _workload(request, measured)
    judged = [
        replace(
            _predicted(arm, arm.cost(device, cloud, workload), request, link),
            verdict=arm.forbidden(situation),
        )
        for arm in arms_of(
            manifest, measured, remote=link is not None, cached_accuracy=request.cached_accuracy
        )
    ]
    allowed = [p for p in judged if not p.verdict]
    if not allowed:
        raise _no_route(request.rules, judged, link)
    decision = replace(_choose(request, allowed, judged, last), measure=measured.measure)
    outage = link.outage if link else ""
    return replace(decision, outage=outage) if any(p.verdict == outage for p in judged) else decision


def _workload(request: Request, measured: pb.Measurements) -> Workload:
    return Workload(request.tokens, request.question_bytes, request.tiles, measured.mean_tiles)


def _predicted(arm: Arm, cost: Cost, request: Request, link: LinkEstimate | None) -> Predicted:
    network = cost.network(link.uplink, link.round_trip_ms) if link else 0.0
    total = request.spent_ms + cost.beside_network + network
    score = _score(request.weights, total, arm.loss, cost.bytes_up)
    return Predicted(
        arm=arm,
        head=cost.head,
        encode=cost.encode,
        network=network,
        queue=cost.queue,
        cloud=cost.entry,
        generate=cost.generate,
        total_ms=total,
        bytes_up=cost.bytes_up,
        accuracy=arm.accuracy,
        score=score,
    )


def _score(weights: Weights, total_ms: float, points_lost: float, size: int) -> float:
    return (
        weights.millisecond * total_ms + weights.accuracy_point * points_lost + weights.kilobyte * size / 1000
    )


def _choose(
    request: Request, allowed: Sequence[Predicted], judged: Sequence[Predicted], last: str | None
) -> Decision:
    limit = request.rules.deadline_ms
    timely = [p for p in allowed if limit is None or p.total_ms <= limit]
    best = _steady(timely, last) if timely else min(allowed, key=lambda p: p.total_ms)
    chosen = replace(best, verdict=CHOSEN)
    arms = tuple(
        chosen if p is best else replace(p, verdict=p.verdict or _lost(p, best, limit)) for p in judged
    )
    return Decision(chosen, arms, late=not timely)


def _steady(timely: Sequence[Predicted], last: str | None) -> Predicted:
    """The best arm; with hysteresis the last one, unless the best is clearly better."""
    best = min(timely, key=lambda p: p.score)
    kept = next((p for p in timely if p.arm.name == last), best)
    return kept if best.arm.hysteresis and best.score >= kept.score * (1 - KEEP) else best


def _lost(loser: Predicted, best: Predicted, limit: float | None) -> str:
    if limit is not None and loser.total_ms > limit:
        return f"deadline: needs {loser.total_ms:.0f} ms of {limit:.0f} ms"
    if loser.score <= best.score:
        return f"not better by the {KEEP:.0%} that a change of arm needs"
    if loser.total_ms > best.total_ms:
        return f"{loser.total_ms - best.total_ms:.0f} ms slower"
    if loser.arm.loss > best.arm.loss:
        return f"worse score: loses {loser.arm.loss:.1f} points beyond noise, not {best.arm.loss:.1f}"
    return f"worse score: {loser.bytes_up} bytes, not {best.bytes_up}"


def _no_route(rules: Rules, judged: Sequence[Predicted], link: LinkEstimate | None) -> NoRoute:
    reasons = defaultdict(list)
    for p in judged:
        if p.arm.fits(rules.route):
            reasons[p.verdict].append(p.arm.name)
    if link is None and rules.route != LOCAL:
        reasons["no cloud is given (--cloud HOST:PORT)"].append("split, upload")
    if rules.route in (AUTO, LOCAL) and not any(p.arm.kind == LOCAL for p in judged):
        reasons["the bundle has no local model (isthmus split --with-local)"].append(LOCAL)
    asked = "no way to answer" if rules.route == AUTO else f"route {rules.route!r} impossible"
    listed = "; ".join(f"{_few(names)}: {why}" for why, names in reasons.items())
    return NoRoute(f"the rules leave {asked}; relax one: {listed}", reasons=dict(reasons))


def _few(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
