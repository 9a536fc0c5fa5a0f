"""Every candidate on an evaluation set: bytes, what is lost, and the confidence intervals."""

import statistics
from collections.abc import Callable
from functools import cached_property
from typing import Any

from bench.codec import timing
from bench.codec.candidates.candidate import Candidate, every_candidate, payload_size, request_size
from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.device_half import DeviceHalf
from bench.codec.candidates.uploads import every_upload
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.evaluators import evaluator_of
from bench.codec.evaluation.metrics import Evaluator, figures
from bench.codec.report.report import LEFT_OUT, CodecReport
from bench.codec.report.results import CodecResult
from bench.codec.result_cache import ResultCache, cached
from bench.rig.machine import setting
from protos.bundle import Bundle


def measure(
    bundle: Bundle, evaluation_set: EvaluationSet, cache: ResultCache, advance: Callable[[str], None]
) -> CodecReport:
    """Measure every candidate on an evaluation set; `advance` is told of each step. Raises BundleError or
    CheckpointError.
    """
    evaluation = CodecEvaluation(bundle, evaluation_set, cache, advance)
    results = evaluation.results()
    times = timing.measure(bundle, evaluation_set, lambda: advance("times"))
    return CodecReport(
        model=bundle.manifest.model,
        bundle=bundle.digest,
        head=bundle.manifest.precision.precision,
        data=evaluation_set.name,
        counts=_counts(bundle, evaluation_set),
        whole=evaluation.whole(),
        results=results,
        times=times,
        setting=setting(1, timing.TURNS),
    )


def steps(bundle: Bundle) -> int:
    """How often `measure` tells of a step."""
    return 1 + sum(len(cut.codecs) for cut in bundle.manifest.cuts) + len(every_upload()) + timing.STEPS


class CodecEvaluation:
    """The evaluation of one bundle. `cache` has what was measured before; `advance` is told the name of each
    candidate.
    """

    def __init__(
        self,
        bundle: Bundle,
        evaluation_set: EvaluationSet,
        cache: ResultCache,
        advance: Callable[[str], None],
    ) -> None:
        self._bundle, self._evaluation_set, self._cache = bundle, evaluation_set, cache
        self._advance, self._cloud = advance, CloudHalf(bundle)
        device = DeviceHalf(bundle, evaluation_set.pictures)
        self.candidates = list(every_candidate(bundle, lambda _: device, self._cloud))

    def results(self) -> list[CodecResult]:
        """The results of the candidates in order."""
        return [self._result(candidate) for candidate in self.candidates]

    def whole(self) -> dict[str, float]:
        """Every metric of the whole model."""
        terms = self._reference["marks"]
        return {metric.name: metric.value(terms[metric.name]) for metric in self._evaluator.metrics}

    @cached_property
    def _evaluator(self) -> Evaluator:
        return evaluator_of(self._bundle, self._cloud, self._evaluation_set)

    # The cache has "said" for answers and "marks" for terms: earlier results stay readable.
    @cached_property
    def _reference(self) -> dict[str, Any]:
        """The whole model's answers and terms."""
        self._advance("the whole model")
        return cached(self._cache.pictures, "whole", self._evaluate_whole)

    def _result(self, candidate: Candidate) -> CodecResult:
        reference = self._reference
        self._advance(candidate.name)
        parts = self._cache.features if candidate.cut else self._cache.pictures
        found = cached(parts, candidate.name, lambda: self._evaluate(candidate))
        return CodecResult(
            name=candidate.name,
            curve=candidate.curve,
            cut=candidate.cut,
            payload=statistics.mean(found["payloads"]),
            bare=statistics.mean(found["bare"]),
            request=statistics.mean(found["requests"]),
            sizes=found["bare"],
            figures=figures(self._evaluator.metrics, found["marks"], reference["marks"]),
        )

    def _evaluate_whole(self) -> dict[str, Any]:
        tokens = self._cloud.encode_images(self._evaluation_set.pictures)
        answers = self._evaluator.answer(tokens)
        return {"said": answers, "marks": self._evaluator.terms(tokens, answers, answers)}

    def _evaluate(self, candidate: Candidate) -> dict[str, Any]:
        sent = [candidate.encode(index) for index in range(len(self._evaluation_set.pictures))]
        tokens = candidate.image_tokens(sent)
        answers = self._evaluator.answer(tokens)
        return {
            "payloads": [payload_size(payloads) for payloads in sent],
            "bare": [candidate.bare(payloads) for payloads in sent],
            "requests": [
                request_size(self._bundle, candidate, index, payloads) for index, payloads in enumerate(sent)
            ],
            "marks": self._evaluator.terms(tokens, answers, self._reference["said"]),
        }


def _counts(bundle: Bundle, evaluation_set: EvaluationSet) -> dict[str, int]:
    dual = bundle.manifest.HasField("matching")  # a dual encoder is asked no questions
    return {
        "pictures": len(evaluation_set.pictures),
        "questions": 0 if dual else len(evaluation_set.questions),
        "captions": len(evaluation_set.captions),
        LEFT_OUT: evaluation_set.left_out,
    }
