"""The fleet tuned: a cut for all, then a bad rollout that rolls itself back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from deploy.demo.fleet.fleet_record import AuditLine, FleetDevice, FleetRecord, RolloutMoment
from deploy.demo.fleet.operator import Found, Operator
from protos.errors import CloudError

HARM = "simulated devices whose cut it is fall silent, as if they had run out of memory"
_PLAN = {
    "phases": [0.0, 0.5, 1.0],
    "proven_from": 1.0,  # four devices, each of a class of its own, prove nothing
    "control": 0.0,
    "health": 4.0,
    "baseline": 4.0,
    "late": 10.0,
    "silent": 4.0,
    "max_failed": 1,
    "guards": {"errors": None, "p95": None, "energy": None, "bytes": None, "accuracy": None},
}
_ROLLOUT_SECONDS = 90.0
_LOOK_SECONDS = 0.2

Tell = Callable[[str], None]


def tuned(operator: Operator, real: str, count: int, cuts: Sequence[str], tell: Tell) -> FleetRecord:
    """Tune so many devices, of which one is `real`, to the first of two cuts, then to the second, which harms
    the simulated ones; `tell` hears what is done. Raises CloudError.
    """
    cut, bad = cuts
    tell("devices come")
    before = _cuts(operator.until("devices", lambda found: _reported(found, count)))
    tell(f"an operator sets {cut}")
    begun = time.monotonic()
    operator.post("set", "the link is fast", everything=True, settings={"cuts": {"pinned": cut}})
    found = operator.until("devices", lambda found: set(_cuts(found).values()) == {cut})
    told, after, versions = time.monotonic() - begun, _cuts(found), _versions(found)
    moments, ended = _rolled_out(operator, bad, tell)
    begun = time.monotonic()
    rows = operator.until("devices", lambda found: set(_cuts(found).values()) == {cut})
    restored = time.monotonic() - begun
    devices = [
        FleetDevice(
            row["name"],
            row["kind"],
            row["name"] == real,
            before[row["name"]],
            after[row["name"]],
            row["cut"],
            row["desired_version"] > versions[row["name"]],
        )
        for row in rows["devices"]
    ]
    return FleetRecord(devices, cut, told, bad, HARM, moments, ended["failed"], restored, _audit(operator))


def _rolled_out(operator: Operator, cut: str, tell: Tell) -> tuple[list[RolloutMoment], Found]:
    """Until it has ended. Each change of it is a moment."""
    begun = time.monotonic()
    found = operator.post(
        "rollouts",
        "it saves the device work",
        everything=True,
        settings={"cuts": {"pinned": cut}},
        plan=_PLAN,
    )
    moments: list[RolloutMoment] = []
    while (seconds := time.monotonic() - begun) < _ROLLOUT_SECONDS:
        moment = RolloutMoment(
            seconds, found["phase"], found["treated"], found["status"], found["reason"] or ""
        )
        if not moments or replace(moment, seconds=moments[-1].seconds) != moments[-1]:
            moments.append(moment)
            tell(f"rollout of {cut}, {moment.treated} told: {moment.reason or moment.status}")
        if found["status"] not in {"running", "paused"}:
            return moments, found
        time.sleep(_LOOK_SECONDS)
        found = operator.get(f"rollouts/{found['id']}")
    raise CloudError(f"the bad rollout did not end in {_ROLLOUT_SECONDS:.0f} s: {found['reason']}")


def _reported(found: Found, count: int) -> bool:
    """Whether so many devices are there, and have told how they are."""
    rows = [row for row in found["devices"] if row["connection"] == "online" and row["reported_version"] >= 0]
    return len(rows) == count


def _cuts(found: Found) -> Mapping[str, str]:
    return {row["name"]: row["cut"] for row in found["devices"]}


def _versions(found: Found) -> Mapping[str, int]:
    return {row["name"]: row["desired_version"] for row in found["devices"]}


def _audit(operator: Operator) -> list[AuditLine]:
    """The earliest first."""
    lines = operator.get("audit?limit=100")["audit"]
    return [AuditLine(*(str(line[name]) for name in ("who", "what", "object", "why"))) for line in lines][
        ::-1
    ]
