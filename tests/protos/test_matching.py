import numpy as np
import pytest

from protos import bundle_pb2 as pb
from protos.errors import PromptError
from protos.limits import check_labels, check_texts
from protos.matching import label_texts, scores, unit

CLIP = pb.Matching(
    kind=pb.Matching.SOFTMAX,
    scale=10,
    template="a photo of a {label}",
    width=2,
    max_texts=3,
    max_text_bytes=8,
)
SIGLIP = pb.Matching(
    kind=pb.Matching.SIGMOID, scale=10, bias=-5, template="{label}", width=2, max_texts=3, max_text_bytes=8
)
TEXTS = unit(np.array([[1, 1], [1, 0], [0, 1]], np.float32))
PICTURE = np.array([1, 0], np.float32)


def test_the_best_label_comes_first() -> None:
    ranked = scores(CLIP, ["both", "this", "other"], TEXTS, PICTURE)
    assert [score.label for score in ranked] == ["this", "both", "other"]
    assert [score.similarity for score in ranked] == pytest.approx([1, 0.5**0.5, 0])


def test_clips_probabilities_share_one() -> None:
    shares = np.exp(10 * np.array([1, 0.5**0.5, 0]))
    assert [
        score.probability for score in scores(CLIP, ["both", "this", "other"], TEXTS, PICTURE)
    ] == pytest.approx(shares / shares.sum())


def test_siglips_probabilities_stand_alone() -> None:
    (alone,) = scores(SIGLIP, ["this"], TEXTS[1:2], PICTURE)
    assert alone.probability == pytest.approx(1 / (1 + np.exp(-5)))


def test_a_hopeless_logit_is_no_overflow() -> None:
    far = pb.Matching(kind=pb.Matching.SIGMOID, scale=1e6, bias=-1e6)
    assert scores(far, ["other"], TEXTS[2:], PICTURE)[0].probability == 0


def test_a_label_stands_in_the_template() -> None:
    assert label_texts(CLIP, ["cat", "{x}"]) == ["a photo of a cat", "a photo of a {x}"]


def test_a_row_of_zeros_stays_finite() -> None:
    assert np.isfinite(unit(np.zeros((1, 4), np.float32))).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", "\n"], "label or text 2 of 2 is empty; leave it out"),
        (["a", "b", "c", "d"], "4 labels or texts came, at most 3 are taken; give fewer"),
        (["ça va bien"], "has 11 bytes, at most 8 are accepted; make it shorter"),
        (["a \udce9"], "not whole text"),
        (["cat", "cat"], "'cat' is given twice"),
        ([], "has none of its own; name some"),
    ],
)
def test_labels_that_cannot_be_are_refused_with_a_remedy(labels: list[str], message: str) -> None:
    with pytest.raises(PromptError, match=message):
        check_labels(labels, pb.Manifest(model="clip", matching=CLIP))


def test_no_label_is_one_that_the_bundle_brings() -> None:
    check_labels([], pb.Manifest(matching=pb.Matching(labels=["cat"], max_texts=1, max_text_bytes=8)))


def test_texts_may_come_twice() -> None:
    check_texts(["cat", "cat"], CLIP)


def test_a_bundle_that_answers_questions_takes_no_labels() -> None:
    check_labels([], pb.Manifest(model="llava"))
    with pytest.raises(PromptError, match="llava answers questions"):
        check_labels(["cat"], pb.Manifest(model="llava"))


class Compared(str):
    """A label that counts how often one is held against another."""

    __slots__ = ()
    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_many_labels_are_not_each_held_against_every_other() -> None:
    labels = [Compared(f"label {place}") for place in range(1000)]
    check_labels(labels, pb.Manifest(matching=pb.Matching(max_texts=1000, max_text_bytes=20)))
    assert Compared.times < len(labels)
