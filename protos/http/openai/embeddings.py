"""`POST /v1/embeddings`: what it may hold, and the reply."""

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from protos.arrays import Floats
from protos.http.refusals import UNSUPPORTED, Refused

MAX_INPUTS = 256
Form = Literal["float", "base64"]


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input that begins with `data:image/` is a picture, as the picture's address."""

    model: str
    input: str | Annotated[list[str], Meta(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Form | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: Any = None

    @property
    def inputs(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


def embeddings_reply(asked: EmbeddingRequest, rows: Sequence[Floats]) -> dict[str, Any]:
    """The reply with a row (width) for each input. Raises Refused for dimensions that they have not."""
    width = len(rows[0])
    if asked.dimensions not in {None, width}:
        raise Refused(UNSUPPORTED, f"embeddings of this model have {width} dimensions", "dimensions")
    data = [
        {"object": "embedding", "index": index, "embedding": _written(row, asked.encoding_format)}
        for index, row in enumerate(rows)
    ]
    usage = {"prompt_tokens": 0, "total_tokens": 0}
    return {"object": "list", "data": data, "model": asked.model, "usage": usage}


def _written(row: Floats, form: Form | None) -> list[float] | str:
    """As numbers, or as their 32-bit floats in base64."""
    if form == "base64":
        return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")
    return [float(value) for value in row]
