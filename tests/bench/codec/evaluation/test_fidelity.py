import pytest
import torch

from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.tensors import ImageTokens
from bench.codec.evaluation.evaluation_set import EvaluationSet, scenes
from bench.codec.evaluation.evaluators import evaluator_of
from bench.codec.evaluation.fidelity import IDENTICAL, FidelityEvaluator
from bench.codec.evaluation.metrics import figures
from protos.bundle import Bundle
from protos.measurements import FIDELITY
from splitter.evaluate.fidelity import Fidelity
from splitter.evaluate.subjects import AGREEMENT
from splitter.nano.questions import Question


@pytest.fixture(scope="module")
def evaluation_set() -> EvaluationSet:
    asked = [(index, Question(AGREEMENT, "describe the image.", "")) for index in range(2)]
    return EvaluationSet("scenes", scenes(2).pictures, asked)


def test_pictures_of_which_nothing_is_known_are_measured_by_the_splits_own_fidelity(
    bundle: Bundle, evaluation_set: EvaluationSet
) -> None:
    cloud = CloudHalf(bundle)
    evaluator = evaluator_of(bundle, cloud, evaluation_set)
    assert isinstance(evaluator, FidelityEvaluator)
    whole = cloud.encode_images(evaluation_set.pictures)
    noise = torch.randn(whole.tokens.shape, generator=torch.Generator().manual_seed(0))
    arm = ImageTokens(whole.tokens + 0.5 * whole.tokens.std() * noise, whole.grids)
    own, others = (evaluator.terms(seen, [], []) for seen in (whole, arm))

    found = figures(evaluator.metrics, others, own)

    asked = [(index, question.text) for index, question in evaluation_set.questions]
    score = Fidelity(cloud.reference_model, asked, lambda: whole.tokens).of(arm.tokens)
    fidelity = found[FIDELITY]
    assert fidelity.value == pytest.approx(score.accuracy)
    assert fidelity.change == pytest.approx(fidelity.value - 100, abs=1e-3)
    assert [100 + fidelity.low, 100 + fidelity.high] == pytest.approx([score.low, score.high])
    assert found[IDENTICAL].value == score.identical
