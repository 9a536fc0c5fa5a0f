"""Rules that hold an arm against the day's bytes, or against the other arms: which of them are left."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.policy.decision import Predicted
from protos.arms.rules import Conditions, Rules
from protos.terminal.units import format_size

ABOUT = 1.2  # times the least still counts as the least: times are known no better (factors.NOISE)


def limited(judged: Sequence[Predicted], rules: Rules, conditions: Conditions) -> list[Predicted]:
    """The arms, with a verdict for those that a rule forbids. What has a verdict keeps it, and is no rival.

    A battery below its floor leaves the arms of about the least joules. A device above its ceiling is to work
    less, and waiting heats it least: the arms of about the least work of its own are left.
    """
    found = [_within_budget(p, rules, conditions) for p in judged]
    floor, battery = rules.battery_floor, conditions.battery
    if floor is not None and battery is not None and battery < floor:
        why = f"rule battery-floor: {battery:.0f}% of {floor:g}%, takes {{:.3g}} J where {{:.3g}} J do"
        found = _least(found, lambda p: p.joules, why)
    ceiling, heat = rules.temperature_ceiling, conditions.temperature
    if ceiling is not None and heat is not None and heat > ceiling:
        why = f"rule temperature-ceiling: {heat:.0f} C of {ceiling:g} C, works {{:.0f}} ms, not {{:.0f}} ms"
        found = _least(found, lambda p: p.busy_ms, why)
    return found


def _within_budget(p: Predicted, rules: Rules, conditions: Conditions) -> Predicted:
    if rules.bytes_per_day is None or p.verdict or not p.bytes_up:
        return p
    left = max(rules.bytes_per_day - conditions.sent_today, 0)
    if p.bytes_up <= left:
        return p
    words = f"{format_size(left)} of {format_size(rules.bytes_per_day)} are left today"
    return replace(p, verdict=f"rule bytes-per-day: {words}, it takes {format_size(p.bytes_up)}")


def _least(judged: Sequence[Predicted], cost: Callable[[Predicted], float], why: str) -> list[Predicted]:
    least = min((cost(p) for p in judged if not p.verdict), default=0.0)
    return [
        p if p.verdict or cost(p) <= ABOUT * least else replace(p, verdict=why.format(cost(p), least))
        for p in judged
    ]
