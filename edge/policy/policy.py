"""Which way to answer one request. Pure: no clock, no socket, no file; everything it needs is handed to it.

Each arm's time is predicted from measured parts, the arms that break a rule are dropped, and the best of the
rest wins:

    network = round trip + 8 bytes / uplink
    total   = spent + head + encode + network + queue + cloud + generate          (milliseconds)
    score   = w_ms total + w_point (points of accuracy lost) + w_kB kilobytes     (less is better)

Of a picture in tiles, head, encode and bytes are taken as so many times those of a tile; the cloud's times as
those of a usual picture.

If the deadline alone rules out every arm, the fastest that obeys the other rules is taken and the decision is
marked late: an answer that comes late is worth more than none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge.costs.profile import DeviceProfile
from edge.link.estimates import CloudEstimate, LinkEstimate
from edge.policy.arms import AUTO, LOCAL, Arm, check_route, cloud_arms, local_arm
from protos import bundle_pb2 as pb
from protos.bundle import PICTURE_CUT
from protos.errors import NoRoute
from protos.pictures.tiles import mean_tiles

# of a request beside its payload and question: digest, id, names, generation, field tags
OVERHEAD_BYTES = 160
KEEP = 0.05  # the last arm is kept unless another is better by more than this part of its score
CHOSEN = "chosen"
COLUMNS = ("way", "ms", "head", "net", "cloud", "words", "bytes", "right", "why")


@dataclass(frozen=True)
class Rules:
    """What the operator demands. `never_leave_device` beats all others; `never_upload` forbids pictures, not
    features.
    """

    deadline_ms: float | None = None
    never_upload: bool = False
    never_leave_device: bool = False
    allow_local: bool = True
    route: str = AUTO  # auto, or forced: local, split[@CUT[/CODEC]], upload[@FORMAT-QUALITY]


@dataclass(frozen=True)
class Weights:
    """What things are worth, in milliseconds."""

    millisecond: float = 1.0
    accuracy_point: float = 50.0  # of accuracy lost against the whole model
    kilobyte: float = 0.0


@dataclass(frozen=True)
class Request:
    """What is known of a request before it is answered."""

    rules: Rules = field(default_factory=Rules)
    weights: Weights = field(default_factory=Weights)
    question_bytes: int = 0
    # expected length of the answer; of a dual encoder, labels that the device would have to read
    tokens: float = 8.0
    spent_ms: float = 0.0  # since the request arrived
    local_unavailable_reason: str = ""  # why the device cannot answer alone, whatever the rules
    # accuracy of what the cloud keeps of this frame; None if it keeps nothing
    cached_accuracy: float | None = None
    tiles: int = 1  # that the picture becomes


@dataclass(frozen=True)
class Predicted:
    """What an arm would cost, in milliseconds, and why it lost."""

    arm: Arm
    head: float
    encode: float
    network: float
    queue: float
    cloud: float  # decoding the payload, and the tail
    generate: float  # prefill and tokens, here or there
    total_ms: float  # the above, and what was spent before the decision
    bytes_up: int
    accuracy: float
    score: float
    verdict: str = ""


@dataclass(frozen=True)
class Decision:
    """The arm that was chosen, and every arm with its verdict."""

    chosen: Predicted
    arms: tuple[Predicted, ...]
    late: bool = False  # no arm meets the deadline; this is the fastest

    @property
    def arm(self) -> Arm:
        return self.chosen.arm


def decide(
    request: Request,
    device: DeviceProfile,
    link: LinkEstimate | None,
    cloud: CloudEstimate,
    manifest: pb.Manifest,
    *,
    last: str | None = None,
) -> Decision:
    """The arm to take. `link` is None where no cloud is configured; `last` names the arm taken before.

    Raises UnknownName for a forced route that the bundle does not have, NoRoute if the rules leave no arm.
    """
    check_route(request.rules.route, manifest)
    arms = [*local_arm(manifest), *(cloud_arms(manifest, request.cached_accuracy) if link else ())]
    known = _Known(
        request, device, link, cloud, manifest.accuracy, request.tiles / mean_tiles(manifest.preprocessing)
    )
    predicted = [_predict(arm, known) for arm in arms]
    judged = [replace(p, verdict=_barred(p.arm, request, link)) for p in predicted]
    lawful = [p for p in judged if not p.verdict]
    if not lawful:
        raise _no_route(request.rules, judged, link)
    return _choose(request, lawful, judged, last)


def explain(decision: Decision) -> list[tuple[str, ...]]:
    """A row of text for each arm under COLUMNS, the best first: milliseconds in all, of head and coder, of
    the network, of the cloud's queue and tail, of making the words; bytes up; answers right in the report;
    why the arm lost.
    """
    return [_row(p) for p in sorted(decision.arms, key=lambda p: (p.verdict != CHOSEN, p.score))]


@dataclass(frozen=True)
class _Known:
    request: Request
    device: DeviceProfile
    link: LinkEstimate | None
    cloud: CloudEstimate
    accuracy: float  # of the whole model
    share: float  # the picture's tiles, to those of the report's pictures


def _predict(arm: Arm, known: _Known) -> Predicted:
    request, device, link, cloud = known.request, known.device, known.link, known.cloud
    head, encode = _on_device(arm, device, request.tiles)
    network, queue, entry, size = 0.0, 0.0, 0.0, 0
    prefill, token = device.prefill_ms, device.token_ms
    if link is not None and arm.kind != LOCAL:
        size = round(arm.mean_bytes * known.share) + request.question_bytes + OVERHEAD_BYTES
        network = link.round_trip_ms + 8000 * size / link.uplink
        queue, entry = cloud.queue_ms, _entry(arm, cloud)
        prefill, token = cloud.prefill_ms, cloud.token_ms
    generate = prefill + request.tokens * token
    total = request.spent_ms + head + encode + network + queue + entry + generate
    score = _score(request.weights, total, max(0.0, known.accuracy - arm.accuracy), size)
    return Predicted(arm, head, encode, network, queue, entry, generate, total, size, arm.accuracy, score)


def _score(weights: Weights, total_ms: float, points_lost: float, size: int) -> float:
    return (
        weights.millisecond * total_ms + weights.accuracy_point * points_lost + weights.kilobyte * size / 1000
    )


def _on_device(arm: Arm, device: DeviceProfile, tiles: int) -> tuple[float, float]:
    """Milliseconds of the head and of the coder."""
    if arm.kind == "upload":
        return 0.0, device.encode_ms.get(arm.coding, 0.0)
    if arm.kind == "split":
        return tiles * _head(device.pieces, arm.cut), tiles * device.encode_ms.get(
            f"{arm.cut}/{arm.coding}", 0.0
        )
    return (tiles * _head(device.pieces, None) if arm.kind == LOCAL else 0.0), 0.0


def _head(pieces: Mapping[str, float], cut: str | None) -> float:
    """Milliseconds of the chain up to a cut, or of all of it, a tile."""
    names = list(pieces)
    return sum(pieces[name] for name in (names if cut is None else names[: names.index(cut) + 1]))


def _entry(arm: Arm, cloud: CloudEstimate) -> float:
    if arm.kind == "cached":
        return 0.0
    return cloud.entry_ms.get(arm.cut or PICTURE_CUT, 0.0)


def _barred(arm: Arm, request: Request, link: LinkEstimate | None) -> str:
    """Why a rule, other than the deadline, forbids an arm; empty if none does."""
    rules = request.rules
    if arm.kind == LOCAL:
        return _barred_here(arm, request)
    if rules.never_leave_device:
        return "rule never-leave-device"
    if rules.never_upload and arm.kind == "upload":
        return "rule never-upload"
    if not arm.label_scores(rules.route):
        return f"route {rules.route} was asked for"
    if (
        rules.route == AUTO and link and not link.up
    ):  # a person who insists on a route may try a cloud that was away
        return f"{link.unavailable_reason or 'cloud unreachable'}, next try in {link.retry_seconds:.0f} s"
    return ""


def _barred_here(arm: Arm, request: Request) -> str:
    if not request.rules.allow_local:
        return "rule no-local"
    if not arm.label_scores(request.rules.route):
        return f"route {request.rules.route} was asked for"
    return request.local_unavailable_reason


def _choose(
    request: Request, lawful: Sequence[Predicted], judged: Sequence[Predicted], last: str | None
) -> Decision:
    limit = request.rules.deadline_ms
    timely = [p for p in lawful if limit is None or p.total_ms <= limit]
    best = (
        _keep(min(timely, key=lambda p: p.score), timely, last)
        if timely
        else min(lawful, key=lambda p: p.total_ms)
    )
    chosen = replace(best, verdict=CHOSEN)
    arms = tuple(
        chosen if p is best else replace(p, verdict=p.verdict or _lost(p, best, limit)) for p in judged
    )
    return Decision(chosen, arms, late=not timely)


def _keep(best: Predicted, timely: Sequence[Predicted], last: str | None) -> Predicted:
    """Hysteresis: the last arm, unless the best one is clearly better, or asks again about what that arm
    sent.
    """
    if best.arm.kind == "cached":
        return best
    kept = next((p for p in timely if p.arm.name == last), best)
    return kept if best.score >= kept.score * (1 - KEEP) else best


def _lost(loser: Predicted, best: Predicted, limit: float | None) -> str:
    if limit is not None and loser.total_ms > limit:
        return f"deadline: needs {loser.total_ms:.0f} ms of {limit:.0f} ms"
    if loser.score <= best.score:
        return f"not better by the {KEEP:.0%} that a change of arm needs"
    if loser.total_ms > best.total_ms:
        return f"{loser.total_ms - best.total_ms:.0f} ms slower"
    if loser.accuracy < best.accuracy:
        return f"worse score: {loser.accuracy:.1f}% right, not {best.accuracy:.1f}%"
    return f"worse score: {loser.bytes_up} bytes, not {best.bytes_up}"


def _no_route(rules: Rules, judged: Sequence[Predicted], link: LinkEstimate | None) -> NoRoute:
    reasons = defaultdict(list)
    for p in judged:
        if p.arm.label_scores(rules.route):
            reasons[p.verdict].append(p.arm.name)
    if link is None and rules.route != LOCAL:
        reasons["no cloud is given (--cloud HOST:PORT)"].append("split, upload")
    if rules.route in (AUTO, LOCAL) and not any(p.arm.kind == LOCAL for p in judged):
        reasons["the bundle has no local model (isthmus split --with-local)"].append(LOCAL)
    asked = "no way to answer" if rules.route == AUTO else f"route {rules.route!r} impossible"
    listed = "; ".join(f"{_few(names)}: {why}" for why, names in reasons.items())
    return NoRoute(f"the rules leave {asked}; relax one: {listed}", reasons=dict(reasons))


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _row(p: Predicted) -> tuple[str, ...]:
    times = (p.total_ms, p.head + p.encode, p.network, p.queue + p.cloud, p.generate)
    return (
        p.arm.name,
        *(f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" for ms in times),
        str(p.bytes_up),
        f"{p.accuracy:.1f}%",
        p.verdict,
    )
