import pytest

from bench.codec.report.verdict import ANY_CUT, bars, sentence, winners
from tests.bench.codec.report.results import CAPTIONS, RESULTS, features, upload


def named(results: list[object]) -> list[str | None]:
    return [getattr(result, "name", None) for result in results]


def test_every_kind_must_be_within_a_point() -> None:
    of_any, early, late = winners(RESULTS)
    assert named([of_any.features, early.features, late.features]) == [
        "split@connector/fitted-1",
        "split@vision.2/fitted-1",
        "split@connector/fitted-1",
    ]
    assert named([of_any.upload]) == ["upload@avif-50"]


def test_the_ratio_says_how_many_times_more_the_upload_has() -> None:
    of_any, early, _ = winners(RESULTS)
    assert of_any.ratio == pytest.approx((5, 5, 5))
    assert early.ratio is not None
    assert early.ratio[0] == pytest.approx(1000 / 900)


def test_captions_have_a_bar_for_likelihood_and_one_for_those_unchanged() -> None:
    won = {found.bar: (found.features, found.upload) for found in winners(CAPTIONS) if found.cut == ANY_CUT}
    assert {bar: named(list(results)) for bar, results in won.items()} == {
        "NLL at most +0.01": ["split@connector/fitted-1", "upload@avif-90"],
        "NLL at most +0.03": ["split@connector/fitted-2", "upload@avif-50"],
        "NLL at most +0.05": ["split@connector/fitted-2", "upload@avif-20"],
        "50% of the captions unchanged": ["split@connector/fitted-1", "upload@avif-90"],
        "25% of the captions unchanged": ["split@connector/fitted-1", "upload@avif-50"],
    }


def test_where_nothing_passes_it_is_said() -> None:
    [of_any, _] = winners(
        [features("connector", 1, 10, all=-9.0, shape=-9.0), upload("avif", 50, 100, all=0.0, shape=0.0)]
    )
    assert of_any.ratio is None
    assert (
        "the cheapest upload is upload@avif-50 with 100 bytes, the cheapest features are no features"
        in sentence(of_any)
    )


def test_the_sentence_names_winners_bytes_and_ratio() -> None:
    assert sentence(winners(RESULTS)[0]) == (
        "within 1 point of the whole model in every kind: the cheapest upload is upload@avif-50 with 1,000 "
        "bytes, "
        "the cheapest features are split@connector/fitted-1 with 200 bytes: 5 times smaller (95%: 5 to 5)"
    )


def test_features_that_lose_are_said_to_be_larger() -> None:
    assert "2 times larger (95%: 2 to 2)" in sentence(
        winners([features("early", 1, 200, all=0.0, shape=0.0), upload("avif", 9, 100, all=0.0, shape=0.0)])[
            0
        ]
    )


def test_the_general_metric_alone_decides_nothing() -> None:
    [bar] = bars(["all", "shape", "count"])
    assert not bar.passed(RESULTS[1])
    assert bar.passed(RESULTS[0])
