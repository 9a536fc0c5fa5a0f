from protos.pages.axes import LinearAxis, LogAxis


def test_an_axis_ends_at_round_numbers() -> None:
    axis = LogAxis.around([6.4, 470], 100, 0)
    assert (axis.low, axis.high, axis.at(5), axis.at(500)) == (5, 500, 100, 0)
    assert axis.ticks() == [5, 10, 20, 50, 100, 200, 500]
    assert LogAxis.around([1, 1], 0, 1).high > 1


def test_a_linear_axis_has_round_ticks() -> None:
    axis = LinearAxis(-8, 1, 90, 0)
    assert axis.at(-8) == 90
    assert axis.ticks(5) == [-8, -6, -4, -2, 0]
