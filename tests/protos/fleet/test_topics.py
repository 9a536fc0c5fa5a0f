import pytest

from protos.errors import RequestError
from protos.fleet.topics import DeviceTopics, parse_topic, told_by_devices

TOPICS = DeviceTopics("harbour", "crane-7")


def test_all_topics_of_a_device_are_below_its_own() -> None:
    assert TOPICS.desired == "isthmus/v1/harbour/crane-7/shadow/desired"
    assert TOPICS.job_status("profile-1") == "isthmus/v1/harbour/crane-7/jobs/profile-1/status"


def test_a_topic_is_read_as_it_was_written() -> None:
    written = {
        TOPICS.state: ("state", ""),
        TOPICS.desired: ("desired", ""),
        TOPICS.reported: ("reported", ""),
        TOPICS.telemetry: ("telemetry", ""),
        TOPICS.job("a1"): ("job", "a1"),
        TOPICS.job_status("a1"): ("job-status", "a1"),
    }
    for topic, below in written.items():
        assert parse_topic(topic) == ("harbour", "crane-7", *below)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "isthmus/v1/harbour",
        "isthmus/v2/harbour/crane-7/state",
        "isthmus/v1//crane-7/state",
        "isthmus/v1/harbour/+/state",
        "isthmus/v1/harbour/crane-7/state/more",
        "isthmus/v1/harbour/crane-7/jobs/a1/status/more",
        "isthmus/v1/harbour/crane-7/jobs/#",
        "isthmus/v1/harbour/crane-7\n/state",
    ],
)
def test_another_topic_is_none_of_a_device(topic: str) -> None:
    with pytest.raises(RequestError, match="no topic"):
        parse_topic(topic)


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "$SYS", "Crane", "a" * 64, "crane-7\n", "-a"])
def test_a_name_that_would_be_another_topic_is_refused(name: str) -> None:
    for made in (
        lambda: DeviceTopics("harbour", name),
        lambda: TOPICS.job(name),
        lambda: told_by_devices(name),
    ):
        with pytest.raises(RequestError, match="is no name of a"):
            made()
