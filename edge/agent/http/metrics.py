"""`/metrics`: what was answered, how, and at what price, as Prometheus reads it."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import anyio.to_thread
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.agent.observing.standing_answer import StandingAnswer
from protos.costs.estimates import LinkEstimate

LinksNow = Callable[[], Mapping[str, LinkEstimate]]  # by the name of the cloud; empty of one alone
SENT = 10_000  # bytes of the exchange that the link's estimate is told of
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class AnswerCounts:
    """What was answered since the process began, whatever settings and bundle it had. An observer."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._answers = Counter("isthmus_answers", "Answers", ["source", "route"], registry=registry)
        self._reused = Counter(
            "isthmus_reused", "Answers reused for a frame alike", ["source"], registry=registry
        )
        self._late = Counter("isthmus_late", "Answers after their deadline", ["source"], registry=registry)
        self._instead = Counter(
            "isthmus_fallback", "Answers by another way than decided", ["source"], registry=registry
        )
        self._bytes = Counter(
            "isthmus_sent_bytes", "Requests sent to the cloud", ["source"], registry=registry
        )
        self._joules = Counter(
            "isthmus_joules", "Energy of the device for answers", ["source"], registry=registry
        )
        self._stages = Histogram(
            "isthmus_stage_seconds",
            "Time of answers by stage",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._requests = Counter(
            "isthmus_http_requests", "Requests over HTTP", ["path", "status"], registry=registry
        )

    async def observe(self, seen: StandingAnswer) -> None:
        """Count an answer."""
        source, answer = seen.frame.source, seen.answer
        self._reused.labels(source).inc(seen.reused is not None)
        if not seen.asked:
            return
        self._answers.labels(source, answer.route).inc()
        self._late.labels(source).inc(answer.late)
        self._instead.labels(source).inc(answer.fallback is not None)
        self._bytes.labels(source).inc(answer.bytes_up)
        self._joules.labels(source).inc(max(answer.joules, 0.0))
        for stage, milliseconds in answer.stages.items():
            self._stages.labels(stage).observe(milliseconds / 1000)

    def requested(self, path: str, status: int) -> None:
        """Count a request over HTTP; `path` is one of the server's own."""
        self._requests.labels(path, str(status)).inc()


class Metrics:
    """Counts, and the figures of other parts, `collectors`, with a registry of their own."""

    def __init__(self, links: LinksNow, collectors: Iterable[Collector], counts: AnswerCounts) -> None:
        self._counts, self._registry = counts, CollectorRegistry()
        for collector in (_LinkCollector(links), *collectors):
            self._registry.register(collector)

    def add(self, collector: Collector) -> None:
        """Another part's own figures, from now on."""
        self._registry.register(collector)

    async def show(self, _: Request) -> Response:
        """The reply to a scrape, made in a thread: a part may look at the disk for its figures."""
        registries = (self._counts.registry, self._registry)
        text = b"".join([await anyio.to_thread.run_sync(generate_latest, one) for one in registries])
        return Response(text, media_type=CONTENT_TYPE_LATEST)


class CountRequests:
    """Counts every request by its route and status."""

    def __init__(self, app: ASGIApp, counts: AnswerCounts) -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                self._counts.requested(getattr(route, "path", "other"), message["status"])
            await send(message)

        await self._app(scope, receive, count)


class _LinkCollector(Collector):
    """The links as the device believes them to be when it is asked; of several, each by its cloud."""

    def __init__(self, links: LinksNow) -> None:
        self._links = links

    def collect(self) -> Iterator[Metric]:
        links = self._links()
        if not links:
            return
        named = ["cloud"] if len(links) > 1 else []
        up = GaugeMetricFamily("isthmus_link_up", "0 while no call is let through", labels=named)
        words = f"An exchange of {SENT} bytes takes at most this, by its probability"
        exchange = GaugeMetricFamily("isthmus_link_exchange_seconds", words, labels=[*named, "quantile"])
        for name, link in links.items():
            cloud = [name] if named else []
            up.add_metric(cloud, link.up)
            for quantile in (0.1, 0.5, 0.9):
                seconds = link.states.quantile_ms(SENT, quantile) / 1000
                exchange.add_metric([*cloud, str(quantile)], seconds)
        yield from (up, exchange)
