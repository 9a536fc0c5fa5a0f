from bench.head.towers import Towers
from protos.bundle import Bundle


def test_the_arithmetic_of_the_built_in_tower_is_what_its_sizes_say(bundle: Bundle) -> None:
    patches, width, mlp, layers = 64, 192, 768, 6
    work = Towers.of(bundle.folder("cloud")).arithmetic
    projections, perceptron = 4 * width * width, 2 * width * mlp
    connector = 16 * (4 * width) * width
    assert work.weights == layers * patches * (projections + perceptron) + connector == 172_228_608
    assert work.attention == layers * 2 * patches * patches * width == 9_437_184
    assert work.other == patches * (16 * 16 * 3) * width == 9_437_184
