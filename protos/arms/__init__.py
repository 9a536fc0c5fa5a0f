"""The ways to answer that a bundle offers: `local`, `cascade@SHARE%`, `split@CUT/CODEC`,
`upload@FORMAT-QUALITY`, `cached`.

An arm is one class in one file of `kinds/`: what it offers, what it takes, which rule forbids it, and what it
sends.
"""

from functools import cache

from protos import bundle_pb2 as pb
from protos.arms import kinds
from protos.arms.arm import Arm, check_name
from protos.arms.rules import AUTO, Rules
from protos.registry import classes_of


def arm_kinds() -> tuple[type[Arm], ...]:
    """Every kind of arm, in the order of tables. Every decision asks, so the files are looked for once."""
    return _arm_kinds(tuple(kinds.__path__))


@cache
def _arm_kinds(_places: tuple[str, ...]) -> tuple[type[Arm], ...]:
    found = classes_of(kinds, Arm)  # type: ignore[type-abstract]
    return tuple(sorted(found, key=lambda kind: kind.rank))


def arms_of(
    manifest: pb.Manifest,
    measured: pb.Measurements,
    *,
    remote: bool = True,
    cached_accuracy: float | None = None,
) -> list[Arm]:
    """Every arm that a bundle offers; without a cloud those that need none.

    `cached_accuracy`: of what the cloud keeps of this frame, None if it keeps nothing.
    """
    usable = [kind for kind in arm_kinds() if remote or not kind.remote]
    return [arm for kind in usable for arm in kind.offered(manifest, measured, cached_accuracy)]


def check_rules(rules: Rules, manifest: pb.Manifest, measured: pb.Measurements) -> None:
    """Raise UnknownName, with what there is, for rules that name a route, cut or codec that this bundle does
    not have.
    """
    check_route(rules.route, manifest, measured)
    for name in rules.cuts:
        check_name("cut", name, [cut.name for cut in manifest.cuts])
    if rules.codec:
        allowed = [cut for cut in manifest.cuts if not rules.cuts or cut.name in rules.cuts]
        check_name("codec", rules.codec, sorted({codec.name for cut in allowed for codec in cut.codecs}))


def check_route(route: str, manifest: pb.Manifest, measured: pb.Measurements) -> None:
    """Raise UnknownName, with what there is, for a route that this bundle does not have."""
    name, at, place = route.partition("@")
    placed = {kind.kind: kind for kind in arm_kinds() if any("@" in pattern for pattern in kind.patterns)}
    if at and name in placed:
        placed[name].check_place(place, manifest, measured)
    else:
        check_name("route", route, [AUTO, *(pattern for kind in arm_kinds() for pattern in kind.patterns)])
