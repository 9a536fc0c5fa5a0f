"""A few devices through all of it: connected, changed, counted, hung up on, and led by another controller."""

import json

import pytest

import isthmus
from tests.edge.agent.events.sinks.broker import mosquitto_only

pytestmark = [pytest.mark.slow, mosquitto_only]


def test_nothing_is_lost_and_nothing_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--devices", "10", "--changes", "1", "--telemetry", "1s", "--quiet", "3s", "--processes", "1"]
    assert isthmus.main(["bench", "fleet", *few, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["fleets"]
    assert found["devices"] == 10
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["windows_sent"] == found["windows_counted"] > 0
    assert len(found["changes"]) == 1
