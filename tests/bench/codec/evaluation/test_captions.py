import pytest
import torch

from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.tensors import ImageTokens
from bench.codec.evaluation.captions import NLL, SAME, CaptionEvaluator, negative_log_likelihoods
from bench.codec.evaluation.evaluation_set import EvaluationSet, scenes
from protos.bundle import Bundle

TEXTS = [
    "a small red ring on a plain background",
    "a large blue star",
    "a small red ring and a large blue star",
]


@pytest.fixture(scope="module")
def cloud(bundle: Bundle) -> CloudHalf:
    return CloudHalf(bundle)


@pytest.fixture(scope="module")
def evaluation_set() -> EvaluationSet:
    return EvaluationSet("scenes", scenes(2).pictures, captions=[(0, TEXTS[0]), (1, TEXTS[1]), (0, TEXTS[2])])


@torch.inference_mode()
def likelihood_of_the_whole_model(
    cloud: CloudHalf, evaluation_set: EvaluationSet, index: int, caption: list[int]
) -> float:
    """By one forward pass of transformers' own model over prompt and caption."""
    whole = cloud.reference_model
    prompt = whole.prompting.ids("describe the image.")
    ids = torch.tensor([[*prompt, *caption]])
    pixels = whole.family.pixels(cloud._processor, [evaluation_set.pictures[index]])
    logits = whole.model(
        input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels[:, None]
    ).logits[0]
    scores = logits[len(prompt) - 1 : -1].log_softmax(-1)
    return -float(scores[range(len(caption)), caption].sum())


def test_the_likelihood_is_that_of_one_pass_over_prompt_and_caption(
    cloud: CloudHalf, evaluation_set: EvaluationSet
) -> None:
    tokenized = [
        (index, [*cloud.reference_model.prompting.ids(text)[-3:], 2]) for index, text in enumerate(TEXTS[:2])
    ]
    ids = sorted([*tokenized, (0, tokenized[0][1][:2])], key=lambda one: -len(one[1]))
    found = negative_log_likelihoods(cloud.reference_model, cloud.encode_images(evaluation_set.pictures), ids)
    assert found == pytest.approx(
        [likelihood_of_the_whole_model(cloud, evaluation_set, *one) for one in ids], abs=1e-3
    )


def test_an_answer_is_likelier_of_its_own_picture_than_of_another(
    cloud: CloudHalf, evaluation_set: EvaluationSet
) -> None:
    tokens = cloud.encode_images(evaluation_set.pictures)
    answers = CaptionEvaluator(cloud.reference_model, evaluation_set).answer(tokens)
    evaluator = CaptionEvaluator(
        cloud.reference_model,
        EvaluationSet("answers", evaluation_set.pictures, captions=list(enumerate(answers))),
    )
    own = evaluator.terms(tokens, answers, answers)
    others = evaluator.terms(ImageTokens(tokens.tokens.flip(0), tokens.grids), answers, answers[::-1])
    assert sum(own[NLL]) < sum(others[NLL]) / 5
    assert (own[SAME], others[SAME]) == ([1, 1], [0, 0])


def test_likelihood_is_by_token_and_an_end_is_one(cloud: CloudHalf, evaluation_set: EvaluationSet) -> None:
    metric, _ = CaptionEvaluator(cloud.reference_model, evaluation_set).metrics
    assert metric.weights == [
        len(TEXTS[0].split()) + 1 + len(TEXTS[2].split()) + 1,
        len(TEXTS[1].split()) + 1,
    ]
