from dataclasses import replace

from bench.rig.outcomes import AUTO, REMOTE, Outcome
from deploy.demo.gain import gain, left_free, lost
from deploy.demo.record import LinkRun, Record
from tests.deploy.demo.records import record, visual_question

ONE = visual_question()


def outcome(strategy: str, ms: float, size: int, answer: str = "red") -> Outcome:
    return Outcome(ONE, strategy, answer, route=f"{strategy}@jpeg-75", bytes_up=size, milliseconds=ms)


def said(*links: list[Outcome]) -> str:
    runs = [LinkRun(f"link {number}", "1 Mbit/s", outcomes) for number, outcomes in enumerate(links, 1)]
    return gain(Record("nano", 93.0, {}, runs))


def test_the_gain_is_told_of_the_link_that_gained_most_time() -> None:
    assert said(
        [outcome(REMOTE, 40, 300), outcome("upload", 50, 2000)],
        [outcome(REMOTE, 312, 104), outcome("upload", 1900, 1868)],
    ) == (
        "On the link 2 (1 Mbit/s) the policy, on a device that cannot answer alone, answered in 312 ms "
        "with 104 bytes a question, where uploading the picture as jpeg-75 took 1.9 s with 1,868 bytes a "
        "question, with as many right answers (1 of 1)."
    )


def test_where_nothing_was_gained_it_says_so() -> None:
    told = said([outcome(REMOTE, 60, 3000), outcome("upload", 50, 2000)])
    assert told.startswith("Nothing was gained: on the link 1")


def test_what_was_paid_for_a_gain_is_told() -> None:
    slower = said([outcome(REMOTE, 60, 300), outcome("upload", 50, 2000)])
    assert slower.startswith("A trade: on the link 1")
    wrong = said([outcome(REMOTE, 40, 300, "blue"), outcome("upload", 50, 2000)])
    assert wrong.startswith("A trade: on the link 1")
    assert "with fewer right answers (0 of 1 against 1 of 1)" in wrong


def test_a_plain_gain_comes_before_a_trade_that_saves_more() -> None:
    plain, trade = [outcome(REMOTE, 40, 300)], [outcome(REMOTE, 40, 300, "blue")]
    told = said([*trade, outcome("upload", 90, 2000)], [*plain, outcome("upload", 50, 2000)])
    assert told.startswith("On the link 2")


def test_without_both_there_is_nothing_to_tell() -> None:
    assert said([outcome(REMOTE, 40, 300)]).startswith("Nothing can be said")
    failed = Outcome(ONE, "upload", failure="lost")
    assert said([outcome(REMOTE, 40, 300), failed]).startswith("Nothing can be said")


def test_what_a_lost_cloud_cost_is_told() -> None:
    assert lost(record()) == (
        "When the cloud was killed half way, of 1 questions were left unanswered: upload 1, auto-remote 1; "
        "auto answered all."
    )
    assert lost(Record("nano", 93.0, {}, [])) == ""


def test_what_the_free_policy_did_is_told() -> None:
    assert left_free(record()) == (
        "Left free to answer on the device as well, it answered 2 of 2 questions, 2 of them rightly: "
        "2 by local."
    )


def test_of_a_device_that_answers_first_it_is_told_how_often_it_was_not_sure() -> None:
    kept = Outcome(ONE, AUTO, "red", route="local", decided="cascade@10%", sure=0.98)
    asked = replace(kept, route="split@a", sure=0.4, escalated=True)
    alone = replace(kept, decided="local")
    links = [LinkRun("good link", "", [kept, asked]), LinkRun("poor link", "", [alone, alone])]
    assert left_free(Record("nano", 93.0, {}, links)).endswith(
        "Not sure of its own answer, it asked the cloud for 1 of 2 on the good link, 0 of 2 on the poor link."
    )
