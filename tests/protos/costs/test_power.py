"""The formula of energy."""

from dataclasses import replace

import pytest

from protos.costs.power import Power

POWER = Power("a board", busy_watts=10.0, waiting_watts=4.0, joules_a_megabyte=3.0)


def test_busy_and_waiting_time_and_bytes_add_up() -> None:
    assert POWER.joules(200, 500, 1_000_000, remote=True) == pytest.approx(2 + 2 + 3)


def test_what_is_learned_counts_where_it_was_learned_and_not_for_the_radio() -> None:
    learned = replace(POWER, here=2.0, there=3.0)
    assert learned.joules(100, 0, 1_000_000, remote=False) == pytest.approx(2 + 3)
    assert learned.joules(100, 0, 1_000_000, remote=True) == pytest.approx(3 + 3)
