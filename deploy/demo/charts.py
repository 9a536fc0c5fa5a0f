"""Bar charts as plain numbers: where each bar ends, for the page to draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.demo.record import LinkRun, Summary

LEFT, WIDTH, ROW = 92, 180, 30  # user units: the room for labels, the longest bar, the height of a row


@dataclass(frozen=True)
class Bar:
    """One strategy's bar; `end` and `tick` are widths in user units, None where there is nothing to show."""

    strategy: str
    words: str
    end: float | None
    tick: float | None


@dataclass(frozen=True)
class Chart:
    """A chart and the same in words, for those who do not see it."""

    title: str
    bars: Sequence[Bar]

    @property
    def words(self) -> str:
        return "; ".join(f"{bar.strategy}: {bar.words}" for bar in self.bars)


def charts(run: LinkRun) -> list[Chart]:
    """Latency and bytes of every strategy on a link."""
    return [
        _chart(
            "Time to the whole answer: median, and a tick at the 95th percentile",
            run.summaries,
            lambda s: (s.median_ms, s.p95_ms),
            time,
        ),
        _chart("Bytes sent for one answer: median", run.summaries, lambda s: (s.bytes_up, None), size),
    ]


def time(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"


def size(sent: float) -> str:
    return f"{sent / 1000:.1f} kB" if sent >= 1000 else f"{sent:.0f} B"


def _chart(
    title: str,
    summaries: Sequence[Summary],
    read: Callable[[Summary], tuple[float | None, float | None]],
    words: Callable[[float], str],
) -> Chart:
    longest = max((v for s in summaries for v in read(s) if v is not None), default=0.0)
    return Chart(title, [_bar(s, *read(s), longest or 1.0, words) for s in summaries])


def _bar(
    summary: Summary, value: float | None, tick: float | None, longest: float, words: Callable[[float], str]
) -> Bar:
    if value is None:
        return Bar(summary.strategy, "no answer", None, None)
    lost = summary.asked - summary.answered
    label = words(value) + (f", {lost} of {summary.asked} failed" if lost else "")
    return Bar(
        summary.strategy, label, WIDTH * value / longest, None if tick is None else WIDTH * tick / longest
    )
