"""Which evaluator goes with a bundle and an evaluation set."""

from functools import cache

from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.evaluation.captions import CaptionEvaluator
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.fidelity import FidelityEvaluator
from bench.codec.evaluation.matching import MatchingEvaluator
from bench.codec.evaluation.metrics import Evaluator
from bench.codec.evaluation.questions import QuestionEvaluator
from protos.bundle import Bundle
from splitter.evaluate.subjects import AGREEMENT


def evaluator_of(bundle: Bundle, cloud: CloudHalf, evaluation_set: EvaluationSet) -> Evaluator:
    """The evaluator of labels for a dual encoder, else that of captions where there are any, of questions
    where right answers are known, or of fidelity.
    """
    if bundle.manifest.HasField("matching"):
        return MatchingEvaluator(cloud.dual_encoder, evaluation_set)
    if evaluation_set.captions:
        return CaptionEvaluator(cloud.reference_model, evaluation_set)
    if all(question.kind == AGREEMENT for _, question in evaluation_set.questions):
        whole = cache(lambda: cloud.encode_images(evaluation_set.pictures))
        return FidelityEvaluator(cloud.reference_model, evaluation_set, whole)
    return QuestionEvaluator(cloud.reference_model, evaluation_set)
