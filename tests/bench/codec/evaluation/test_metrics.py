from bench.codec.evaluation.metrics import Metric, figures


def test_a_figure_is_compared_with_the_whole_model_on_the_same_pictures() -> None:
    metric = Metric("colour", [2.0, 2.0, 1.0])
    [figure] = figures([metric], {"colour": [2.0, 1.0, 0.0]}, {"colour": [2.0, 2.0, 0.0]}).values()
    assert (figure.value, figure.change) == (60, -20)
    assert figure.low <= figure.change <= figure.high == 0
