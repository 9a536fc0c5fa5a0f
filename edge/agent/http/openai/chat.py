"""`POST /v1/chat/completions`."""

from starlette.requests import Request
from starlette.types import ASGIApp

from edge.agent.http.applications import Applications, QuestionAsked
from edge.agent.http.guard.bodies import Bodies
from edge.agent.http.openai.completion import AnswerHead
from edge.agent.http.openai.deferred import DeferredEndpoint
from edge.agent.http.openai.models import ModelsEndpoint
from edge.agent.http.openai.options import IsthmusOptions
from edge.agent.http.openai.replies import StreamReply, WholeReply
from edge.agent.http.pictures.opening import Pictures
from edge.agent.http.settings import Streaming
from edge.agent.settings.quantities import read_quantity
from protos import bundle_pb2 as pb
from protos.http.openai.chat_request import ChatRequest, question_of
from protos.http.openai.reading import read_json


class DeviceChatRequest(ChatRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OpenAI's parameters, and what this device can beside them."""

    isthmus: IsthmusOptions = IsthmusOptions()


class Chat:
    """Reads what is asked and has it answered."""

    def __init__(
        self,
        applications: Applications,
        models: ModelsEndpoint,
        pictures: Pictures,
        bodies: Bodies,
        stream: Streaming,
        manifest: pb.Manifest,
        deferred: DeferredEndpoint,
    ) -> None:
        self._applications, self._models, self._pictures = applications, models, pictures
        self._bodies, self._stream, self._manifest = bodies, stream, manifest
        self._deferred = deferred

    async def complete(self, request: Request) -> ASGIApp:
        """The reply. Raises Refused, and what reading the picture raises."""
        chat, asked = await self._read(request)
        limit = self._manifest.limits.max_new_tokens
        head = AnswerHead(chat.model, max_tokens=min(asked.generation.max_tokens or limit, limit) or 2)
        if not chat.stream:
            return WholeReply(self._applications, asked, head)
        hold = (chat.isthmus.stream or self._stream) == "whole"
        usage = bool(chat.stream_options and chat.stream_options.include_usage)
        return StreamReply(self._applications, asked, head, hold=hold, usage=usage)

    async def _read(self, request: Request) -> tuple[DeviceChatRequest, QuestionAsked]:
        async with self._bodies.read(request) as body:
            chat = read_json(body, DeviceChatRequest, read_quantity)
            chat.check()
            self._deferred.check(chat.isthmus.defer, stream=bool(chat.stream))
            route = self._models.route(chat.model)
            question = question_of(chat, compares=self._manifest.HasField("matching"))
            picture = await self._pictures.open(question.picture)
        rules = chat.isthmus.rules(self._applications.rules, route)
        asked = QuestionAsked(
            picture, question.text, rules, chat.generation(), chat.isthmus.labels, chat.isthmus.defer
        )
        return chat, asked
