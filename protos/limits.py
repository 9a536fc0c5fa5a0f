"""What a bundle's limits let in: checked on the device, so that nothing is sent in vain, and again in the
cloud.
"""

import math
from collections import Counter
from collections.abc import Sequence

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.errors import PictureError, PromptError, RequestError

MAX_ID_BYTES = 256
_MAX_ELONGATED = 50  # longer edge to shorter


def check_identity(identity: str) -> None:
    """Raises RequestError for a request's id that is too long to come back in every reply."""
    size = len(identity.encode())
    if size > MAX_ID_BYTES:
        raise RequestError(
            f"the request's id has {size} bytes, at most {MAX_ID_BYTES} are taken; give a shorter one",
            bytes=size,
        )


def check_question(question: str, limits: pb.Limits) -> int:
    """The length of a question in bytes of UTF-8. Raises PromptError for one that no model can take."""
    if not question.strip():
        raise PromptError("the question is empty; ask something about the picture")
    try:
        size = len(question.encode())
    except UnicodeEncodeError as error:
        raise PromptError(
            "the question is not whole text (a part of a character is missing); type it again"
        ) from error
    if size > limits.max_question_bytes:
        raise PromptError(
            f"the question has {size} bytes, at most {limits.max_question_bytes} are accepted; ask a "
            "shorter one",
            bytes=size,
        )
    return size


def check_generation(generation: ip.Generation) -> None:
    """Raises RequestError for numbers that mean nothing."""
    if not (math.isfinite(generation.temperature) and generation.temperature >= 0):
        raise RequestError(
            f"the temperature is {generation.temperature}; give 0 (greedy) or a positive number"
        )
    if not 0 <= generation.top_p <= 1:
        raise RequestError(f"top_p is {generation.top_p}; give a number from 0 (no restriction) to 1")


def check_elongation(height: int, width: int, preprocessing: pb.Preprocessing) -> None:
    """Raises PictureError for a picture that a resize of its shortest edge would make so large that it does
    not fit into memory.
    """
    grows = any(step.shortest_edge for step in preprocessing.resizes)
    if grows and max(height, width) > _MAX_ELONGATED * min(height, width):
        message = (
            f"the picture is {width} x {height}; this model takes pictures up to {_MAX_ELONGATED} "
            "times as long as wide: cut it"
        )
        raise PictureError(message, width=width, height=height)


def check_labels(labels: Sequence[str], manifest: pb.Manifest) -> None:
    """Raises PromptError for labels that a picture cannot be compared with; none at all means the bundle's
    own.
    """
    if not manifest.HasField("matching"):
        if labels:
            raise PromptError(
                f"{manifest.model} answers questions and does not choose among labels; ask it a question "
                "without them"
            )
        return
    if not labels and not manifest.matching.labels:
        message = (
            f"{manifest.model} chooses among labels and has none of its own; name some (--labels "
            "cat,dog), or split with --labels"
        )
        raise PromptError(message)
    check_texts(labels, manifest.matching)
    if len(set(labels)) < len(labels):
        twice, _ = Counter(labels).most_common(1)[0]
        raise PromptError(f"the label {twice!r} is given twice; name each label once", label=twice)


def check_no_question(question: str, manifest: pb.Manifest) -> None:
    """Raises PromptError for a question to a dual encoder: it would be dropped in silence."""
    if question.strip():
        raise PromptError(
            f"{manifest.model} chooses among labels and reads no question; leave the question out, and name "
            "what to choose from: --labels cat,dog"
        )


def check_texts(texts: Sequence[str], matching: pb.Matching) -> None:
    """Raises PromptError for texts, of a label each or as they are, that are too many, too long, or none."""
    if len(texts) > matching.max_texts:
        raise PromptError(
            f"{len(texts)} labels or texts came, at most {matching.max_texts} are taken; give fewer",
            count=len(texts),
        )
    for place, text in enumerate(texts, 1):
        if not text.strip():
            raise PromptError(f"label or text {place} of {len(texts)} is empty; leave it out", place=place)
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise PromptError(
                f"label or text {place} is not whole text (a part of a character is missing); type it again"
            ) from error
        if size > matching.max_text_bytes:
            message = (
                f"label or text {place} has {size} bytes, at most {matching.max_text_bytes} are "
                "accepted; make it shorter"
            )
            raise PromptError(message, place=place, bytes=size)
