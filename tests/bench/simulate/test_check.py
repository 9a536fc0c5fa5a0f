"""The check plays what it simulates: a real client, a real service, an emulated link."""

import pytest

from bench.simulate.check import check
from protos.bundle import Bundle
from tests.bench.simulate.worlds import STEADY


@pytest.mark.slow
def test_the_same_requests_are_played_and_simulated(bundle: Bundle) -> None:
    told: list[str] = []
    found = check(bundle, STEADY, rate=4, round_trip=0.1, advance=told.append, seconds=2)
    assert [one.route for one in found] == told
    assert told[0] == "auto"
    assert told[1].startswith("upload@")
    for one in found:
        assert one.requests == 8
        assert one.played_ms > 100  # at least the round trip
        assert one.simulated_ms > 100
