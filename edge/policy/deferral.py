"""In which form a question waits for a link. Pure."""

from dataclasses import replace

from protos import bundle_pb2 as pb
from protos.arms import arms_of, check_rules
from protos.arms.arm import Arm, Situation
from protos.arms.rules import Rules
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import NoRoute


def deferral_arm(
    rules: Rules, weights: Weights, device: DeviceProfile, manifest: pb.Manifest, measured: pb.Measurements
) -> Arm:
    """The arm by which a question is sent once there is a link: of those that the rules allow, whatever the
    link is now, the one that costs least by the operator's weights. Time presses no more, so that is points
    lost and kilobytes; of equals it is the smallest.

    Raises UnknownName for a route, cut or codec that the bundle does not have, NoRoute where the rules
    let nothing leave.
    """
    check_rules(rules, manifest, measured)
    situation = Situation(replace(rules, deadline_ms=None), None, device=device)
    arms = [
        arm
        for arm in arms_of(manifest, measured)
        if arm.remote and not arm.local_first and not arm.forbidden(situation)
    ]
    if not arms:
        raise NoRoute("the rules let nothing be sent later either; loosen one, or allow a local answer")

    def cost(arm: Arm) -> tuple[float, float]:
        sent = arm.mean_bytes / 1000 * weights.kilobyte
        return arm.loss * weights.accuracy_point + sent, arm.mean_bytes

    return min(arms, key=cost)
