from deploy.demo.agent.belt import CARRIED, SECONDS, frame, shape_at
from edge.agent.gating.likeness import luma_difference, luma_of
from edge.agent.settings.gate import GateSettings
from splitter.nano.scenes import SIDE


def differ(first: float, second: float) -> bool:
    """Whether a gate takes the frames of two moments for different ones."""
    one, other = (luma_of(frame(0, seconds)) for seconds in (first, second))
    return luma_difference(one, other) > GateSettings().luma


def test_one_shape_after_another_rests_in_the_middle() -> None:
    rests = [shape_at((turn + 0.5) * SECONDS) for turn in range(len(CARRIED))]
    assert [(thing.colour, thing.shape) for thing in rests] == list(CARRIED)
    assert {thing.x for thing in rests} == {SIDE / 2}
    assert shape_at(0.0).x < 0
    assert shape_at(SECONDS - 0.001).x > SIDE


def test_frames_are_alike_while_a_shape_rests_and_differ_when_another_comes() -> None:
    assert not differ(0.4 * SECONDS, 0.6 * SECONDS)
    assert differ(0.5 * SECONDS, 1.5 * SECONDS)


def test_a_moment_is_drawn_the_same_every_time() -> None:
    assert (frame(1, 2.0) == frame(1, 2.0)).all()
    assert (frame(1, 2.0) != frame(0, 2.0)).any()
