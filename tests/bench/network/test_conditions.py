from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.network.conditions import KILOBIT, Conditions, Meter, Rate, Steady
from protos.errors import RequestError
from protos.traces import Trace


def test_bytes_leave_one_after_the_other_at_the_rate() -> None:
    meter = Meter(now=100.0, rate=Steady(8 * KILOBIT))
    first, second = meter.enter(100.0, 1000), meter.enter(100.0, 500)
    assert (meter.when(first), meter.when(second)) == (101.0, 101.5)


def test_an_idle_link_saves_nothing_up() -> None:
    meter = Meter(now=0.0, rate=Steady(8 * KILOBIT))
    assert meter.when(meter.enter(60.0, 1000)) == 61.0


def test_a_full_buffer_has_room_again_when_enough_has_left() -> None:
    meter = Meter(now=0.0, rate=Steady(8 * KILOBIT))
    meter.enter(0.0, 4000)
    assert meter.room(1000, buffer=4000) == 1.0


def test_what_waits_goes_on_at_the_new_rate() -> None:
    meter = Meter(now=0.0, rate=Steady(8 * KILOBIT))
    place = meter.enter(0.0, 2000)
    meter.change(1.0, Steady(80 * KILOBIT))
    assert meter.when(place) == pytest.approx(1.1)


def test_nothing_leaves_a_link_of_rate_zero_until_it_changes() -> None:
    meter = Meter(now=0.0, rate=Steady(0))
    place = meter.enter(0.0, 1)
    assert meter.when(place) == float("inf")
    meter.change(5.0, Steady(8))
    assert meter.when(place) == 6.0


def test_a_packet_waits_for_its_moment_in_the_trace_which_begins_again() -> None:
    meter = Meter(now=0.0, rate=Trace((10, 20, 100)))
    assert [meter.when(meter.enter(0.0, 1500)) for _ in range(4)] == [0.01, 0.02, 0.1, 0.11]


def test_a_trace_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "lte.up"
    file.write_text("0\n0\n7\n")
    assert Trace.read(file) == Trace((0, 0, 7))


@pytest.mark.parametrize("text", ["", "3\n2\n", "x\n", "0\n"])
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad"
    file.write_text(text)
    with pytest.raises(RequestError, match="trace"):
        Trace.read(file)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Steady(-1),
        lambda: Steady(float("nan")),
        lambda: Conditions(round_trip=-0.1),
        lambda: Conditions(buffer=10),
    ],
)
def test_conditions_that_cannot_be_are_refused(build: object) -> None:
    with pytest.raises(RequestError, match="give"):
        build()  # type: ignore[operator]


rates = st.one_of(
    st.floats(1e3, 1e9).map(Steady),
    st.lists(st.integers(1, 10_000), min_size=1).map(lambda moments: Trace(tuple(sorted(moments)))),
)


@given(rate=rates, sizes=st.lists(st.integers(1, 1500), min_size=1, max_size=30))
def test_no_byte_ever_leaves_before_the_rate_allows_it(rate: Rate, sizes: list[int]) -> None:
    meter = Meter(now=0.0, rate=rate)
    places = [meter.enter(0.0, size) for size in sizes]
    assert places == pytest.approx(list(accumulate(sizes)))
    assert all(rate.sent(meter.when(place)) >= place - 1e-3 for place in places)
