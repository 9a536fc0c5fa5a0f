import numpy as np
import pytest

from protos import fleet_pb2 as pb
from protos.errors import PayloadError
from protos.fleet.sketch import MAX_TOLD, ValueSketch, check_sketch, sketch_of

SHARES = (0.0, 0.25, 0.5, 0.9, 0.99, 1.0)


def told(*values: float) -> pb.Sketch:
    sketch = ValueSketch()
    sketch.add(*values)
    return pb.Sketch.FromString(sketch.message().SerializeToString())


@pytest.mark.parametrize("spread", [0.01, 0.5, 1.0])
def test_quantiles_are_within_one_percent_of_their_value(spread: float) -> None:
    values = np.random.default_rng(1).lognormal(4, spread, 5000)
    found = sketch_of([told(*values)])
    exact = np.quantile(values, SHARES, method="lower")
    assert found.quantiles(SHARES) == pytest.approx(exact, rel=0.0101)
    assert found.count == len(values)
    assert found.mean == pytest.approx(values.mean())


def test_sketches_that_are_merged_are_one_of_all_values() -> None:
    values = np.random.default_rng(2).lognormal(3, 1, (300, 20))
    merged, whole = sketch_of(told(*row) for row in values), sketch_of([told(*values.ravel())])
    assert merged.quantiles(SHARES) == whole.quantiles(SHARES)
    assert merged.sum == pytest.approx(whole.sum)


def test_zeros_come_before_everything_else() -> None:
    found = sketch_of([told(0.0, 0.0, 0.0, 8.0)])
    assert found.quantiles([0.0, 0.5]) == [0.0, 0.0]
    assert found.quantile(1.0) == pytest.approx(8.0, rel=0.01)
    assert found.share_above(0.0) == 0.25


def test_the_share_above_a_value() -> None:
    assert sketch_of([told(*range(1, 101))]).share_above(90) == pytest.approx(0.1, abs=0.01)


def test_no_values_have_no_quantiles() -> None:
    assert ValueSketch().quantiles(SHARES) == [0.0] * len(SHARES)
    assert ValueSketch().message() == pb.Sketch()


def test_a_message_has_few_bins_and_all_values() -> None:
    found = told(*np.geomspace(1e-5, 1e8, 4000))
    assert sketch_of([found]).count == 4000
    assert sketch_of([found]).quantile(0.99) == pytest.approx(np.geomspace(1e-5, 1e8, 4000)[3959], rel=0.011)
    assert len(found.counts) <= 5 * MAX_TOLD


def test_counts_of_every_size_are_told() -> None:
    sketch = ValueSketch()
    for value, times in ((1.0, 1), (2.0, 127), (3.0, 128), (4.0, 70_000)):
        sketch.merge([told(*[value] * times)])
    assert sketch_of([sketch.message()]).count == sketch.count


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_what_is_no_time_is_not_counted(value: float) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        ValueSketch().add(1.0, value)


@pytest.mark.parametrize(
    "wrong",
    [
        pb.Sketch(counts=b"\x01" * (MAX_TOLD + 1)),
        pb.Sketch(counts=b"\x81" * (5 * MAX_TOLD + 1)),
        pb.Sketch(counts=b"\x01\x81"),
        pb.Sketch(counts=b"\x81"),
        pb.Sketch(counts=b"\x81\x81\x81\x81\x81\x81\x01"),
        pb.Sketch(counts=b"\x01", offset=-701),
        pb.Sketch(counts=b"\x01\x01", offset=1100),
        pb.Sketch(sum=float("nan")),
        pb.Sketch(sum=-1.0),
    ],
)
def test_a_sketch_that_is_none_is_refused(wrong: pb.Sketch) -> None:
    with pytest.raises(PayloadError):
        check_sketch(wrong)
