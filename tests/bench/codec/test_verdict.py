import pytest

from bench.codec.verdict import ANY_CUT, bars, sentence, winners
from tests.bench.codec.rows import features, upload

ROWS = [
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


def named(rows: list[object]) -> list[str | None]:
    return [getattr(row, "name", None) for row in rows]


def test_every_kind_must_be_within_a_point() -> None:
    of_any, early, late = winners(ROWS)
    assert named([of_any.features, early.features, late.features]) == [
        "split@connector/fitted-1",
        "split@vision.2/fitted-1",
        "split@connector/fitted-1",
    ]
    assert named([of_any.upload]) == ["upload@avif-50"]


def test_the_ratio_says_how_many_times_more_the_upload_has() -> None:
    of_any, early, _ = winners(ROWS)
    assert of_any.ratio == pytest.approx((5, 5, 5))
    assert early.ratio is not None
    assert early.ratio[0] == pytest.approx(1000 / 900)


def test_captions_have_a_bar_for_likelihood_and_one_for_those_unchanged() -> None:
    won = {found.bar: (found.features, found.upload) for found in winners(CAPTIONS) if found.cut == ANY_CUT}
    assert {bar: named(list(rows)) for bar, rows in won.items()} == {
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
    assert sentence(winners(ROWS)[0]) == (
        "within 1 point of the whole model in every kind: the cheapest upload is upload@avif-50 with "
        "1,000 "
        "bytes, "
        "the cheapest features are split@connector/fitted-1 with 200 bytes: 5 times smaller (95%: 5 to 5)"
    )


def test_features_that_lose_are_said_to_be_larger() -> None:
    assert "2 times larger (95%: 2 to 2)" in sentence(
        winners([features("early", 1, 200, all=0.0, shape=0.0), upload("avif", 9, 100, all=0.0, shape=0.0)])[
            0
        ]
    )


def test_the_general_measure_alone_decides_nothing() -> None:
    [bar] = bars(["all", "shape", "count"])
    assert not bar.passed(ROWS[1])
    assert bar.passed(ROWS[0])
