import pytest

from protos import bundle_pb2 as pb
from protos.errors import PromptError
from protos.limits import check_question

LIMITS = pb.Limits(max_question_bytes=6)


@pytest.mark.parametrize("question", ["", "   \n"])
def test_an_empty_question_is_refused(question: str) -> None:
    with pytest.raises(PromptError, match="is empty; ask something"):
        check_question(question, LIMITS)


def test_the_limit_counts_bytes_and_not_characters() -> None:
    assert check_question("où ç", LIMITS) == 6

    with pytest.raises(PromptError, match="has 7 bytes, at most 6 are accepted; ask a shorter one"):
        check_question("où ça", LIMITS)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(PromptError, match="not whole text"):
        check_question("a \udce9", LIMITS)
