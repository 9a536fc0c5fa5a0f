"""`POST /v1/embeddings`: texts and pictures in the space that a dual encoder has for both."""

import base64
from typing import Annotated, Any, Literal, Protocol

import anyio
import anyio.to_thread
import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.agent.http.guard.bodies import Bodies
from edge.agent.http.openai.models import ModelsEndpoint
from edge.agent.http.openai.reading import read_json
from edge.agent.http.pictures.opening import Pictures
from edge.agent.http.refusals import UNSUPPORTED, Refused
from edge.pictures.resampling import Picture
from protos.arrays import Floats

_PICTURE = "data:image/"
_MAX_INPUTS = 256


class Embedding(Protocol):
    """The seam: what embeds, in a thread."""

    def text(self, text: str) -> Floats:
        """(width), of length 1. Raises IsthmusError."""

    def picture(self, picture: Picture) -> Floats:
        """(width), of length 1. Raises IsthmusError."""


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input that begins with `data:image/` is a picture, as the picture's address."""

    model: str
    input: str | Annotated[list[str], Meta(min_length=1, max_length=_MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: Any = None

    @property
    def inputs(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class Embeddings:
    """Embeds one input after the other. `embedding` is None for a bundle that answers questions."""

    def __init__(
        self, embedding: Embedding | None, models: ModelsEndpoint, pictures: Pictures, bodies: Bodies
    ) -> None:
        self._embedding, self._models, self._pictures, self._bodies = embedding, models, pictures, bodies
        self._limiter = anyio.CapacityLimiter(1)

    async def embed(self, request: Request) -> Response:
        """The reply. Raises Refused, and what embedding raises."""
        async with self._bodies.read(request) as body:
            asked = read_json(body, EmbeddingRequest)
            self._models.route(asked.model)
            if self._embedding is None:
                words = "this model answers questions and embeds nothing; use a CLIP or SigLIP bundle"
                raise Refused(UNSUPPORTED, words, "model")
            rows = [await self._one(one, self._embedding) for one in asked.inputs]
        width = len(rows[0])
        if asked.dimensions not in {None, width}:
            raise Refused(UNSUPPORTED, f"embeddings of this model have {width} dimensions", "dimensions")
        data = [
            {"object": "embedding", "index": index, "embedding": _written(row, asked.encoding_format)}
            for index, row in enumerate(rows)
        ]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return JSONResponse({"object": "list", "data": data, "model": asked.model, "usage": usage})

    async def _one(self, one: str, embedding: Embedding) -> Floats:
        if not one.startswith(_PICTURE):
            return await anyio.to_thread.run_sync(embedding.text, one, limiter=self._limiter)
        picture = await self._pictures.open(one)
        return await anyio.to_thread.run_sync(embedding.picture, picture, limiter=self._limiter)


def _written(row: Floats, form: str | None) -> list[float] | str:
    """As numbers, or as their 32-bit floats in base64."""
    if form == "base64":
        return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")
    return [float(value) for value in row]
