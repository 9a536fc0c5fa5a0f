from bench.rig.outcomes import Outcome
from tests.deploy.demo.records import visual_question


def test_time_is_divided_between_device_network_and_cloud() -> None:
    stages = {
        "preprocess": 1.0,
        "head": 4.0,
        "network": 20.0,
        "decode": 1.0,
        "tail": 2.0,
        "first_token": 3.0,
        "generate": 4.0,
    }
    sent = Outcome(visual_question(), "split", "red", milliseconds=36.0, stages=stages)
    assert (sent.device, sent.network, sent.cloud) == (6.0, 20.0, 10.0)
    here = Outcome(
        visual_question(),
        "local",
        "red",
        milliseconds=9.0,
        stages={"head": 4.0, "first_token": 3.0, "generate": 2.0},
    )
    assert (here.device, here.network, here.cloud) == (9.0, 0.0, 0.0)
