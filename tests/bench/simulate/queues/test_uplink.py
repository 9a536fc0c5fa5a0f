"""Bytes over a recorded link, reckoned by hand."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.simulate.queues.events import Events
from bench.simulate.queues.uplink import Uplink
from protos.traces import Trace


def sent(trace: Trace, sizes: list[tuple[float, int]], offset: float = 0.0) -> list[float]:
    """When the last byte of each payload leaves that enters at these seconds."""
    events, left = Events(), dict[int, float]()
    uplink = Uplink(events, trace, offset)

    def note(key: int) -> None:
        left[key] = events.now

    for key, (at, size) in enumerate(sizes):
        events.at(at, partial(uplink.enter, key, size, partial(note, key)))
    events.run()
    assert uplink.carried == sum(size for _, size in sizes)
    return [left[key] for key in range(len(sizes))]


def test_a_payload_leaves_with_the_packet_of_its_last_byte() -> None:
    trace = Trace((10, 20, 30))
    assert sent(trace, [(0.0, 1)]) == pytest.approx([0.010])
    assert sent(trace, [(0.0, 1501)]) == pytest.approx([0.020])
    assert sent(trace, [(0.012, 1500)]) == pytest.approx([0.020])  # what passed while idle is lost


def test_payloads_leave_in_their_order_and_share_packets() -> None:
    assert sent(Trace((10, 20, 30)), [(0.0, 2000), (0.0, 1000), (0.0, 1)]) == pytest.approx(
        [0.020, 0.020, 0.030]
    )


def test_a_trace_wraps_around_and_may_begin_anywhere() -> None:
    trace = Trace((10, 20, 100))
    assert sent(trace, [(0.0, 1500 * 4)]) == pytest.approx([0.110])
    assert sent(trace, [(0.0, 1)], offset=0.025) == pytest.approx([0.075])


def test_what_is_given_up_leaves_its_place_to_those_behind() -> None:
    events, left = Events(), dict[str, float]()
    uplink = Uplink(events, Trace(tuple(range(10, 1001, 10))))
    uplink.enter(1, 6000, lambda: left.update(first=events.now))
    uplink.enter(2, 1500, lambda: left.update(second=events.now))
    gone = []
    events.at(0.015, lambda: gone.append(uplink.cancel(1)))
    events.run()
    assert gone == [1500]  # one packet had left
    assert left == {"second": pytest.approx(0.020)}
    assert uplink.carried == 3000


def test_a_forecast_is_what_then_happens() -> None:
    events, left = Events(), list[float]()
    uplink = Uplink(events, Trace((7, 9, 30)))
    uplink.enter(1, 4000, lambda: None)
    expected = uplink.departure(2000, at=0.008)
    events.at(0.008, lambda: uplink.enter(2, 2000, lambda: left.append(events.now)))
    events.run()
    assert left == pytest.approx([expected])


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=8).map(sorted),
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9000), st.floats(0.001, 1)), min_size=1, max_size=12),
)
def test_no_byte_is_lost_or_made_and_none_leaves_faster_than_the_link(
    moments: list[int], calls: list[tuple[float, int, float]]
) -> None:
    events, trace = Events(), Trace(tuple(moments))
    uplink, whole, part = Uplink(events, trace), dict[int, int](), dict[int, float]()

    def done(key: int, size: int) -> None:
        whole[key] = size

    def give_up(key: int) -> None:
        if key not in whole:
            part[key] = uplink.cancel(key)

    for key, (at, size, patience) in enumerate(calls):
        events.at(at, partial(uplink.enter, key, size, partial(done, key, size)))
        events.at(at + patience, partial(give_up, key))
    events.run()
    assert set(whole) | set(part) == set(range(len(calls)))
    assert all(0 <= part[key] <= calls[key][1] for key in part)
    assert uplink.carried == pytest.approx(sum(whole.values()) + sum(part.values()))
    assert uplink.carried <= trace.sent(events.now)
