from collections.abc import Callable

import pytest

from protos.errors import RequestError
from protos.terminal.units import (
    celsius,
    format_bound,
    format_points,
    format_rate,
    format_size,
    format_time,
    milliseconds,
    percent,
    rate,
    size,
)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("2Mbps", 2e6),
        ("64kbit/s", 64e3),
        ("1.5 Mbit/s", 1.5e6),
        ("1Gbit/s", 1e9),
        ("9600bit/s", 9600),
        (" 5kbps ", 5e3),
    ],
)
def test_rates_are_read_with_their_units(text: str, bits: float) -> None:
    assert rate(text) == bits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2", "it has no unit"),
        ("2mbps", "write the unit as Mbps"),
        ("2MB/s", "counts bytes; write 16Mbit/s"),
        ("2KBps", "write 16kbit/s"),
        ("2ms", "the unit ms is not known"),
        ("fast", "write a number and a unit"),
        ("-2Mbps", "write a number and a unit"),
        ("1e6bps", "write a number and a unit"),
        ("", "write a number and a unit"),
        ("²Mbps", "write a number and a unit"),
        ("0Mbps", "is not possible"),
        ("101Gbps", "is not possible"),
        ("9" * 400 + "bps", "write a number and a unit"),
    ],
)
def test_a_rate_that_cannot_be_read_is_told_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        rate(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60ms", 60), ("0.5s", 500), ("2 s", 2000), ("0ms", 0), ("1.5min", 90_000), ("1h", 3_600_000)],
)
def test_times_are_read_with_their_units(text: str, expected: float) -> None:
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [("60", "no unit"), ("1m", "not known"), ("2H", "write the unit as h"), ("soon", "a unit")],
)
def test_a_time_that_cannot_be_read_is_told_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        milliseconds(text)


def test_quantities_are_written_in_three_digits() -> None:
    assert [format_rate(bits) for bits in (64e3, 1.924e6, 999_990, 1e9, 10)] == [
        "64 kbit/s",
        "1.92 Mbit/s",
        "1 Mbit/s",
        "1 Gbit/s",
        "10 bit/s",
    ]
    assert [format_time(ms) for ms in (0.04, 6.43, 60, 99.96, 1412)] == [
        "0 ms",
        "6.4 ms",
        "60 ms",
        "100 ms",
        "1.41 s",
    ]
    assert [format_size(size) for size in (0, 194, 1_958, 35_192, 2.1e6)] == [
        "0 B",
        "194 B",
        "1.96 kB",
        "35.2 kB",
        "2.1 MB",
    ]


def test_points_of_accuracy_are_written_as_people_say_them() -> None:
    assert [format_points(points) for points in (0, 0.04, 0.5, 1.04, 11.8)] == [
        "nothing",
        "less than 0.1 points",
        "0.5 points",
        "1 point",
        "11.8 points",
    ]
    assert [format_bound(points) for points in (0.0, 1.0, 0.25)] == ["0 points", "1 point", "0.25 points"]


def test_sizes_shares_and_temperatures_are_read_with_their_units() -> None:
    assert [size(text) for text in ("50MB", "1.5 kB", "7B", "2GB")] == [50_000_000, 1500, 7, 2_000_000_000]
    assert [percent("20%"), percent("12.5 %"), celsius("85C")] == [20.0, 12.5, 85.0]


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (size, "50", "it has no unit; write 50kB or 50MB"),
        (size, "50mb", "write the unit as MB"),
        (percent, "20", "write 20%"),
        (percent, "101%", "give 0% to 100%"),
        (celsius, "85F", "the unit F is not known"),
    ],
)
def test_what_is_none_of_them_says_how_it_is_written(
    read: Callable[[str], float], text: str, words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        read(text)
