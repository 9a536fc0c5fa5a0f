import pytest
import torch

from bench.codec.captions import NLL, SAME, Captions, surprises
from bench.codec.exam import Exam, scenes
from bench.codec.halves import Cloud, Seen
from protos.bundle import Bundle

SPOKEN = [
    "a small red ring on a plain background",
    "a large blue star",
    "a small red ring and a large blue star",
]


@pytest.fixture(scope="module")
def cloud(bundle: Bundle) -> Cloud:
    return Cloud(bundle)


@pytest.fixture(scope="module")
def exam() -> Exam:
    return Exam("scenes", scenes(2).pictures, captions=[(0, SPOKEN[0]), (1, SPOKEN[1]), (0, SPOKEN[2])])


@torch.inference_mode()
def surprise_of_the_whole_model(cloud: Cloud, exam: Exam, index: int, spoken: list[int]) -> float:
    """By one forward pass of transformers' own model over prompt and caption."""
    whole = cloud.whole
    prompt = whole.prompting.ids("describe the image.")
    ids = torch.tensor([[*prompt, *spoken]])
    pixels = whole.family.pixels(cloud._processor, [exam.pictures[index]])
    logits = whole.model(
        input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels[:, None]
    ).logits[0]
    said = logits[len(prompt) - 1 : -1].log_softmax(-1)
    return -float(said[range(len(spoken)), spoken].sum())


def test_surprise_is_that_of_one_pass_over_prompt_and_caption(cloud: Cloud, exam: Exam) -> None:
    spelt = [(index, [*cloud.whole.prompting.ids(text)[-3:], 2]) for index, text in enumerate(SPOKEN[:2])]
    ids = sorted([*spelt, (0, spelt[0][1][:2])], key=lambda one: -len(one[1]))
    found = surprises(cloud.whole, cloud.see(exam.pictures), ids)
    assert found == pytest.approx([surprise_of_the_whole_model(cloud, exam, *one) for one in ids], abs=1e-3)


def test_what_the_model_says_surprises_it_less_than_of_another_picture(cloud: Cloud, exam: Exam) -> None:
    seen = cloud.see(exam.pictures)
    said = Captions(cloud.whole, exam).answer(seen)
    judge = Captions(cloud.whole, Exam("said", exam.pictures, captions=list(enumerate(said))))
    own, others = (
        judge.marks(seen, said, said),
        judge.marks(Seen(seen.tokens.flip(0), seen.grids), said, said[::-1]),
    )
    assert sum(own[NLL]) < sum(others[NLL]) / 5
    assert (own[SAME], others[SAME]) == ([1, 1], [0, 0])


def test_likelihood_is_by_token_and_an_end_is_one(cloud: Cloud, exam: Exam) -> None:
    measure, _ = Captions(cloud.whole, exam).measures
    assert measure.weights == [
        len(SPOKEN[0].split()) + 1 + len(SPOKEN[2].split()) + 1,
        len(SPOKEN[1].split()) + 1,
    ]
