"""`POST /v1/chat/completions`: a question as the service's calls ask it, and its answer as OpenAI's."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from cloud.api.http.openai.models import Models
from cloud.telemetry.metrics import STAGES
from protos import inference_pb2 as ip
from protos.http.openai.chat_request import ChatRequest, question_of
from protos.http.openai.completion import (
    EVENT_HEADERS,
    FINISH_REASONS,
    LAST_EVENT,
    CompletionHead,
    event,
    usage,
)
from protos.http.openai.data_urls import data_of
from protos.http.openai.reading import read_json
from protos.http.refusals import Refused, body_of, response_of


class ServiceOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`isthmus: {"labels": ["cat", "dog"]}`."""

    labels: Annotated[tuple[str, ...], Meta(max_length=100_000)] = ()  # that a dual encoder chooses among


class ServiceChatRequest(ChatRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OpenAI's parameters, and what this service can beside them."""

    isthmus: ServiceOptions = ServiceOptions()


class ChatExchange:
    """One question, from its body to the end of its reply: what fails before a stream begins is told by its
    status, what fails later by an event that holds the error.
    """

    def __init__(self, models: Models, send: Send) -> None:
        self._models, self._send = models, send
        self._head = CompletionHead("")
        self._streams = self._tells_usage = self._begun = False
        self._pieces: list[str] = []
        self._done = ip.Done()

    def message(self, body: bytes) -> ip.InferRequest:
        """The request that the body is. Raises Refused, PictureError."""
        chat = read_json(body, ServiceChatRequest)
        chat.check()
        bundle = self._models.find(chat.model).bundle
        asked = question_of(chat, compares=bundle.manifest.HasField("matching"))
        self._head, self._streams = CompletionHead(chat.model), bool(chat.stream)
        self._tells_usage = bool(chat.stream_options and chat.stream_options.include_usage)
        return ip.InferRequest(
            id=self._head.id,
            bundle=bundle.id,
            question=asked.text,
            picture=ip.Picture(data=data_of(asked.picture)),
            generation=chat.generation(),
            labels=chat.isthmus.labels,
        )

    async def write(self, reply: ip.InferReply) -> None:
        """Take an event of the answer, and pass it on where it is streamed."""
        if reply.HasField("done"):
            self._done = reply.done
        elif self._streams:
            await self._tell(reply.text)
        else:
            self._pieces.append(reply.text)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """The answer is complete."""
        tokens, told = usage(self._done.tokens), {"isthmus": _measured(self._done)}
        finish = FINISH_REASONS.get(self._done.reason, "stop")
        if not self._streams:
            whole = self._head.whole("".join(self._pieces), finish, usage=tokens, **told)
            await JSONResponse(whole)(scope, receive, self._send)
            return
        await self._begin()
        await self._event(self._head.chunk({}, finish, **told))
        if self._tells_usage:
            await self._event(self._head.usage_chunk(tokens))
        await self._body(LAST_EVENT, more=False)

    async def fail(self, error: Refused, scope: Scope, receive: Receive) -> None:
        """There is no answer, or no end of it."""
        if not self._begun:
            await response_of(error)(scope, receive, self._send)
            return
        await self._event(body_of(error))
        await self._body(b"", more=False)

    async def _tell(self, piece: str) -> None:
        await self._begin()
        await self._event(self._head.chunk({"content": piece}))

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": EVENT_HEADERS})
            await self._event(self._head.opening())

    async def _event(self, told: dict[str, Any]) -> None:
        await self._body(event(told), more=True)

    async def _body(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def _measured(done: ip.Done) -> dict[str, Any]:
    """What it took, in milliseconds, and how well each label fits."""
    scores = [
        {"label": one.label, "probability": one.probability, "similarity": one.similarity}
        for one in done.scores
    ]
    return {
        "stages": {name: round(getattr(done.stages, name), 3) for name in STAGES},
        "label_scores": scores,
    }
