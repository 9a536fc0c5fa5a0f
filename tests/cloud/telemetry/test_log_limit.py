"""Many refusals are few lines."""

import logging

from cloud.telemetry.log_limit import LogLimit


def record(line: int, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("cloud", level, "servicer.py", line, "refused %s", ("somebody",), None)


def test_a_place_in_the_code_warns_so_often_and_then_counts() -> None:
    now = 0.0
    limit = LogLimit(lines=2, seconds=10, clock=lambda: now)
    assert [limit.filter(record(7)) for _ in range(5)] == [True, True, False, False, False]
    assert limit.filter(record(8))
    assert limit.filter(record(7, logging.INFO))
    now = 10.0
    later = record(7)
    assert limit.filter(later)
    assert later.getMessage() == "refused somebody (3 like it were left out)"
    again = record(7)
    assert limit.filter(again)
    assert again.getMessage() == "refused somebody"
