import numpy as np

from splitter.nano.questions import KINDS, ask_all, description, direction, place, words
from splitter.nano.scenes import CALIBRATION_SEEDS, HELD_OUT_SEEDS, SIDE, Object, flip, picture


def test_a_seed_fixes_its_picture() -> None:
    first, again = picture(7), picture(7)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.scene == again.scene
    assert not np.array_equal(first.image, picture(8).image)


def test_held_out_and_calibration_seeds_lie_apart() -> None:
    assert 1_000_000 < HELD_OUT_SEEDS < HELD_OUT_SEEDS + 1_000_000 < CALIBRATION_SEEDS


def test_every_object_is_seen() -> None:
    for seed in range(50):
        drawn = picture(seed)
        assert set(range(len(drawn.scene.objects))) == set(np.unique(drawn.owner)) - {-1}


def test_an_object_lies_where_the_scene_says() -> None:
    for seed in range(30):
        drawn = picture(seed, max_objects=1)
        rows, columns = np.nonzero(drawn.owner == 0)
        thing = drawn.scene.objects[0]
        assert abs(columns.mean() - thing.x) < 3
        assert abs(rows.mean() - thing.y) < 3


def test_a_flipped_picture_shows_the_flipped_scene() -> None:
    for orientation in range(8):
        drawn = picture(11, max_objects=1)
        rows, columns = np.nonzero(flip(drawn.owner, orientation) == 0)
        thing = drawn.scene.flipped(orientation).objects[0]
        assert abs(columns.mean() - thing.x) < 3
        assert abs(rows.mean() - thing.y) < 3


def test_every_kind_is_asked_and_every_word_is_known() -> None:
    rng, known, kinds = np.random.default_rng(0), set(words()), set()
    for seed in range(200):
        for question in ask_all(picture(seed).scene, rng):
            kinds.add(question.kind)
            spoken = f"{question.text} {question.answer}".replace("?", "").replace(".", "").split()
            assert set(spoken) <= known
    assert kinds == set(KINDS)


def thing(x: float, y: float, colour: str = "red", shape: str = "circle") -> Object:
    return Object(colour, shape, "small", x, y, 10, 0)


def test_what_is_too_close_to_call_is_not_asked() -> None:
    assert place(SIDE / 3 + 1, 10) is None
    assert place(20, 20) == "top left"
    assert direction(thing(60, 60), thing(50, 62)) is None
    assert direction(thing(90, 62), thing(50, 60)) == "right"
    assert direction(thing(60, 20), thing(50, 90)) == "above"


def test_a_description_names_each_object_in_a_fixed_order() -> None:
    drawn = picture(3)
    assert description(drawn.scene) == description(drawn.scene.flipped(3))
    assert all(f"{o.size} {o.colour} {o.shape}" in description(drawn.scene) for o in drawn.scene.objects)
