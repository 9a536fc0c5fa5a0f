import pytest
import torch

from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.tensors import ImageTokens
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.matching import COSINE, LABEL, OWN, RANK, MatchingEvaluator, reciprocal_ranks
from protos.bundle import Bundle
from protos.pictures.tiles import ONE_TILE

pytestmark = pytest.mark.slow


def test_the_whole_model_agrees_with_itself(dual: Bundle, captioned: EvaluationSet) -> None:
    cloud = CloudHalf(dual)
    evaluator = MatchingEvaluator(cloud.dual_encoder, captioned)
    tokens = cloud.encode_images(captioned.pictures)
    answers = evaluator.answer(tokens)
    terms = evaluator.terms(tokens, answers, answers)
    assert terms[LABEL] == [1, 1, 1]
    assert terms[COSINE] == pytest.approx([1, 1, 1])
    (best, embedding), *others = answers
    turned = [(1 - best, [-number for number in embedding]), *others]
    assert evaluator.terms(tokens, turned, answers)[LABEL] == [0, 1, 1]
    assert evaluator.terms(tokens, turned, answers)[COSINE] == pytest.approx([-1, 1, 1])


def test_a_picture_finds_its_own_caption_where_its_embedding_is_that_caption(
    dual: Bundle, captioned: EvaluationSet
) -> None:
    cloud = CloudHalf(dual)
    evaluator = MatchingEvaluator(cloud.dual_encoder, captioned)
    own = evaluator._captions[::2] if evaluator._captions is not None else None
    assert own is not None
    as_captions = ImageTokens(own[:, None], [ONE_TILE] * 3)
    answers = evaluator.answer(as_captions)
    terms = evaluator.terms(as_captions, answers, answers)
    assert (terms[OWN], terms[RANK]) == ([1, 1, 1], [1, 1, 1])
    turned = evaluator.answer(ImageTokens(own[:, None].roll(1, 0), as_captions.grids))
    terms = evaluator.terms(as_captions, turned, answers)
    assert terms[OWN] == [0, 0, 0]
    assert max(terms[RANK]) <= 0.5


def test_retrieval_is_by_the_rank_of_the_best_of_a_pictures_own() -> None:
    similarities = torch.tensor([[0.1, 0.3, 0.9, 0.2], [0.9, 0.8, 0.7, 0.1], [0.5, 0.5, 0.5, 0.5]])
    assert reciprocal_ranks(similarities, [0, 0, 1, 1]) == pytest.approx([1 / 2, 1 / 3, 0])
    assert reciprocal_ranks(similarities[:, :3], [0, 1, 2]) == pytest.approx([1 / 3, 1 / 2, 1])


def test_without_captions_a_picture_is_to_find_itself(dual: Bundle, captioned: EvaluationSet) -> None:
    cloud = CloudHalf(dual)
    evaluator = MatchingEvaluator(cloud.dual_encoder, EvaluationSet("bare", captioned.pictures))
    answers = evaluator.answer(cloud.encode_images(captioned.pictures))
    tokens = cloud.encode_images(captioned.pictures)
    assert [metric.name for metric in evaluator.metrics] == [LABEL, RANK, COSINE]
    assert evaluator.terms(tokens, answers, answers)[RANK] == [1, 1, 1]
    assert max(evaluator.terms(tokens, [*answers[1:], answers[0]], answers)[RANK]) < 1
