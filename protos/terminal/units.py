"""Rates, times and sizes as people write them: read strictly, written briefly."""

import re

from protos.errors import RequestError

_RATES = {
    "bit/s": 1.0,
    "bps": 1.0,
    "kbit/s": 1e3,
    "kbps": 1e3,
    "Mbit/s": 1e6,
    "Mbps": 1e6,
    "Gbit/s": 1e9,
    "Gbps": 1e9,
}
_TIMES = {"ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6}
_SIZES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_ENERGIES = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "Wh": 3.6e3, "kWh": 3.6e6}
_USUAL = {
    "rate": ("kbps", "Mbps"),
    "time": ("ms", "s"),
    "size": ("kB", "MB"),
    "share": ("%",),
    "temperature": ("C",),
    "energy": ("J", "Wh"),
}
_MIN_RATE, _MAX_RATE = 1e3, 1e11
_QUANTITY = re.compile(r"(\d{1,12}(?:\.\d{1,12})?) ?([A-Za-z/%]*)", re.ASCII)
_IN_BYTES = re.compile(r"([kKMG]?)(?:B|Bytes?|bytes?)(?:/s|ps)")


def rate(text: str) -> float:
    """Bits a second from such as `2Mbps`, `64kbit/s` or `1.5 Mbit/s`. Raises RequestError."""
    bits = _quantity(text, "rate", _RATES, "2Mbps, 64kbit/s or 1.5 Mbit/s")
    if not _MIN_RATE <= bits <= _MAX_RATE:
        raise RequestError(f"a rate of {text!r} is not possible; give 1kbit/s to 100Gbit/s", rate=text)
    return bits


def milliseconds(text: str) -> float:
    """Milliseconds from such as `300ms`, `1.5s`, `2min` or `1h`. Raises RequestError."""
    return _quantity(text, "time", _TIMES, "300ms, 1.5s or 2min")


def size(text: str) -> int:
    """Bytes from such as `50MB` or `200 kB`. Raises RequestError."""
    return round(_quantity(text, "size", _SIZES, "50MB or 200kB"))


def percent(text: str) -> float:
    """Percent from such as `20%`. Raises RequestError."""
    found = _quantity(text, "share", {"%": 1.0}, "20%")
    if found > 100:
        raise RequestError(f"{text!r} is more than all; give 0% to 100%", share=text)
    return found


def joules(text: str) -> float:
    """Joules from such as `500J` or `5Wh`. Raises RequestError."""
    return _quantity(text, "energy", _ENERGIES, "500J or 5Wh")


def celsius(text: str) -> float:
    """Degrees Celsius from such as `85C`. Raises RequestError."""
    return _quantity(text, "temperature", {"C": 1.0}, "85C")


def _quantity(text: str, what: str, units: dict[str, float], examples: str) -> float:
    found = _QUANTITY.fullmatch(text.strip())
    if not found:
        raise RequestError(f"{text[:40]!r} is not a {what}; write a number and a unit, such as {examples}")
    number, unit = float(found[1]), found[2]
    if unit not in units:
        raise RequestError(f"{text[:40]!r} is not a {what}: {_wrong(what, number, unit, units)}")
    return number * units[unit]


def _wrong(what: str, number: float, unit: str, units: dict[str, float]) -> str:
    """What is wrong with a unit, and what may have been meant."""
    meant = next((known for known in units if known.lower() == unit.lower()), None)
    in_bytes = _IN_BYTES.fullmatch(unit) if units is _RATES else None
    if not unit:
        return "it has no unit; write " + " or ".join(f"{number:g}{usual}" for usual in _USUAL[what])
    if in_bytes:
        return (
            f"{unit} counts bytes; write {number * 8:g}{in_bytes[1].replace('K', 'k')}bit/s, or another "
            "number of bits"
        )
    if meant:
        return f"write the unit as {meant}"
    return f"the unit {unit} is not known; use one of {', '.join(units)}"


def format_rate(bits: float) -> str:
    """A rate in three digits: 64 kbit/s, 1.92 Mbit/s."""
    for unit, worth in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bits >= worth * 0.9995:
            return f"{_short(bits / worth)} {unit}"
    return f"{_short(bits)} bit/s"


def format_time(ms: float) -> str:
    """A time in up to three digits: 6.4 ms, 84 ms, 1.41 s."""
    if ms >= 999.5:
        return f"{_short(ms / 1e3)} s"
    return f"{ms:.0f} ms" if ms >= 99.95 else f"{ms:.1f}".removesuffix(".0") + " ms"


def format_size(size: float) -> str:
    """A size in three digits: 194 B, 1.96 kB, 2.1 MB."""
    for unit, worth in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= worth * 0.9995:
            return f"{_short(size / worth)} {unit}"
    return f"{size:.0f} B"


def _short(number: float) -> str:
    """Three digits, without zeros that say nothing."""
    digits = 0 if number >= 99.95 else 1 if number >= 9.995 else 2
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def format_points(points: float) -> str:
    """Points of accuracy: nothing, less than 0.1 points, 0.5 points, 1 point."""
    if points < 0.05:
        return "less than 0.1 points" if points else "nothing"
    text = f"{points:.1f}".removesuffix(".0")
    return f"{text} point{'' if text == '1' else 's'}"


def format_accuracy(percent: float, low: float, high: float) -> str:
    """An accuracy with its 95% interval: 93.4% (90.1-96.7), or alone where none is known."""
    return f"{percent:.1f}%" + (f" ({low:.1f}-{high:.1f})" if high else "")


def format_bound(points: float) -> str:
    """Points of accuracy as they were given."""
    return f"{points:g} point{'' if points == 1 else 's'}"
