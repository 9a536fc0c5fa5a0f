import dataclasses

import pytest

from protos import bundle_pb2 as pb
from protos.arms import arms_of, check_route
from protos.arms.kinds.cascade import CascadeArm
from protos.costs.cost import Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import UnknownName

MANIFEST = pb.Manifest(
    cuts=[pb.Cut(name="connector", codecs=[pb.Codec(name="fitted-1")])], local=pb.Local(decoder="d")
)
DEVICE = DeviceProfile({"connector": 40.0}, {"connector/fitted-1": 2.0}, 100.0, 25.0, 5.0, "a device", 1, "d")
CLOUD = CloudEstimate({"connector": 1.0}, 5.0, 3.0)


def measured(*shares: float) -> pb.Measurements:
    cascades = [pb.Cascade(escalated=s, threshold=s, accuracy=90 + 5 * s, loss_error=1.0) for s in shares]
    return pb.Measurements(
        accuracy=95.0,
        mean_tiles=1,
        cuts={
            "connector": pb.MeasuredCut(codecs={"fitted-1": pb.MeasuredCodec(mean_bytes=100, accuracy=95)})
        },
        local=pb.MeasuredLocal(
            accuracy=90.0,
            calibration=pb.Calibration(cut="connector", codec="fitted-1", cascades=cascades),
        ),
    )


def cascades(found: pb.Measurements) -> list[CascadeArm]:
    return [arm for arm in arms_of(MANIFEST, found) if isinstance(arm, CascadeArm)]


def test_three_shares_are_arms_with_what_was_measured_of_them() -> None:
    arms = cascades(measured(0, 0.1, 0.2, 0.31, 0.5, 1))
    assert [arm.name for arm in arms] == ["cascade@10%", "cascade@31%", "cascade@50%"]
    assert [arm.escalated for arm in arms] == [0.1, 0.31, 0.5]
    assert arms[1].accuracy == pytest.approx(91.55)
    assert arms[1].loss == pytest.approx(3.45 - 1.645)


def test_no_share_is_offered_twice_and_none_without_a_calibration() -> None:
    assert [arm.name for arm in cascades(measured(0, 0.4, 1))] == ["cascade@40%"]
    assert cascades(measured(0, 1)) == [], "all answers are as sure"
    bare = measured()
    bare.local.ClearField("calibration")
    assert cascades(bare) == []


def test_a_local_answer_is_accepted_from_the_threshold_on() -> None:
    (arm,) = cascades(measured(0, 0.3, 1))
    assert not arm.accepts(0.29)
    assert arm.accepts(0.3)


def test_what_comes_after_the_local_answer_counts_by_its_share() -> None:
    (arm,) = cascades(measured(0, 0.3, 1))
    cost = arm.cost(DEVICE, CLOUD, Workload(tokens=4))
    assert (cost.head, cost.local) == (40.0, 200.0)
    assert cost.beside_network == pytest.approx(240.0 + 0.3 * (2.0 + 1.0 + 5.0 + 4 * 3.0))
    assert cost.mean_bytes == pytest.approx(0.3 * cost.bytes_up)


def test_a_route_names_a_share_that_there_is() -> None:
    found = measured(0, 0.1, 0.3, 1)
    check_route("cascade", MANIFEST, found)
    check_route("cascade@30%", MANIFEST, found)
    with pytest.raises(UnknownName, match="10%, 30%"):
        check_route("cascade@40%", MANIFEST, found)


def test_a_promised_cascade_is_the_only_one_and_is_named_by_its_promise() -> None:
    found = measured(0, 0.1, 0.5, 1)
    promised = pb.Cascade(escalated=0.35, threshold=0.7, accuracy=93.0, agreement=0.95)
    found.local.calibration.promised.CopyFrom(promised)
    (arm,) = cascades(found)
    assert (arm.name, arm.escalated, arm.threshold) == ("cascade@agree-95%", 0.35, 0.7)
    check_route("cascade@agree-95%", MANIFEST, found)
    with pytest.raises(UnknownName):
        check_route("cascade@10%", MANIFEST, found)


def test_behind_a_model_that_sees_by_itself_only_what_is_escalated_takes_the_head() -> None:
    (arm,) = cascades(measured(0, 0.3, 1))
    workload = Workload(tokens=4)
    shared = arm.cost(DEVICE, CLOUD, workload)
    own = arm.cost(dataclasses.replace(DEVICE, own_vision=True), CLOUD, workload)
    assert (own.head, own.local) == (0.0, shared.local)
    assert shared.beside_network - own.beside_network == pytest.approx((1 - 0.3) * 40.0)
