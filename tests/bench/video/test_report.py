from bench.codec.evaluation.metrics import Figure
from bench.video.candidates import AVC, KEY_FRAMES, MJPEG, REFERENCES
from bench.video.report import VideoReport, VideoResult


def result(group: str, name: str, rate: float, change: float) -> VideoResult:
    return VideoResult("cut", name, group, name, rate, [rate], Figure(90 + change, change, change, change))


def report(*results: VideoResult) -> VideoReport:
    return VideoReport("nano", "ab", 1, 6, {"cut": 9}, {"cut": 90.0}, results, 150)


def test_the_cheapest_of_each_group_within_a_point_are_compared() -> None:
    found = report(
        result(REFERENCES, "r1", 100, -0.5),
        result(REFERENCES, "r2", 50, -3.0),
        result(KEY_FRAMES, "k1", 400, 0.0),
        result(AVC, "h1", 900, -1.0),
        result(AVC, "h2", 700, -1.2),
        result(MJPEG, "m1", 9000, 1.0),
    )
    assert {group: won.name for group, won in found.winners("cut").items()} == {
        REFERENCES: "r1",
        KEY_FRAMES: "k1",
        AVC: "h1",
        MJPEG: "m1",
    }
    assert found.sentences[0].endswith(
        f"9 times less than {AVC}, 4 times less than {KEY_FRAMES}, 90 times less than {MJPEG}"
    )


def test_where_no_references_are_good_enough_there_is_no_ratio() -> None:
    assert "times" not in report(result(KEY_FRAMES, "k1", 400, 0.0)).sentences[0]
    assert f"{REFERENCES} none" in report(result(KEY_FRAMES, "k1", 400, 0.0)).sentences[0]
