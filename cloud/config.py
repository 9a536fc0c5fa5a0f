"""The options of the service, checked once, here."""

from dataclasses import dataclass
from pathlib import Path

from protos.connection.address import is_loopback, split_address
from protos.errors import RequestError

DTYPES = ("auto", "float16", "bfloat16", "float32")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class ServeConfig:
    """Raises RequestError for a value out of bounds, naming the option, the value and the bounds."""

    bundles: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 7070  # 0: any free one
    device: str = "auto"
    dtype: str = "auto"
    max_batch: int = 16  # answers side by side; up to twice as many where callers come who hold few
    max_waiting: int = 64  # requests waiting for a place in a batch
    max_in_flight: int = 32  # requests of one Converse stream at once
    max_connections: int = 4096  # fewer where the process has no descriptors for as many
    max_arriving_bytes: int = 512 << 20  # requests until they are decoded; four of the largest always fit
    max_frame_bytes: int = 64 << 20  # image tokens kept for further questions
    max_sent_bytes: int = 16 << 20  # codes kept for frames that are coded against them
    keep: float = 300.0  # seconds that both are kept; 0: not at all
    max_answer_bytes: int = 8 << 20  # answers kept for requests that are tried again by their key
    keep_answers: float = 3600.0  # seconds that these are kept; 0: not at all
    threads: int = 0  # 0: torch's own choice
    drain: float = 10.0  # seconds that running answers get after SIGTERM

    def __post_init__(self) -> None:
        if not self.bundles:
            raise RequestError("no bundle to serve; name at least one folder that `isthmus split` made")
        _among("--device", self.device, DEVICES)
        _among("--dtype", self.dtype, DTYPES)
        _within("--listen port", self.port, 0, 65535)
        _within("--max-batch", self.max_batch, 1, 1024)
        _within("--max-waiting", self.max_waiting, 1, 100_000)
        _within("max in flight", self.max_in_flight, 1, 10_000)
        _within("max connections", self.max_connections, 1, 1_000_000)
        _within("max arriving bytes", self.max_arriving_bytes, 0, 1 << 40)
        _within("max frame bytes", self.max_frame_bytes, 0, 1 << 40)
        _within("max sent bytes", self.max_sent_bytes, 0, 1 << 40)
        _within("--keep", self.keep, 0, 86_400)
        _within("max answer bytes", self.max_answer_bytes, 0, 1 << 40)
        _within("--keep-answers", self.keep_answers, 0, 86_400)
        _within("--threads", self.threads, 0, 1024)
        _within("--drain", self.drain, 0, 3600)

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


def listen_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPv6]:PORT` as host and port. Raises RequestError."""
    return split_address(text, "--listen")


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
