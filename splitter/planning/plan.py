"""What every choice costs on a link, and which to take. Pure: it is handed what it needs and returns a value.

    total = head + encode + round trip + 8 bytes / uplink + cloud entry + generate

Where the device answers first, times and bytes are means over answers that the cloud is asked for and others.

Recommended is the fastest choice whose accuracy stays within `max_loss` of the whole model, as far as the
loss is beyond noise (protos/arms/loss.py); under a deadline over a recorded link, the one that is late least
often. Preparing the picture is left out: it is the same for every choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protos import bundle_pb2 as pb
from protos.costs.cost import TYPICAL, Workload
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError
from splitter.planning.choices import Choice, choices
from splitter.planning.envelope import Stretch, fastest, min_uplink
from splitter.planning.links import Always, Link

TAIL = 0.95


@dataclass(frozen=True)
class Demands:
    """What is asked of an answer."""

    deadline: float | None = None  # milliseconds
    max_loss: float = 1.0  # points of accuracy against the whole model, beyond noise
    workload: Workload = TYPICAL


ORDINARY = Demands()


@dataclass(frozen=True)
class Option:
    """A choice on the link of the plan. Milliseconds, points, parts of all starts."""

    choice: Choice
    network: float  # expected
    total: float  # expected
    tail: float  # total that 95% of the starts stay within
    late: float  # part of the starts that miss the deadline, 0 if there is none
    loss: float  # accuracy below the whole model's, as measured; at least 0
    accurate: bool  # the loss beyond noise is within what is allowed
    front: bool = False  # no other choice is as good in time, bytes and accuracy, and better in one

    @property
    def name(self) -> str:
        return self.choice.name


@dataclass(frozen=True)
class Plan:
    """Every choice, the one to take, and how that changes with the uplink."""

    options: tuple[Option, ...]
    recommended: Option
    stretches: tuple[Stretch, ...]  # the fastest of the accurate choices, by uplink, over a steady link
    remote: tuple[Stretch, ...]  # the same of those through the cloud
    # the slowest steady uplink that meets the deadline; None without one, or if none does
    enough: float | None
    accuracy: float  # of the whole model, percent
    link: Link
    device: DeviceProfile
    demands: Demands
    measure: str = ""  # what accuracies are of
    count: int = 0  # of what every accuracy was taken over; 0 where that is not told
    pictures: int = 0  # that those are about
    measured: pb.Measurements | None = None  # that it was made of

    def option(self, name: str) -> Option:
        """An option by its name. Raises StopIteration if there is none."""
        return next(option for option in self.options if option.name == name)


def plan(
    manifest: pb.Manifest,
    measured: pb.Measurements,
    device: DeviceProfile,
    link: Link,
    demands: Demands = ORDINARY,
) -> Plan:
    """Weigh every choice of a bundle on a link. Raises RequestError for a bundle that offers none."""
    weighed = [
        _option(choice, link, measured.accuracy, demands)
        for choice in choices(manifest, measured, device, demands.workload)
    ]
    if not weighed:
        raise RequestError(
            "the bundle offers no way to answer: no codec, no upload, no local model; split the model again"
        )
    options = _with_front(weighed)
    sound = suitable(options)
    among = [option.choice for option in sound]
    certain = [choice for choice in among if choice.cost.asked == 1]
    return Plan(
        options=tuple(options),
        recommended=min(sound, key=_merit),
        stretches=fastest(among, link.round_trip),
        remote=fastest([choice for choice in among if choice.kind != "local"], link.round_trip),
        enough=None if demands.deadline is None else min_uplink(certain, link.round_trip, demands.deadline),
        accuracy=measured.accuracy,
        link=link,
        device=device,
        demands=demands,
        measure=measured.measure,
        count=measured.count,
        pictures=measured.pictures,
        measured=measured,
    )


def suitable(options: Sequence[Option]) -> list[Option]:
    """The options that are accurate enough; if none is, the most accurate one."""
    best = min(options, key=lambda option: (option.choice.loss, option.total))
    return [option for option in options if option.accurate] or [best]


def dominates(one: Option, other: Option) -> bool:
    """Whether one is at least as good in time, bytes and accuracy, and better in one of them."""
    mine, theirs = _merits(one), _merits(other)
    return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


def _option(choice: Choice, link: Link, accuracy: float, demands: Demands) -> Option:
    asked = choice.cost.asked
    times = Always(0.0) if choice.kind == "local" else link.times(choice.cost.bytes_up)
    fixed, trip = choice.sent().fixed(link.round_trip), 0.0 if choice.kind == "local" else link.round_trip
    loss, late, limit = max(0.0, accuracy - choice.accuracy), 0.0, demands.deadline
    if limit is not None:
        late = asked * times.above(limit - fixed) + (1 - asked) * (choice.alone > limit)
    network = asked * (trip + times.mean)
    total = asked * (fixed + times.mean) + (1 - asked) * choice.alone
    tail = fixed + times.quantile(1 - (1 - TAIL) / asked) if asked > 1 - TAIL else choice.alone
    return Option(choice, network, total, tail, late, loss, choice.loss <= demands.max_loss)


def _with_front(options: Sequence[Option]) -> list[Option]:
    return [replace(one, front=not any(dominates(other, one) for other in options)) for one in options]


def _merits(option: Option) -> tuple[float, float, float]:
    return option.total, option.choice.bytes_up, option.choice.loss


def _merit(option: Option) -> tuple[float, ...]:
    return option.late, *_merits(option)
