"""OpenAI's API in front of the service's own calls: who may ask, how much, and when, is as there."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from cloud.api.call import Call
from cloud.api.callers import Callers
from cloud.api.http.context import HttpContext
from cloud.api.http.openai.chat import ChatExchange
from cloud.api.http.openai.embeddings import EmbeddingExchange
from cloud.api.http.openai.models import Models
from cloud.api.servicer import Inference
from cloud.api.status import status_of
from cloud.identity.identity import Role
from cloud.models.served_models import ServedModels
from cloud.telemetry.telemetry import Telemetry
from protos.errors import IsthmusError
from protos.http.leaving import unless_gone
from protos.http.refusals import BUG, Refused, refused

_FIELDS = 1 << 16  # bytes of a body beside a picture in base64

T = TypeVar("T")


class OpenAiApi:
    """`/v1/chat/completions`, `/v1/embeddings` and `/v1/models`."""

    def __init__(
        self,
        models: ServedModels,
        callers: Callers,
        inference: Inference,
        telemetry: Telemetry,
        largest: int,
    ) -> None:
        """`largest`: bytes of a request of the service's own."""
        self._models, self._access = Models(models), callers.access
        self._calls, self._inference, self._telemetry = callers.calls, inference, telemetry
        self._max_bytes = 4 * largest // 3 + _FIELDS

    def routes(self) -> list[Route]:
        """For the application."""
        return [
            Route("/v1/chat/completions", _Chat(self), methods=["POST"]),
            Route("/v1/embeddings", self._embed, methods=["POST"]),
            Route("/v1/models", self._list),
            Route("/v1/models/{model:path}", self._show),
        ]

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a question, whole or as it comes."""

        async def counted(message: Message) -> None:
            self._telemetry.metrics.sent(len(message.get("body", b"")))
            await send(message)

        exchange = ChatExchange(self._models, counted)
        context = HttpContext(Request(scope, receive), self._max_bytes, exchange.message, exchange.write)

        async def answer() -> None:
            await self._within("chat", self._inference.infer, context)
            await exchange.end(scope, receive)

        try:
            await unless_gone(receive, answer, context.is_read)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
            await context.discard()
            await exchange.fail(_told(error), scope, receive)

    async def _embed(self, request: Request) -> Response:
        exchange = EmbeddingExchange(self._models)
        context = HttpContext(request, self._max_bytes, exchange.message)

        async def embed() -> Response:
            embedded = await self._within("embeddings", self._inference.embed, context)
            reply = JSONResponse(exchange.reply(embedded))
            self._telemetry.metrics.sent(len(reply.body))
            return reply

        try:
            reply = await unless_gone(request.receive, embed, context.is_read)
        except Exception as error:
            await context.discard()
            raise _told(error) from error
        return reply or Response(status_code=400)  # who asked has hung up: nobody reads this

    async def _list(self, request: Request) -> Response:
        async with self._access.granted(HttpContext(request), Role.DEVICE):
            return JSONResponse(self._models.listed())

    async def _show(self, request: Request) -> Response:
        async with self._access.granted(HttpContext(request), Role.DEVICE):
            return JSONResponse(self._models.one(request.path_params["model"]))

    async def _within(self, method: str, serve: Callable[[Call], Awaitable[T]], context: HttpContext) -> T:
        """Serve a call in all the bounds that those over gRPC have."""
        with self._telemetry.call(method, context.invocation_metadata()):
            return await self._calls.within(serve, context)


class _Chat:
    """As ASGI: a reply that may be streamed, and ends with its caller."""

    def __init__(self, api: OpenAiApi) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api.chat(scope, receive, send)


def _told(error: Exception) -> Refused:
    """What a caller is told; a bug reveals nothing of the service, and is logged."""
    if isinstance(error, IsthmusError):
        return refused(error)
    _, words = status_of(error)
    return Refused(BUG, words)
