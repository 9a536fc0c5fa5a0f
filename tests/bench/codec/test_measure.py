from pathlib import Path

from bench.codec.candidates.candidate import PictureCandidate
from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.uploads import Upload
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.matching import COSINE, LABEL, OWN, RANK
from bench.codec.measure import CodecEvaluation
from bench.codec.result_cache import ResultCache
from protos.bundle import Bundle


def test_a_dual_encoder_is_measured_by_label_caption_and_cosine(
    dual: Bundle, captioned: EvaluationSet, tmp_path: Path
) -> None:
    evaluation = CodecEvaluation(dual, captioned, ResultCache.of(tmp_path, dual, captioned), lambda _: None)
    device = evaluation.candidates[0].device  # type: ignore[attr-defined]
    evaluation.candidates = [
        *evaluation.candidates[:2],
        PictureCandidate(device, CloudHalf(dual), Upload("jpeg", 8, 0.5)),
    ]
    fine, _, ruined = evaluation.results()
    assert set(fine.figures) == {LABEL, OWN, RANK, COSINE}
    assert fine.figures[COSINE].value > ruined.figures[COSINE].value
    assert evaluation.whole()[LABEL] == 100
