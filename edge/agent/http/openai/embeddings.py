"""`POST /v1/embeddings`: texts and pictures in the space that a dual encoder has for both."""

from typing import Protocol

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.agent.http.guard.bodies import Bodies
from edge.agent.http.openai.models import ModelsEndpoint
from edge.agent.http.pictures.opening import Pictures
from edge.pictures.resampling import Picture
from protos.arrays import Floats
from protos.http.openai.data_urls import DATA
from protos.http.openai.embeddings import EmbeddingRequest, embeddings_reply
from protos.http.openai.reading import read_json
from protos.http.refusals import UNSUPPORTED, Refused


class Embedding(Protocol):
    """The seam: what embeds, in a thread."""

    def text(self, text: str) -> Floats:
        """(width), of length 1. Raises IsthmusError."""

    def picture(self, picture: Picture) -> Floats:
        """(width), of length 1. Raises IsthmusError."""


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
        return JSONResponse(embeddings_reply(asked, rows))

    async def _one(self, one: str, embedding: Embedding) -> Floats:
        if not one.startswith(DATA):
            return await anyio.to_thread.run_sync(embedding.text, one, limiter=self._limiter)
        picture = await self._pictures.open(one)
        return await anyio.to_thread.run_sync(embedding.picture, picture, limiter=self._limiter)
