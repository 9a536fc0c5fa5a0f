from deploy.demo.agent.words import by_route, summary
from tests.deploy.demo.agent.records import seen


def test_the_most_frequent_route_stands_first() -> None:
    assert (
        by_route({"local": 2, "split@connector/int8-zstd": 5}) == "5 by split@connector/int8-zstd, 2 by local"
    )
    assert by_route({}) == "none"


def test_frames_that_were_not_asked_about_are_told() -> None:
    told = summary(seen())
    assert told["not asked again"].startswith("7 questions")
    assert told["dropped"].startswith("80 frames")
