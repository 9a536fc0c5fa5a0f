"""How large a request for a bundle can be."""

from protos.bundle import Bundle
from protos.pictures.tiles import max_tiles

_TEXT_OVERHEAD = 8  # bytes of a text's tag and length
_NAMES = 64 << 10  # bytes for all the short fields
_PAYLOAD_FIELDS = 3  # itself, its name and its data
_SHORT_FIELDS = 64  # all others, with room for a mistake that has a better message of its own


def max_request_bytes(bundle: Bundle) -> int:
    """The longest request that can be right: a picture or the widest cut's payloads, a question, labels, and
    short fields.
    """
    manifest = bundle.manifest
    limits, matching, tiles = manifest.limits, manifest.matching, max_tiles(manifest.preprocessing)
    payloads = [sum(t.max_bytes for t in codec.tensors) for cut in manifest.cuts for codec in cut.codecs]
    largest = max([limits.max_picture_bytes, *(tiles * size for size in payloads)])
    texts = matching.max_texts * (matching.max_text_bytes + _TEXT_OVERHEAD)
    return largest + limits.max_question_bytes + texts + _NAMES


def max_request_fields(bundle: Bundle) -> int:
    """How many fields, those of its messages counted, a request can have that is right."""
    manifest = bundle.manifest
    payloads = max((len(codec.tensors) for cut in manifest.cuts for codec in cut.codecs), default=0)
    return _PAYLOAD_FIELDS * payloads + manifest.matching.max_texts + _SHORT_FIELDS
