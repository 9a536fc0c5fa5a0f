"""What is known of a bundle's model before it is loaded."""

from cloud.models.loading import model_width, open_tail
from cloud.models.tail import Tail
from protos.bundle import Bundle
from tests.cloud.calling import FP32


def test_a_bundle_with_a_prompt_answers_questions(bundle: Bundle) -> None:
    tail = open_tail(bundle, FP32)
    assert isinstance(tail, Tail)
    assert model_width(bundle) == tail._model.config.get_text_config().hidden_size
