"""What a rollout's guards know: how much worse the treated are, and how the evidence grew."""

from collections.abc import Sequence
from typing import NamedTuple

from cloud.fleet.console.layout import ago, signed_percent
from protos.pages.axes import LinearAxis
from protos.pages.frame import ChartFrame
from protos.pages.labels import spread
from protos.pages.markup import Markup, element, join
from protos.pages.svg import drawing, line, mark, path, text

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 600.0, 190.0, 500.0, 40.0, 34.0
_LEAST, _MOST = 0.04, 0.6  # of the axis of effects, on either side
_LETTER = 7.8


class GuardRow(NamedTuple):
    """`effect`: how much worse, as a part, with the half of a 95% interval; `bound`: what is allowed;
    `kind`: the class of devices, empty: all.
    """

    name: str
    kind: str
    effect: float
    half: float
    bound: float
    struck: bool
    proven: bool


def effects(rows: Sequence[GuardRow]) -> Markup:
    """Each guard's effect with its interval, beside its bound: left of it all is well."""
    reach = max((max(abs(one.effect) + one.half, one.bound * 1.5) for one in rows), default=_LEAST)
    reach = min(max(reach, _LEAST), _MOST)
    axis = LinearAxis(-reach, reach, _LEFT, _RIGHT)
    foot = _TOP + _ROW * len(rows)
    grid = [
        join(
            [
                line(axis.at(tick), _TOP - 8, axis.at(tick), foot, class_="grid"),
                text(_tick(tick), axis.at(tick), foot + 20, class_="axis", text_anchor="middle"),
            ]
        )
        for tick in axis.ticks(5)
    ]
    heads = [
        text("← better", _LEFT, _TOP - 16, class_="axis"),
        text("worse →", _RIGHT, _TOP - 16, class_="axis", text_anchor="end"),
    ]
    drawn = [_effect(one, axis, _TOP + _ROW * (index + 0.5)) for index, one in enumerate(rows)]
    told = " ".join(
        f"{one.name} {one.kind}: {signed_percent(one.effect)}, plus or minus {100 * one.half:.1f}%, of "
        f"{signed_percent(one.bound)} allowed."
        for one in rows
    )
    size = (_WIDTH, foot + 34)
    return drawing("Treated beside control", told, size, [*grid, *heads, *drawn], wide=False)


def _effect(one: GuardRow, axis: LinearAxis, y: float) -> Markup:
    low, high, at, bound = (
        axis.at(min(max(value, axis.low), axis.high))
        for value in (one.effect - one.half, one.effect + one.half, one.effect, one.bound)
    )
    style = "harm" if one.struck else "local" if one.proven else "other"
    parts = [
        line(bound, y - 13, bound, y + 13, class_="limit"),
        line(low, y, high, y, class_="interval"),
        mark("square" if one.struck else "disc", at, y, r=5.5, class_="mark"),
    ]
    name = y - 4 if one.kind else y + 5
    return join(
        [
            text(one.name, _LEFT - 14, name, text_anchor="end", class_="here" if one.struck else None),
            text(one.kind, _LEFT - 14, name + 17, text_anchor="end", class_="axis") if one.kind else "",
            element("g", *parts, class_=style),
            text(signed_percent(one.effect), _RIGHT + 14, y + 5, class_="axis"),
        ]
    )


def _tick(value: float) -> str:
    return f"{100 * value:+.0f}%".replace("-", "\N{MINUS SIGN}") if abs(value) > 1e-9 else "0"


class EvidenceCurve(NamedTuple):
    """Of one guard: times, and how much of the evidence of harm there was that is needed, 1: it strikes."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


def evidence_over_time(curves: Sequence[EvidenceCurve], start: float, end: float) -> Markup:
    """One curve a guard, in steps: what is known stays so until there is news. At 1 a guard strikes."""
    width, height, left, right, top, bottom = 800.0, 300.0, 52.0, 610.0, 22.0, 252.0
    most = max((value for curve in curves for _, value in curve.points), default=0.0)
    frame = ChartFrame(
        LinearAxis(0.0, max(end - start, 1.0), left, right),
        LinearAxis(0.0, max(1.25, min(most * 1.1, 3.0)), bottom, top),
        _LETTER,
    )
    limit = frame.y.at(1.0)
    axes = join(
        [
            frame.rows(frame.y.ticks(5), lambda tick: f"{tick:g}", ""),
            *(
                text(ago(tick), frame.x.at(tick), bottom + 22, class_="axis", text_anchor="middle")
                for tick in frame.x.ticks(6)
            ),
            text("since it began", (left + right) / 2, bottom + 44, class_="axis", text_anchor="middle"),
            line(left, limit, right, limit, class_="limit"),
            text("strikes", right + 32, limit + 4.5, class_="here"),
        ]
    )
    lasts = [frame.y.at(min(max(one.points[-1][1], 0.0), frame.y.high)) for one in curves if one.points]
    taken = spread([*lasts, limit], 17.0, top, bottom)
    drawn = [
        _evidence(one, frame, start, end, y)
        for one, y in zip([one for one in curves if one.points], taken, strict=False)
    ]
    told = " ".join(f"{one.name}: {one.points[-1][1]:.2f} of 1." for one in curves if one.points)
    return drawing("Evidence of harm over time", told or "None yet.", (width, height), [axes, *drawn])


def _evidence(curve: EvidenceCurve, frame: ChartFrame, start: float, end: float, label: float) -> Markup:
    points, last = [], frame.y.at(0.0)
    for at, value in curve.points:
        x = frame.x.at(min(max(at - start, 0.0), frame.x.high))
        points.append((x, last))
        last = frame.y.at(min(max(value, 0.0), frame.y.high))
        points.append((x, last))
    points.append((frame.x.at(min(end - start, frame.x.high)), last))
    right = frame.x.end
    leader = line(right, last, right + 26, label, class_="leader")
    words = text(curve.name, right + 32, label + 4.5, class_="axis")
    return element("g", path(points, class_="curve rival"), leader, words, class_=curve.style)
