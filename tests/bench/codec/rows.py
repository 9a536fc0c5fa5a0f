"""Rows with plain values."""

from bench.codec.marks import Figure
from bench.codec.rows import Row


def row(name: str, size: float, changes: dict[str, float], cut: str = "", curve: str = "") -> Row:
    """A way that loses as much of each measure as `changes` says; the first of them is the general one."""
    figures = {
        measure: Figure(90 + change, change, change - 1, change + 1) for measure, change in changes.items()
    }
    return Row(name, curve or name, cut, size, size, size + 100, [round(size)] * 4, figures)


def features(cut: str, level: int, size: float, **changes: float) -> Row:
    return row(f"split@{cut}/fitted-{level}", size, changes, cut, f"{cut} fitted")


def upload(form: str, quality: int, size: float, **changes: float) -> Row:
    return row(f"upload@{form}-{quality}", size, changes, curve=form)
