"""The options of the service, checked once, here."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from protos.connection.address import is_loopback, split_address
from protos.errors import RequestError

DTYPES = ("auto", "float16", "bfloat16", "float32")
DEVICES = ("auto", "cpu", "cuda")
ENGINES = PROCESS, THREAD = "process", "thread"
LOG_FORMS = TEXT, JSON = "text", "json"


@dataclass(frozen=True)
class AccessConfig:
    """The service's certificate, and who may call. Raises RequestError for options that do not go
    together.
    """

    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None  # who signs the certificates that devices must show
    jwks: str | None = None  # a file, or a URL
    audience: str | None = None
    issuer: str | None = None
    tokens: Path | None = None
    behind_proxy: bool = False

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise RequestError("a certificate goes with its key; give both --tls-cert and --tls-key")
        if self.client_ca and not self.tls:
            raise RequestError(
                "--client-ca is of TLS; give --tls-cert and --tls-key too, or let the proxy ask for "
                "certificates"
            )
        if not (bool(self.jwks) == bool(self.audience) == bool(self.issuer)):
            raise RequestError(
                "--jwks goes with --audience and --issuer: a token for another service, or of another "
                "issuer, is none here; give all three"
            )
        if self.jwks and "://" in self.jwks:
            _check_url(self.jwks)

    @property
    def tls(self) -> bool:
        return self.tls_cert is not None

    @property
    def identified(self) -> bool:
        """Whether a caller must say who it is."""
        return bool(self.client_ca or self.jwks or self.tokens)


@dataclass(frozen=True)
class RateLimits:
    """A second; None: as much as comes."""

    tenant_requests: float | None = None
    device_requests: float | None = None
    tenant_bytes: float | None = None
    device_bytes: float | None = None


@dataclass(frozen=True)
class ServeConfig:
    """Raises RequestError for a value out of bounds, naming the option, the value and the bounds."""

    bundles: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 7070  # 0: any free one
    device: str = "auto"
    dtype: str = "auto"
    engine: str = THREAD  # where models run: in a process of their own, or in a thread of the service
    compile: bool = False  # the decoder's step by torch.compile, where that is faster
    max_batch: int = 16  # answers side by side; up to twice as many where callers come who hold few
    max_waiting: int = 64  # requests waiting for a place in a batch
    max_wait: float = 0.005  # seconds that a request waits for company
    text_interval: float = 0.05  # seconds from one piece of an answer's text to the next; 0: with every token
    max_in_flight: int = 32  # requests of one Converse stream at once
    max_connections: int = 4096  # fewer where the process has no descriptors for as many
    max_arriving_bytes: int = 512 << 20  # requests until they are decoded; four of the largest always fit
    max_streams: int = 512  # of cameras (Watch), beside all other calls
    max_stream_bytes: int = 2 << 30  # their requests until they are decoded, as max_arriving_bytes
    max_frame_bytes: int = 64 << 20  # image tokens kept for further questions
    max_prefix_bytes: int = 256 << 20  # keys and values of pictures kept for further questions
    max_sent_bytes: int = 16 << 20  # codes kept for frames that are coded against them
    keep: float = 300.0  # seconds that these are kept; 0: not at all
    max_result_bytes: int = 8 << 20  # answers kept for whoever asks the same again
    keep_results: float = 300.0  # seconds that these are kept, at most those of `keep`; 0: not at all
    redis: str | None = None  # where these are kept, instead of in this process
    max_answer_bytes: int = 8 << 20  # answers kept for requests that are tried again by their key
    keep_answers: float = 3600.0  # seconds that these are kept; 0: not at all
    threads: int = 0  # 0: torch's own choice
    drain: float = 10.0  # seconds that running answers get after SIGTERM
    bundle_folder: Path | None = None  # whose bundles may be loaded while the service runs
    max_request: int = 0  # bytes of the longest request; 0: what the first bundles need
    memory_limit: int = 0  # bytes of all loaded models' weights; 0: what the machine has
    step_limit: float | None = None  # seconds after which a step of the model hangs; None: by its device
    http: tuple[str, int] | None = None  # host and port for operators and OpenAI's clients; None: neither
    traces: str | None = None  # the URL of a collector of traces
    filters: tuple[tuple[str, Path], ...] = ()  # content filters by their names, and the file of each
    access: AccessConfig = AccessConfig()
    rates: RateLimits = RateLimits()

    def __post_init__(self) -> None:
        if not self.bundles:
            raise RequestError("no bundle to serve; name at least one folder that `isthmus split` made")
        _among("--device", self.device, DEVICES)
        _among("--dtype", self.dtype, DTYPES)
        _among("--engine", self.engine, ENGINES)
        _within("--listen port", self.port, 0, 65535)
        _within("--max-batch", self.max_batch, 1, 1024)
        _within("--max-waiting", self.max_waiting, 1, 100_000)
        _within("--max-wait", self.max_wait, 0, 60)
        _within("--text-interval", self.text_interval, 0, 60)
        _within("max in flight", self.max_in_flight, 1, 10_000)
        _within("max connections", self.max_connections, 1, 1_000_000)
        _within("max arriving bytes", self.max_arriving_bytes, 0, 1 << 40)
        _within("max streams", self.max_streams, 1, 1_000_000)
        _within("max stream bytes", self.max_stream_bytes, 0, 1 << 40)
        _within("max frame bytes", self.max_frame_bytes, 0, 1 << 40)
        _within("max prefix bytes", self.max_prefix_bytes, 0, 1 << 40)
        _within("max sent bytes", self.max_sent_bytes, 0, 1 << 40)
        _within("--keep", self.keep, 0, 86_400)
        _within("max result bytes", self.max_result_bytes, 0, 1 << 40)
        _within("--keep-results", self.keep_results, 0, 86_400)
        if self.redis is not None:
            _check_redis(self.redis)
        _within("max answer bytes", self.max_answer_bytes, 0, 1 << 40)
        _within("--keep-answers", self.keep_answers, 0, 86_400)
        _within("--threads", self.threads, 0, 1024)
        _within("--drain", self.drain, 0, 3600)
        _within("--max-request", self.max_request, 0, 1 << 30)
        if self.bundle_folder and not self.bundle_folder.is_dir():
            raise RequestError(f"--bundles {self.bundle_folder} is no folder; name one that holds bundles")
        if self.step_limit is not None:
            _within("--step-limit", self.step_limit, 1, 86_400)
        if self.traces:
            _check_http("--traces", self.traces)
        self._check_reachable("--listen", self.host, self.port)
        if self.http:
            self._check_reachable("--http", *self.http)

    @property
    def result_seconds(self) -> float:
        """How long answers are kept for whoever asks the same again: no longer than their frames."""
        return min(self.keep, self.keep_results)

    @property
    def max_calls(self) -> int:
        """Calls that are open at once; well above the queue's bound, so that it is the queue that refuses,
        with a reason.
        """
        return 2 * (self.max_waiting + self.max_batch) + 64

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def knows_admins(self) -> bool:
        """Whether who changes the service is known, or at least on this machine."""
        return self.access.identified or (self.loopback and not self.access.behind_proxy)

    def _check_reachable(self, option: str, host: str, port: int) -> None:
        """Raises RequestError where others would be let in without TLS, or whoever they are."""
        if is_loopback(host) or self.access.behind_proxy or (self.access.tls and self.access.identified):
            return
        missing = [] if self.access.tls else ["TLS (--tls-cert and --tls-key)"]
        if not self.access.identified:
            missing.append("a way to know callers (--tokens, --jwks or --client-ca)")
        raise RequestError(
            f"{option} {host}:{port} is reached from other machines; give {' and '.join(missing)}, "
            "or listen on 127.0.0.1, or say --behind-proxy where only a proxy reaches it, which has both",
            listen=host,
        )


def listen_address(text: str, option: str = "--listen") -> tuple[str, int]:
    """`HOST:PORT` or `[IPv6]:PORT` as host and port. Raises RequestError."""
    return split_address(text, option)


def _check_url(url: str) -> None:
    """Raises RequestError for one that anybody on the way could answer."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise RequestError(f"--jwks is fetched from {parts.hostname} without TLS; write https://, or a file")


def _check_redis(url: str) -> None:
    """Raises RequestError for one whose answers anybody on the way could read."""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise RequestError("--redis is no URL of Redis; write redis://localhost:6379/0, rediss:// or unix://")
    if parts.scheme == "redis" and not is_loopback(parts.hostname or "localhost"):
        raise RequestError(
            f"--redis is at {parts.hostname} without TLS, and answers are personal data; write rediss://"
        )


def _check_http(option: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RequestError(f"{option} is {url!r}; give a URL, such as http://127.0.0.1:4318")


def _among(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise RequestError(
            f"{option} is {value!r}; choose one of: {', '.join(known)}", option=option, value=value
        )


def _within(option: str, value: float, minimum: float, maximum: float) -> None:
    if not minimum <= value <= maximum:
        raise RequestError(
            f"{option} is {value}; give a number from {minimum} to {maximum}", option=option, value=value
        )
