from protos.pages.axes import LogAxis
from protos.pages.frame import ChartFrame
from protos.pages.labels import Box, free, spread


def test_labels_keep_apart_and_inside() -> None:
    assert spread([10, 10, 11], 5, 0, 100) == [10, 15, 20]
    assert spread([99, 98, 97], 5, 0, 100) == [100, 95, 90]
    taken = [Box.around(60, 50, 80, 15)]
    found = free(10, 50, 60, taken, Box(0, 0, 200, 100))
    assert not found.covers(taken[0])


def test_labels_of_ticks_that_would_touch_are_left_out() -> None:
    frame = ChartFrame(LogAxis(1, 1000, 0, 100), LogAxis(1, 10, 50, 0), letter=7.0)
    drawn = frame.columns([1, 2, 10, 1000], lambda tick: f"{tick} units", "size")
    assert drawn.count("<line") == 4
    assert ">1 units<" in drawn
    assert ">2 units<" not in drawn
    assert ">1000 units<" in drawn
