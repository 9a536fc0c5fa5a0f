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


def test_of_a_device_that_answers_first_it_is_told_how_sure_it_was() -> None:
    one = visual_question()
    kept = Outcome(one, "auto", "red", route="local", decided="cascade@10%", sure=0.98)
    asked = Outcome(one, "auto", "red", route="split@a", decided="cascade@10%", sure=0.4, escalated=True)
    assert (kept.way, kept.told) == ("cascade@10%", "98% sure")
    assert (asked.way, asked.told) == ("cascade@10%", "40% sure, so the cloud")
    alone = Outcome(one, "auto", "red", route="local", decided="local", sure=0.98)
    assert (alone.way, alone.told) == ("local", ""), "nothing hung on it"
    lost = Outcome(
        one, "auto", "red", route="local", note="the cloud is lost", decided="cascade@10%", sure=0.4
    )
    assert lost.way == "local"
