"""What a bundle's limits let in: checked on the device, so that nothing is sent in vain, and again in the cloud."""

from protos import bundle_pb2 as pb
from protos.errors import PictureError, PromptError

_MOST_ELONGATED = 50  # longer edge to shorter


def check_question(question: str, limits: pb.Limits) -> int:
    """The length of a question in bytes of UTF-8. Raises PromptError for one that no model can take."""
    if not question.strip():
        raise PromptError("the question is empty; ask something about the picture")
    try:
        size = len(question.encode())
    except UnicodeEncodeError as error:
        raise PromptError("the question is not whole text (a part of a character is missing); type it again") from error
    if size > limits.most_question_bytes:
        raise PromptError(
            f"the question has {size} bytes, at most {limits.most_question_bytes} are accepted; ask a shorter one", bytes=size
        )
    return size


def check_elongation(height: int, width: int, preprocessing: pb.Preprocessing) -> None:
    """Raises PictureError for a picture that a resize of its shortest edge would make so large that it does not fit into memory."""
    grows = any(step.shortest_edge for step in preprocessing.resizes)
    if grows and max(height, width) > _MOST_ELONGATED * min(height, width):
        message = f"the picture is {width} x {height}; this model takes pictures up to {_MOST_ELONGATED} times as long as wide: cut it"
        raise PictureError(message, width=width, height=height)
