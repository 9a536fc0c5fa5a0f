from bench.codec.evaluation.evaluation_set import BENCH_SEEDS, EvaluationSet, scenes
from bench.rig.questions import DEMO_SEEDS
from splitter.nano.questions import KINDS
from splitter.nano.scenes import CALIBRATION_SEEDS, HELD_OUT_SEEDS


def test_scenes_ask_every_kind_about_pictures_of_their_own() -> None:
    evaluation_set = scenes(8)
    assert len(evaluation_set.pictures) == 8
    assert {question.kind for _, question in evaluation_set.questions} == set(KINDS)
    assert {index for index, _ in evaluation_set.questions} == set(range(8))


def test_scenes_are_apart_from_all_others() -> None:
    assert max(HELD_OUT_SEEDS, DEMO_SEEDS) + 1_000_000 < BENCH_SEEDS < CALIBRATION_SEEDS - 1_000_000


def test_the_digest_tells_evaluation_sets_apart() -> None:
    assert scenes(2).digest == scenes(2).digest
    two = scenes(2)
    others = [
        scenes(3),
        EvaluationSet(two.name, two.pictures, two.questions[:-1]),
        EvaluationSet(two.name, [two.pictures[0]] * 2, two.questions),
    ]
    assert len({evaluation_set.digest for evaluation_set in [two, *others]}) == 4
