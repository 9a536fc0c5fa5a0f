"""What is kept, as operators are shown it: plain values for JSON."""

import json
from typing import Any

from cloud.fleet.rollout.ruling import findings
from cloud.fleet.rollout.state import Standing
from cloud.fleet.storage.devices import DeviceView
from cloud.fleet.storage.rollouts import KeptRollout

_MAX_FINDINGS = 200


def shown_device(device: DeviceView) -> dict[str, Any]:
    """With desired beside reported."""
    return {
        **device.brief,
        "refused": device.refused,
        "state": json.loads(device.device),
        "desired": {"version": device.desired_version, "settings": json.loads(device.desired)},
        "reported": json.loads(device.reported),
    }


def shown_rollout(kept: KeptRollout) -> dict[str, Any]:
    """With counts by standing, and what the guards know in the phase that it is in."""
    plan, state = kept.plan, kept.state
    names = {member.device for member in plan.cohort}
    return {
        "id": kept.id,
        "created": kept.created,
        "status": state.status.value,
        "verdict": kept.verdict,
        "reason": state.reason or kept.reason,
        "settings": json.loads(kept.settings),
        "phase": min(state.phase + 1, len(plan.phases)),
        "phases": list(plan.phases),
        "devices": len(names),
        "control": plan.controls,
        "treated": len(state.treated),
        "standings": {standing.value: state.count(standing) for standing in Standing},
        "failed": sorted(name for name, device in state.treated.items() if device.standing.failed)[:100],
        "refused": {
            name: device.reason
            for name, device in sorted(state.treated.items())[:1000]
            if device.standing is Standing.REFUSED
        },
        "guards": [one._asdict() for phase in range(state.phase + 1) for one in findings(plan, state, phase)][
            -_MAX_FINDINGS:
        ],
    }


def shown_job(row: dict[str, Any]) -> dict[str, Any]:
    """With what the device told of it last."""
    kept = {name: row[name] for name in ("id", "device", "task", "created", "expires", "state")}
    return {**kept, "status": json.loads(row["status"])}
