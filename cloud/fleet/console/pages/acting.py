"""What an operator does to a rollout, asked for with a reason before it is done."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cloud.fleet.console.layout import Frame, console_page, counted
from cloud.fleet.console.pages.access import reason_form, tick
from cloud.fleet.rollout.advance import RolloutStep
from cloud.fleet.rollout.changes import abort, pause, resume
from cloud.fleet.rollout.state import RolloutState
from cloud.fleet.storage.rollouts import KeptRollout
from cloud.identity.identity import Role
from cloud.rollout.canary import Verdict
from protos.pages.document import lede

RolloutChange = Callable[[RolloutState], RolloutStep]


class Verb(NamedTuple):
    """`told`: what will happen; `{devices}` is how many were told."""

    button: str
    needs: Role
    told: str


VERBS: Mapping[str, Verb] = {
    "pause": Verb(
        "Pause the rollout",
        Role.OPERATOR,
        "No further device is told. Those that were keep the new settings, and the guards go on watching.",
    ),
    "resume": Verb("Go on", Role.ADMIN, "The rollout goes on with the phase that it is in."),
    "abort": Verb(
        "Abort the rollout",
        Role.OPERATOR,
        "All that were told, {devices}, get their earlier settings again, at once. It cannot be resumed.",
    ),
}


def action_page(frame: Frame, kept: KeptRollout, name: str) -> str:
    """What will happen, and why it is to."""
    verb, path = VERBS[name], f"/rollouts/{kept.id}"
    told = verb.told.format(devices=counted(len(kept.state.treated), "device"))
    more = []
    if name == "resume":
        more.append(tick("unproven", "Let the next phase begin after its health window without proof, once"))
    form = reason_form(f"{path}/{name}", verb.button, *more, back=path, danger=name == "abort")
    return console_page(frame, "Rollouts", f"{verb.button} {kept.id}?", [lede(told), form])


def change_of(name: str, why: str, *, unproven: bool) -> RolloutChange:
    """As `change_rollout` takes it."""
    if name == "abort":
        return lambda state: abort(state, why)
    if name == "pause":
        return lambda state: RolloutStep(pause(state), Verdict.HOLD, "paused")
    return lambda state: RolloutStep(resume(state, unproven=unproven), Verdict.HOLD, "resumed")
