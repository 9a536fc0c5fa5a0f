from dataclasses import replace
from typing import Any

import pytest

from tests.deploy.demo.agent.records import seen


def test_nothing_is_missing_of_an_agent_that_did_all() -> None:
    assert seen().missing == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answers": {"local": 9}}, "no answer came from the cloud by features"),
        ({"gated": 0}, "no frame was found to be like an earlier one"),
        ({"events": ()}, "no event began"),
        ({"delivered": 0}, "no event came over MQTT"),
        ({"live_page": False}, "the live page shows no answer"),
        ({"reply": None}, "the OpenAI endpoint gave no answer"),
    ],
)
def test_what_did_not_come_is_named(change: dict[str, Any], words: str) -> None:
    assert replace(seen(), **change).missing == [words]
