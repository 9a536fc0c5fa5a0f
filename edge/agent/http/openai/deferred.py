"""`GET /v1/deferred/{id}`: a question that waits for a link, and its answer once there was one."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.agent.http.applications import DeferredQuestions
from edge.agent.http.openai.completion import AnswerHead
from edge.agent.outbox.answers import standing_answer
from edge.agent.outbox.entries import DROPPED, DeferredState, Outcome
from edge.agent.settings.quantities import Milliseconds
from protos import inference_pb2 as pb
from protos.errors import RequestError
from protos.http.refusals import INVALID, NOT_FOUND, UNSUPPORTED, Refusal, Refused

_DROPPED = Refusal(410, INVALID, "deferred_dropped")
_LOOK_SECONDS = 5  # until it is worth asking again


class DeferredEndpoint:
    """Tells how far a question is that was deferred."""

    def __init__(self, deferring: DeferredQuestions | None) -> None:
        self._deferring = deferring

    def check(self, defer: Milliseconds | None, *, stream: bool) -> None:
        """Raises Refused for what cannot be deferred so."""
        if defer is None:
            return
        param = "isthmus.defer"
        if self._deferring is None:
            words = (
                "nothing is deferred here: the operator has given no [outbox] and [cloud]; leave defer out"
            )
            raise Refused(UNSUPPORTED, words, param)
        if not 0 < defer <= (longest := self._deferring.max_defer):
            words = f"{defer.seconds:g}s is not kept so long; give up to outbox.age, {longest.seconds:g}s"
            raise Refused(UNSUPPORTED, words, param)
        if stream:
            raise Refused(UNSUPPORTED, "a stream cannot be deferred; leave stream or defer out", param)

    async def show(self, request: Request) -> Response:
        """The answer. Raises Refused where there is none any more, or never will be; OutboxError."""
        identity = request.path_params["id"]
        if self._deferring is None:
            raise Refused(NOT_FOUND, "nothing is deferred here: there is no [outbox], or no [cloud]")
        try:
            state = await self._deferring.answer(identity)
        except RequestError as error:
            raise Refused(NOT_FOUND, str(error), "id") from error
        if state.state == DROPPED:
            raise Refused(_DROPPED, f"this question has no answer: {state.reason}", "id")
        return JSONResponse(_completion(state.outcome)) if state.outcome else waiting(state)


def waiting(state: DeferredState) -> Response:
    """The reply while there is no answer: 202, and where to ask for it."""
    told: dict[str, Any] = {
        "id": state.id,
        "object": "chat.completion.deferred",
        "status": state.state,
        "due": int(state.due),
        "choices": [],
    }
    where = {"location": f"/v1/deferred/{state.id}", "retry-after": str(_LOOK_SECONDS)}
    return JSONResponse(told, 202, where)


def _completion(outcome: Outcome) -> dict[str, Any]:
    """As if it had been answered at once."""
    answer, tokens = standing_answer(outcome).answer, outcome.end.tokens
    limit = tokens if outcome.end.reason == pb.Done.LENGTH else tokens + 1
    kind = answer.route.partition("@")[0]
    head = AnswerHead(f"isthmus/{kind}", outcome.id, int(outcome.note.kept), max_tokens=limit)
    return head.answered(answer)
