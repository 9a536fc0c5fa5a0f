"""Results with plain values."""

from bench.codec.evaluation.metrics import Figure
from bench.codec.report.report import CodecReport
from bench.codec.report.results import CodecResult, CodingTimes
from bench.rig.machine import Setting


def result(name: str, size: float, changes: dict[str, float], cut: str = "", curve: str = "") -> CodecResult:
    """A candidate that changes each metric by what `changes` says; the first metric is the general one."""
    figures = {
        metric: Figure(90 + change, change, change - 1, change + 1) for metric, change in changes.items()
    }
    return CodecResult(name, curve or name, cut, size, size, size + 100, [round(size)] * 4, figures)


def features(cut: str, level: int, size: float, **changes: float) -> CodecResult:
    return result(f"split@{cut}/fitted-{level}", size, changes, cut, f"{cut} fitted")


def upload(form: str, quality: int, size: float, **changes: float) -> CodecResult:
    return result(f"upload@{form}-{quality}", size, changes, curve=form)


RESULTS = [
    features("vision.2", 1, 900, all=0.2, shape=0.5, count=-0.9),
    features("vision.2", 2, 500, all=-0.3, shape=0.5, count=-1.2),
    features("connector", 1, 200, all=0.0, shape=-1.0, count=0.5),
    features("connector", 2, 100, all=-5.0, shape=-9.0, count=-1.0),
    upload("avif", 90, 4000, all=0.0, shape=0.0, count=0.0),
    upload("avif", 50, 1000, all=-0.4, shape=-0.8, count=0.0),
    upload("jpeg", 50, 800, all=0.5, shape=-1.5, count=2.5),
]
CAPTIONS = [
    features("connector", 1, 900, **{"NLL": 0.005, "same caption": -40}),
    features("connector", 2, 300, **{"NLL": 0.02, "same caption": -80}),
    upload("avif", 90, 9000, **{"NLL": 0.002, "same caption": -30}),
    upload("avif", 50, 5000, **{"NLL": 0.03, "same caption": -60}),
    upload("avif", 20, 2000, **{"NLL": 0.05, "same caption": -90}),
]
SETTING = Setting("a machine", ["avx2"], 2, 1, 15, {"torch": "2"}, 0.5)


def report(results: list[CodecResult]) -> CodecReport:
    whole = {name: figure.value - figure.change for name, figure in results[0].figures.items()}
    times = {result.name: CodingTimes(0.5, 0.25) for result in results}
    return CodecReport(
        "a <model>",
        "0" * 64,
        "int8",
        "nano",
        {"pictures": 4, "questions": 9, "captions": 0},
        whole,
        results,
        times,
        SETTING,
    )
