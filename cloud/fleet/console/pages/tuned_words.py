"""What is tuned, in words: classes, values with their intervals, and what would change."""

from collections.abc import Mapping
from typing import Any

from cloud.fleet.console.layout import NOTHING, percent
from protos.terminal.units import format_size, format_time


def guards_words(moved: Mapping[str, float | None]) -> str:
    """What the rollout knowingly worsens is no harm."""
    told = [
        f"{name} {'off' if bound is None else f'up to {percent(bound)}'}" for name, bound in moved.items()
    ]
    return f"{', '.join(told)}, since that is foreseen; the others as usual" if told else "as usual"


def class_words(row: Mapping[str, Any]) -> str:
    return f"{row['class']}, {link_words(row['link_class'])}"


def link_words(link: str) -> str:
    low, _, high = link.partition("-")
    if low in {"under", "over"}:
        return f"{low} {high} Mbit/s"
    return f"{low} to {high} Mbit/s" if high else f"link {link}"


def interval(found: Mapping[str, float] | None, written: Any) -> str:
    if not found:
        return NOTHING
    low, high = written(found["low"]), written(found["high"])
    value = written(found["value"])
    return value if low == high else f"{value} ({low} to {high})"


def change_words(change: Mapping[str, Any]) -> str:
    """What would be other than today; what is not known is left out."""
    parts = []
    for name, words in (
        ("milliseconds", "time"),
        ("bytes", "bytes"),
        ("joules", "energy"),
        ("accuracy", "accuracy"),
    ):
        if change.get(name):
            parts.append(f"{words} {_signed(name, change[name]['value'])}")
    return ", ".join(parts) or "nothing is known of it"


def _signed(name: str, value: float) -> str:
    written = {
        "milliseconds": format_time,
        "bytes": format_size,
        "joules": "{:.2f} J".format,
        "accuracy": "{:.1f} points".format,
    }[name]
    sign = "\N{MINUS SIGN}" if value < 0 else "+"
    return f"{sign}{written(abs(value))}"


def value_of(one: Mapping[str, Any], name: str) -> float:
    return float((one.get(name) or {}).get("value") or 0.0)
