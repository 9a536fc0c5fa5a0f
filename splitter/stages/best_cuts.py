"""Which cuts are worth publishing: those that are the fastest somewhere between 64 kbit/s and 1 Gbit/s.

Candidates are tried on few pictures: head, coder and tail are timed here, bytes are those of the real codecs.
Devices are slower than the machine that splits, so a cut also counts if it is the fastest on one that takes 4
or 16 times as long. What a codec loses is measured only where it would win; one that loses more than a plan
allows does not count. Cuts that others can stand in for everywhere, within a tenth of the time, are left out
again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from protos import bundle_pb2 as pb
from protos.costs.profile import DeviceProfile
from splitter.planning.choices import Choice, choices
from splitter.planning.envelope import Stretch, fastest

SLOWER = (1.0, 4.0, 16.0)
NEGLIGIBLE = 0.1
_MAX_CANDIDATES = 8
_SPREAD = 6
WHERE = "64 kbit/s to 1 Gbit/s, devices as fast as this machine, 4 and 16 times slower"


def candidates(possible: Sequence[str], depth: int) -> list[str]:
    """All cuts where they are few, else some spread over the `depth` vision layers, and all behind those."""
    if len(possible) <= _MAX_CANDIDATES:
        return list(possible)
    layers = dict.fromkeys(round(depth * (step + 1) / _SPREAD) for step in range(_SPREAD))
    return [*(possible[layer - 1] for layer in layers), *possible[depth:]]


def worth_publishing(
    manifest: pb.Manifest, measured: pb.Measurements, accurate: Callable[[str], bool]
) -> list[str]:
    """The cuts that are the fastest at some uplink for some device, by a codec that is `accurate`; it is
    asked only of winners.

    The last cut is one of them whatever it takes.
    """
    refused: set[str] = set()
    while True:
        fields = [_splits(manifest, measured, slower, refused) for slower in SLOWER]
        wrong = {choice.name for field in fields for choice in _winners(field) if not accurate(choice.name)}
        if not wrong:
            break
        refused |= wrong
    last = manifest.cuts[-1].name
    needed = _needed({_cut(choice) for field in fields for choice in _winners(field)}, last, fields)
    return [cut.name for cut in manifest.cuts if cut.name in needed]


def _splits(
    manifest: pb.Manifest, measured: pb.Measurements, slower: float, refused: Collection[str]
) -> list[Choice]:
    """Every codec of every cut but for those refused, on a device that much slower than this machine."""
    here = DeviceProfile.from_measurements(manifest, measured)
    device = replace(here, pieces=_scaled(here.pieces, slower), encode_ms=_scaled(here.encode_ms, slower))
    return [
        choice
        for choice in choices(manifest, measured, device)
        if choice.kind == "split" and choice.name not in refused
    ]


def _winners(field: Sequence[Choice]) -> list[Choice]:
    """The fastest at every uplink. The round trip is the same for all, and so left out."""
    return [stretch.choice for stretch in fastest(field, 0.0)]


def _needed(won: set[str], last: str, fields: Sequence[Sequence[Choice]]) -> set[str]:
    """Leave cuts out, each time the one that is missed least, as long as none is missed by more than is
    negligible.
    """
    kept = won | {last}
    while spare := sorted(kept - {last}):
        missed = {name: max(_missed(kept - {name}, field) for field in fields) for name in spare}
        least = min(spare, key=missed.__getitem__)
        if missed[least] > NEGLIGIBLE:
            break
        kept -= {least}
    return kept


def _missed(kept: Collection[str], field: Sequence[Choice]) -> float:
    """By what part the best of the kept cuts takes longer than the best of all, at the uplink where that is
    most.

    Between two uplinks where a winner changes, both are straight lines in 1 / uplink, so that their ratio is
    largest at an end.
    """
    among = [choice for choice in field if _cut(choice) in kept]
    if not among:
        return float("inf")
    best, left = fastest(field, 0.0), fastest(among, 0.0)
    uplinks = {uplink for stretch in (*best, *left) for uplink in (stretch.low, stretch.high)}
    return max(_time(left, uplink) / _time(best, uplink) - 1 for uplink in uplinks)


def _time(stretches: Sequence[Stretch], uplink: float) -> float:
    return min(stretch.choice.total(uplink, 0.0) for stretch in stretches)


def _scaled(times: Mapping[str, float], factor: float) -> dict[str, float]:
    return {name: factor * time for name, time in times.items()}


def _cut(choice: Choice) -> str:
    return choice.name.removeprefix("split@").partition("/")[0]
