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
CLIENT_SECRET_BYTES = 16  # that a device makes, and the least that the cloud takes
IDEMPOTENCY_KEY_BYTES = 16
LEAST_KEY_BYTES = 6  # of such a key: enough for what one client asks while the cloud remembers it
_MAX_ELONGATED = 50  # longer edge to shorter
_MAX_EDGE = 1 << 14  # of a picture that is sent; as WebP has it
_MAX_SHRINKING = 64  # pixels of a picture that is sent to those that the model takes
_MIN_ACCEPTED = 1 << 24  # pixels that are accepted whatever the model takes: a telephone's photograph


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


def max_sent_pixels(manifest: pb.Manifest) -> int:
    """How many pixels a picture that is sent may have: 64 times what the model takes, or 16 million where
    that is more; never more than the bundle's own limit.
    """
    steps, tiles = manifest.preprocessing.resizes, manifest.preprocessing.tiles
    taken = [step.height * step.width for step in steps]
    taken += [max(step.longest_edge, step.shortest_edge) ** 2 for step in steps]
    accepted = max(_MIN_ACCEPTED, _MAX_SHRINKING * max([tiles.side**2 * tiles.max, *taken]))
    return min(accepted, manifest.limits.max_picture_pixels)


def check_sent_size(height: int, width: int, manifest: pb.Manifest) -> None:
    """Raises PictureError for a picture that is sent with more pixels than it may have, or none, or that is
    so long that a resize of it takes more than its pixels tell.
    """
    facts = {"width": width, "height": height}
    claim = f"the picture is {width} x {height}"
    if not width or not height:
        raise PictureError(f"{claim}; save it again", **facts)
    if width * height > (accepted := max_sent_pixels(manifest)):
        raise PictureError(f"{claim}, at most {accepted} pixels are accepted: scale it down", **facts)
    if max(height, width) > _MAX_EDGE:
        raise PictureError(f"{claim}, an edge may have {_MAX_EDGE} pixels at most: scale it down", **facts)
    check_elongation(height, width, manifest.preprocessing)


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
