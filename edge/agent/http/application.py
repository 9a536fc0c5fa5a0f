"""Everything that is served, at its address."""

import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.agent.http.applications import Applications, DeferredQuestions
from edge.agent.http.guard.bodies import Bodies
from edge.agent.http.guard.tokens import Token, TokenGuard
from edge.agent.http.health import Health
from edge.agent.http.live.feed import Feed
from edge.agent.http.live.pages import LOGIN, STREAM
from edge.agent.http.live.viewing import Viewers
from edge.agent.http.metrics import AnswerCounts, CountRequests, LinksNow, Metrics
from edge.agent.http.openai.chat import Chat
from edge.agent.http.openai.deferred import DeferredEndpoint
from edge.agent.http.openai.embeddings import Embedding, Embeddings
from edge.agent.http.openai.models import ModelsEndpoint
from edge.agent.http.pictures.opening import Pictures
from edge.agent.http.pushes import NoPushes, PushedPictures, Pushes
from edge.agent.http.settings import HttpSettings
from edge.agent.observing.asking import Asking
from edge.agent.observing.standing_answer import Observer, StandingAnswer
from edge.agent.status.update_status import UpdateStatus
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.weights import Weights
from protos.http.handlers import handlers
from protos.http.hosts import HostGuard
from protos.http.refusals import BUG, Refused, response_of
from protos.pages.live import SCRIPT

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """What the HTTP part needs of the agent. `embedding` is None for a bundle that answers questions."""

    bundle: Bundle
    asking: Asking
    rules: Rules
    weights: Weights
    links: LinksNow
    remote: bool  # there is a cloud
    embedding: Embedding | None = None
    pushed: PushedPictures = field(default_factory=NoPushes)
    update: UpdateStatus = field(default_factory=UpdateStatus)
    counts: AnswerCounts = field(default_factory=AnswerCounts)
    collectors: Sequence[Collector] = ()  # other parts' figures
    observers: Sequence[Observer] = ()  # of what applications are answered, beside the HTTP part's own


class HttpPart:
    """The application, and the observers by which it knows what the agent answers."""

    def __init__(self, settings: HttpSettings, served: Served) -> None:
        """Raises RequestError for a token's file that holds none."""
        self._settings, self._served = settings, served
        self._token = Token(settings.token_file)
        self._token.check()
        self.feed = Feed(served.links, settings.frames)
        self.metrics = Metrics(served.links, served.collectors, served.counts)
        self.observers: list[Observer] = [self.feed.observe, served.counts.observe]  # of every answer

    def application(self, deferring: DeferredQuestions | None = None) -> Starlette:
        """As ASGI. `deferring`: keeps questions that cannot be answered now; None where nothing is kept."""
        middleware = [
            Middleware(CountRequests, counts=self._served.counts),
            Middleware(HostGuard, names=self._settings.hosts, remedy=", or list the name in http.hosts"),
            Middleware(TokenGuard, token=self._token),
        ]
        return Starlette(
            routes=self._routes(deferring),
            middleware=middleware,
            exception_handlers=handlers("nothing that this device serves", _bug),
        )

    def leave(self) -> None:
        """The application gets no more requests: live pages are to ask for the next one."""
        self.feed.close()

    def _routes(self, deferring: DeferredQuestions | None) -> list[Route]:
        settings, served = self._settings, self._served
        bodies = Bodies(settings.max_body, settings.body_time.seconds)
        pictures, models = Pictures(settings), ModelsEndpoint(served.bundle, remote=served.remote)

        async def answered(_: StandingAnswer) -> None:
            served.update.answered()

        observers = [*self.observers, answered, *served.observers]
        applications = Applications(
            served.asking, served.rules, served.weights, observers, settings.max_waiting, deferring
        )
        deferred = DeferredEndpoint(deferring)
        chat = Chat(applications, models, pictures, bodies, settings.stream, served.bundle.manifest, deferred)
        embeddings = Embeddings(served.embedding, models, pictures, bodies)
        pushes = Pushes(served.pushed, pictures, bodies)
        name = f"{served.bundle.manifest.model} on {socket.gethostname()}"
        viewing = Viewers(self.feed, self._token, bodies, name, settings.frames)
        health = Health(served.links, self._token, served.bundle, served.update)

        async def list_models(_: Request) -> Response:
            return JSONResponse(models.listed())

        async def one_model(request: Request) -> Response:
            return JSONResponse(models.one(request.path_params["model"]))

        return [
            Route("/v1/chat/completions", chat.complete, methods=["POST"]),
            Route("/v1/deferred/{id}", deferred.show),
            Route("/v1/models", list_models),
            Route("/v1/models/{model:path}", one_model),
            Route("/v1/embeddings", embeddings.embed, methods=["POST"]),
            Route("/v1/push/{source}", pushes.push, methods=["POST"]),
            Route("/metrics", self.metrics.show),
            Route("/healthz", health.alive),
            Route("/readyz", health.ready),
            Route("/", viewing.page),
            Route(STREAM, viewing.stream),
            Route(SCRIPT, viewing.script),
            Route("/favicon.ico", viewing.icon),
            Route("/frames/{number:int}.jpg", viewing.frame),
            Route("/answers/{number:int}", viewing.answer),
            Route(LOGIN, viewing.ask_token),
            Route(LOGIN, viewing.take_token, methods=["POST"]),
        ]


async def _bug(_: Request, error: Exception) -> Response:
    _log.error("HTTP: a bug", exc_info=error)
    return response_of(Refused(BUG, "the agent failed at this; its log says where"))
