"""`traceparent`, written and read."""

import pytest

from protos.trace_context import HEADER, TraceParent, headers, traced

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_what_is_written_is_read() -> None:
    made = TraceParent.new()
    assert TraceParent.parse(str(made)) == made
    assert TraceParent.parse(f"00-{TRACE}-{SPAN}-00") == TraceParent(TRACE, SPAN, sampled=False)
    assert TraceParent.parse(f"01-{TRACE}-{SPAN}-01-more") == TraceParent(TRACE, SPAN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "00-" + "f" * 5000,
    ],
)
def test_what_is_none_is_none(text: str) -> None:
    assert TraceParent.parse(text) is None


def test_a_request_below_another_is_of_its_trace() -> None:
    assert not headers()
    with traced() as outer:
        assert headers() == ((HEADER, str(outer)),)
        with traced() as inner:
            assert inner.trace_id == outer.trace_id
            assert inner.span_id != outer.span_id
    assert not headers()
