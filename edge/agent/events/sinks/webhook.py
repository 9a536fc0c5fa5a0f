"""A webhook: every event is a POST of JSON, signed, until the other side takes it."""

import email.utils
import hashlib
import hmac
import logging
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge.agent.events.event import Event
from edge.agent.events.sinks.sink import (
    SinkFeed,
    SinkSettings,
    backoff_of_sink,
    told,
    wait_longer,
)
from edge.agent.settings.quantities import Milliseconds
from protos.connection.address import is_loopback
from protos.connection.secrets import read_secret
from protos.errors import CloudError, RequestError

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)
SIGNATURE, IDEMPOTENCY_KEY = "Isthmus-Signature", "Idempotency-Key"
# what the other side says of this event, not of itself: to send it again changes nothing
_REFUSED = frozenset({400, 413, 415, 422})


class _NotTakenError(CloudError):
    """To be sent again, after the seconds that the other side asks for."""

    def __init__(self, message: str, least_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.least_seconds = least_seconds


class WebhookSink(SinkSettings, frozen=True, tag="webhook", kw_only=True):
    """`kind = "webhook"`. A 2xx has taken an event; a 400, 413, 415 or 422 refuses it for good, which is
    logged; after anything else it is sent again, by the same idempotency key. The address may be a secret: of
    it only the host is logged.
    """

    url: str
    secret_file: Path | None = None  # of the HMAC-SHA256 of the body
    ca: Path | None = None
    timeout: Milliseconds = Milliseconds(10_000)
    allow_plain: bool = False  # http:// to another machine

    def check(self) -> None:
        import httpx

        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise RequestError(f"sink {self.name!r}: the url is none: {error}") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise RequestError(f"sink {self.name!r}: the url is none of the web; write https://HOST/PATH")
        if url.userinfo:
            raise RequestError(f"sink {self.name!r}: a url with a password in it; use secret-file")
        if url.scheme == "http" and not (self.allow_plain or is_loopback(url.host)):
            raise RequestError(
                f"sink {self.name!r}: events sent to {url.host} over http:// can be read on the way; write "
                "https://, or allow-plain = true where the network is your own"
            )
        self._trusted()

    def _trusted(self) -> ssl.SSLContext | bool:
        """Raises RequestError for a `ca` that is none."""
        try:
            return ssl.create_default_context(cafile=self.ca) if self.ca else True
        except OSError as error:
            raise RequestError(
                f"sink {self.name!r}: {self.ca} is no file of certificates ({error}); give PEM"
            ) from error

    async def run(self, feed: SinkFeed) -> None:
        import httpx

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the url
        async with httpx.AsyncClient(
            verify=self._trusted(), timeout=self.timeout.seconds, follow_redirects=False, trust_env=False
        ) as client:
            while True:
                waiting = await feed.next()
                await self._deliver(client, waiting.event)
                await feed.taken(waiting)

    async def _deliver(self, client: "httpx.AsyncClient", event: Event) -> None:
        """Until it is taken or refused."""
        backoff, said = backoff_of_sink(), False
        while True:
            least = 0.0
            try:
                await self._post(client, event)
            except RequestError as error:
                _log.warning("webhook %s refuses %s for good: %s", self.name, told(event), error)
                return
            except _NotTakenError as error:
                least = error.least_seconds
                if not said:
                    _log.warning("webhook %s: %s; %s is sent again", self.name, error, told(event))
                said = True
            else:
                return
            await wait_longer(backoff, least)

    async def _post(self, client: "httpx.AsyncClient", event: Event) -> None:
        """Once. Raises RequestError where this event is refused, _NotTakenError where it is to be sent
        again.
        """
        import httpx

        body = event.json()
        headers = {"Content-Type": "application/json", IDEMPOTENCY_KEY: event.key} | self._signed(body)
        host = urlsplit(self.url).hostname
        try:
            async with client.stream("POST", self.url, content=body, headers=headers) as reply:
                status, after = reply.status_code, reply.headers.get("Retry-After", "")
        except httpx.HTTPError as error:
            raise _NotTakenError(f"{host} does not answer ({type(error).__name__})") from error
        if status in _REFUSED:
            raise RequestError(f"{host} answers {status}")
        if not 200 <= status < 300:
            redirect = ", a redirect, which is not followed: give the url that it leads to"
            raise _NotTakenError(
                f"{host} answers {status}{redirect if 300 <= status < 400 else ''}", _seconds(after)
            )

    def _signed(self, body: bytes) -> dict[str, str]:
        """Raises _NotTakenError for a secret that cannot be read now: it may be there later."""
        if not self.secret_file:
            return {}
        try:
            secret = read_secret(self.secret_file)
        except RequestError as error:
            raise _NotTakenError(str(error)) from error
        return {SIGNATURE: f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


def _seconds(retry_after: str) -> float:
    """Until when Retry-After asks to wait; 0 where it asks nothing that is understood."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
