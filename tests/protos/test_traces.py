import math
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protos.errors import RequestError
from protos.traces import Trace

TRACES = Path(__file__).resolve().parents[3] / "shared" / "traces"


def test_a_packet_waits_for_its_moment() -> None:
    times = Trace((10, 20)).times(1)
    assert times.mean == pytest.approx(5)  # a start is uniform within a gap of 10 ms
    assert times.quantile(0.95) == pytest.approx(9.5)
    assert times.above(4) == pytest.approx(0.6)
    assert Trace((10, 20)).times(1501).mean == pytest.approx(15)


def test_a_trace_starts_over_at_its_end() -> None:
    assert Trace((10, 20)).times(1500 * 7).mean == pytest.approx(65)
    # two packets at the seam, beside the one of the end
    assert Trace((0, 0, 10)).times(1500 * 3).mean == pytest.approx(5)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(1, 30_000))
def test_times_are_those_of_starting_at_every_instant(moments: list[int], size: int) -> None:
    assume(max(moments) > 0)
    moments.sort()
    trace = Trace(tuple(moments))
    times = trace.times(size)
    starts = [millisecond + part for millisecond in range(moments[-1]) for part in (0.25, 0.75)]
    taken = sorted(1e3 * trace.seconds(trace.sent(start / 1e3) + size) - start for start in starts)
    assert times.mean == pytest.approx(sum(taken) / len(taken), abs=1e-6)
    assert times.quantile(0.95) == pytest.approx(taken[math.ceil(0.95 * len(taken)) - 1], abs=0.51)
    assert times.above(50) == pytest.approx(sum(t > 50 for t in taken) / len(taken), abs=1e-6)


def test_outages_are_counted() -> None:
    outages = Trace((100, 1200, 1201, 5201)).outages
    assert (outages.count, outages.longest_ms, round(outages.part, 3)) == (2, 4000, round(5100 / 5201, 3))
    assert "no outage" in Trace((10, 20)).outages.words


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"x", b"1\n2.5", b"-1\n5", b"5\n4", b"0", b"\xff", b"1_0", b"9" * 30, b"9" * 5000]
)
def test_what_is_no_trace_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.up").write_bytes(content)
    with pytest.raises(RequestError, match="is not a trace"):
        Trace.read(tmp_path / "t.up")


@pytest.mark.skipif(not TRACES.is_dir(), reason="no recorded traces here")
@pytest.mark.parametrize("path", sorted(TRACES.glob("*.up")), ids=lambda path: path.stem)
def test_over_a_real_trace_more_bytes_never_take_less_time(path: Path) -> None:
    trace = Trace.read(path)
    times = [trace.times(size) for size in (100, 2_000, 20_000, 200_000)]
    assert [t.mean for t in times] == sorted(t.mean for t in times)
    assert [t.quantile(0.95) for t in times] == sorted(t.quantile(0.95) for t in times)
    assert trace.outages.count > 0


@pytest.mark.parametrize("head", ["", "seconds,Mbit/s\n"])
def test_a_table_of_rates_is_read_as_its_packets(tmp_path: Path, head: str) -> None:
    (tmp_path / "t.csv").write_text(f"{head}0,1.2\n1,0\n3,0.012\n")
    trace = Trace.read(tmp_path / "t.csv")
    assert trace.length == 5  # the last rate holds as long as the one before
    assert trace.milliseconds[:3] == (10, 20, 30)
    assert trace.milliseconds[99:] == (1000, 4000, 5000)
    assert trace.sent(2.0) == 150_000


@pytest.mark.parametrize(
    "content",
    ["0,1\n", "0,1\n0,1\n", "0,1\n1,-2\n", "0,1\n1,nan\n", "0,1\nx,1\n", "0,0\n1,0\n", "0,1,2\n1,2,3\n"],
)
def test_a_table_that_is_no_link_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(RequestError, match="is not a trace"):
        Trace.read(tmp_path / "t.csv")


def test_bytes_leave_at_their_packets_moment_and_not_before() -> None:
    trace = Trace((10, 20))
    assert trace.seconds(1501) == 0.020
    assert trace.seconds(1500 * 3) == 0.030
    assert [trace.sent(at) for at in (0.0, 0.0099, 0.010, 0.030)] == [0, 0, 1500, 4500]
