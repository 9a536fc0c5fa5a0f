from pathlib import Path

import pytest

from protos.errors import RequestError
from splitter.local_choice import CHECKPOINT, INT4, LAYERS, LocalChoice
from splitter.nano import WEIGHTS


def test_a_choice_is_a_word_a_number_of_layers_or_a_checkpoint(tmp_path: Path) -> None:
    assert LocalChoice.parse("int4") == LocalChoice(INT4)
    assert LocalChoice.parse("layers=3") == LocalChoice(LAYERS, layers=3)
    assert LocalChoice.parse("nano") == LocalChoice(CHECKPOINT, checkpoint=WEIGHTS)
    assert LocalChoice.parse(str(tmp_path)) == LocalChoice(CHECKPOINT, checkpoint=tmp_path)


@pytest.mark.parametrize("text", ["layers=0", "layers=", "layers=two", "layers=-1"])
def test_no_number_of_layers_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(RequestError, match="such as: --local layers=4"):
        LocalChoice.parse(text)
