"""Which way to answer one request. Pure: no clock, no socket, no file; everything it needs is handed to it.

Each arm's time is predicted from measured parts (protos/costs) as a distribution, the arms that break a rule
are dropped, and the best of the rest wins by what it costs on average:

    score = w_ms (total + delay of others) + w_point (points lost beyond noise) + w_kB kilobytes + w_J joules

Less is better. What keeps the device or its link busy delays others (protos/costs/crowding.py). Without that
a device that is asked more than it can do would go on in the way that is the fastest for a request alone.

A deadline is to be met with a stated probability. If it rules out every arm, the best of those most likely to
meet it is taken: an answer that comes late is worth more than none.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from edge.policy.decision import CHOSEN, Decision, KnownCloud, Predicted, Request
from edge.policy.limits import limited
from edge.policy.prediction import Predictor
from protos import bundle_pb2 as pb
from protos.arms import arms_of, check_rules
from protos.arms.arm import Arm
from protos.arms.rules import AUTO, LOCAL, Rules
from protos.costs.cost import Workload
from protos.costs.power import MODEL, Power
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import NoRoute

_LIKELY = 0.5  # to meet a deadline; less is called late
_WORST_TRIAL = 1.5  # what a trial may be expected to cost, in what the best costs
KEEP = 0.05  # the last arm is kept unless another is better by more than this part of its score
_NAMED = 3


def decide(
    request: Request,
    device: DeviceProfile,
    clouds: Sequence[KnownCloud],
    manifest: pb.Manifest,
    measured: pb.Measurements,
    *,
    last: str | None = None,
    trial: bool = False,
    power: Power = MODEL,
) -> Decision:
    """The arm to take, of all that the device and each of its clouds offer; `last` names the one taken
    before; `trial`: take another that may be better, if there is one, so that something is learned of it.

    Raises UnknownName for a route, cut or codec that the bundle does not have, NoRoute if the rules leave
    no arm.
    """
    check_rules(request.rules, manifest, measured)
    workload = _workload(request, measured)
    open_way = any(cloud.link.up and cloud.name not in request.failed for cloud in clouds)
    predictors = [Predictor(request, device, cloud, workload, power, open_way) for cloud in clouds]
    alone = Predictor(request, device, None, workload, power)
    ruled = [
        replace(predict.arm(arm), verdict=predict.forbidden(arm))
        for predict in (alone, *predictors)
        for arm in _offered(request, predict.known, manifest, measured)
    ]
    limits = limited(ruled, request.rules, request.conditions)
    judged = [replace(p, allowed=not p.verdict) for p in limits]
    allowed = [p for p in judged if p.allowed]
    if not allowed:
        raise _no_route(request.rules, judged, clouds)
    by_name = {predict.cloud_name: predict for predict in (alone, *predictors)}
    hopeful = (lambda p: by_name[p.cloud_name].hopeful(p)) if trial else None
    decision = _choose(request, allowed, judged, last, hopeful)
    states = by_name[decision.chosen.cloud_name].states
    return replace(decision, measure=measured.measure, states=states, outage=_outage(clouds, judged))


def _offered(
    request: Request, known: KnownCloud | None, manifest: pb.Manifest, measured: pb.Measurements
) -> Iterator[Arm]:
    """The arms of one cloud, or those that need none."""
    if known is None:
        yield from arms_of(manifest, measured, remote=False)
        return
    kept = request.cached_accuracy if request.cached_at in (None, known.name) else None
    yield from (arm for arm in arms_of(manifest, measured, cached_accuracy=kept) if arm.remote)


def _outage(clouds: Sequence[KnownCloud], judged: Sequence[Predicted]) -> str:
    """Why no cloud could be chosen though the rules allow it; empty where one could."""
    verdicts = {p.verdict for p in judged}
    outages = [cloud.link.outage for cloud in clouds]
    if not all(outage and outage in verdicts for outage in outages):
        return ""
    if len(clouds) == 1:
        return outages[0]
    return "; ".join(f"{cloud.name}: {cloud.link.outage}" for cloud in clouds)


def _workload(request: Request, measured: pb.Measurements) -> Workload:
    return Workload(request.tokens, request.question_bytes, request.tiles, measured.mean_tiles)


def _choose(
    request: Request,
    allowed: Sequence[Predicted],
    judged: Sequence[Predicted],
    last: str | None,
    hopeful: Callable[[Predicted], float] | None,
) -> Decision:
    """`hopeful`: the score at best, of a trial, where one is due."""
    timely = [p for p in allowed if p.in_time >= request.rules.confidence]
    known = _steady(timely, last) if timely else _likeliest(allowed, 1 - request.rules.confidence)
    tried = _trial(timely, known, hopeful) if hopeful else None
    best = tried or known
    chosen = replace(best, verdict=CHOSEN)
    arms = tuple(
        chosen if p is best else replace(p, verdict=p.verdict or _lost(p, best, request)) for p in judged
    )
    return Decision(chosen, arms, late=chosen.in_time < _LIKELY, trial=tried is not None)


def _trial(
    timely: Sequence[Predicted], known: Predicted, hopeful: Callable[[Predicted], float]
) -> Predicted | None:
    """What may be better than the best that is known, and costs little more if it is not."""
    affordable = [p for p in timely if p is not known and p.score <= _WORST_TRIAL * known.score]
    tried = min(affordable, key=hopeful, default=None)
    return tried if tried and hopeful(tried) < known.score else None


def _likeliest(allowed: Sequence[Predicted], margin: float) -> Predicted:
    """The best of those that are as likely as any to meet the deadline, but for a margin."""
    most = max(p.in_time for p in allowed)
    return min((p for p in allowed if p.in_time >= most - margin), key=lambda p: p.score)


def _steady(timely: Sequence[Predicted], last: str | None) -> Predicted:
    """The best arm; with hysteresis the last one, unless the best is clearly better."""
    best = min(timely, key=lambda p: p.score)
    kept = next((p for p in timely if p.name == last), best)
    return kept if best.arm.hysteresis and best.score >= kept.score * (1 - KEEP) else best


def _lost(loser: Predicted, best: Predicted, request: Request) -> str:
    rules = request.rules
    if rules.deadline_ms is not None and loser.in_time < rules.confidence:
        return _untimely(loser, rules.deadline_ms, rules.confidence)
    if loser.score <= best.score * (1 - KEEP):
        return "best by what is known; another way was tried"
    if loser.score <= best.score:
        return f"not better by the {KEEP:.0%} that a change of arm needs"
    return _worse(loser, best, request.weights)


def _worse(loser: Predicted, best: Predicted, weights: Weights) -> str:
    """What most of its worse score is for."""
    slower = loser.total_ms - best.total_ms
    reasons = {
        f"{slower:.0f} ms slower": weights.millisecond * slower,
        f"worse score: loses {loser.arm.loss:.1f} points beyond noise, not {best.arm.loss:.1f}": (
            weights.accuracy_point * (loser.arm.loss - best.arm.loss)
        ),
        f"worse score: {loser.bytes_up} bytes, not {best.bytes_up}": (
            weights.kilobyte * (loser.bytes_up - best.bytes_up) / 1000
        ),
        f"worse score: {loser.joules:.3g} J, not {best.joules:.3g} J": (
            weights.joule * (loser.joules - best.joules)
        ),
    }
    why = max(reasons, key=lambda reason: reasons[reason])
    return why if reasons[why] > 0 else "worse score: keeps others waiting for longer"


def _untimely(loser: Predicted, limit: float, confidence: float) -> str:
    if loser.in_time < _LIKELY:
        return f"deadline: needs {loser.total_ms:.0f} ms of {limit:.0f} ms"
    return f"deadline: met with {loser.in_time:.0%}, not {confidence:.0%}"


def _no_route(rules: Rules, judged: Sequence[Predicted], clouds: Sequence[KnownCloud]) -> NoRoute:
    reasons = defaultdict(list)
    for p in judged:
        if p.arm.fits(rules.route):
            reasons[p.verdict].append(p.name)
    if not clouds and rules.route != LOCAL:
        reasons["no cloud is given (--cloud HOST:PORT)"].append("split, upload")
    if rules.route in (AUTO, LOCAL) and not any(p.arm.kind == LOCAL for p in judged):
        reasons["the bundle has no local model (isthmus split --with-local)"].append(LOCAL)
    asked = "no way to answer" if rules.route == AUTO else f"route {rules.route!r} impossible"
    listed = "; ".join(f"{_few(names)}: {why}" for why, names in reasons.items())
    away = [cloud.link.retry_seconds for cloud in clouds if not cloud.link.up]
    retry = min(away) if away and len(away) == len(clouds) else None  # None: waiting does not help
    return NoRoute(
        f"the rules leave {asked}; relax one: {listed}", reasons=dict(reasons), retry_seconds=retry
    )


def _few(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
