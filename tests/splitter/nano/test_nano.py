from pathlib import Path

import pytest

from splitter.evaluate.built_in import DESCRIBE, Evaluation, evaluate
from splitter.nano import WEIGHTS

pytestmark = pytest.mark.slow

FLOOR = {"overall": 93.0, "kind": 80.0, "describe": 60.0}


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate(questions=900)


def test_the_shipped_weights_are_small() -> None:
    assert (WEIGHTS / "model.safetensors").stat().st_size <= 12_000_000
    assert not [p for p in Path(WEIGHTS).iterdir() if p.suffix in {".bin", ".pt", ".pkl"}]


def test_the_shipped_weights_answer_held_out_questions(evaluation: Evaluation) -> None:
    scored = evaluation.seeing
    assert evaluation.overall(scored) >= FLOOR["overall"]
    assert scored.by_kind[DESCRIBE] >= FLOOR["describe"]
    assert not {
        kind: share for kind, share in scored.by_kind.items() if share < FLOOR["kind"] and kind != DESCRIBE
    }


def test_without_its_picture_the_model_knows_little_more_than_the_commonest_answer(
    evaluation: Evaluation,
) -> None:
    blind = sum(evaluation.chance[kind] for kind in evaluation.questions if kind != DESCRIBE) / (
        len(evaluation.questions) - 1
    )
    assert evaluation.overall(evaluation.grey) < blind + 10
    assert evaluation.overall(evaluation.swapped) < blind + 10
    assert evaluation.overall(evaluation.seeing) > blind + 30
