"""What is told of one request: never what it asks, nor what is answered."""

from cloud.admission.cached_inputs import Request
from cloud.engine.job import Job
from cloud.telemetry.metrics import RequestLabels
from protos import inference_pb2 as ip
from protos.limits import MAX_ID_BYTES

_SHOWN_DIGITS = 12  # of a digest
UNCHANGED = "unchanged"  # the route of a frame that is as before


class RequestRecord:
    """A request while it is served."""

    def __init__(self, route: str, size: int, identity: str = "") -> None:
        """`identity`: by which the caller knows it."""
        self.labels = RequestLabels("", "", "", route)
        self.size, self.identity = size, identity
        self.job: Job | None = None

    @classmethod
    def of(cls, request: Request, size: int) -> "RequestRecord":
        """A request that was read, and not checked yet."""
        identity = ""
        if isinstance(request, ip.InferRequest):
            identity = request.id[:MAX_ID_BYTES] or request.idempotency_key[:MAX_ID_BYTES].hex()
        return cls(request.WhichOneof("input") or "", size, identity)

    def unchanged(self, opening: ip.WatchOpening) -> None:
        """It is a frame as the one before, of a stream that is known to be right."""
        bundle = opening.bundle.hex()[:_SHOWN_DIGITS]
        self.labels = RequestLabels(bundle, opening.cut, opening.codec, UNCHANGED)

    def admitted(self, job: Job) -> None:
        """It has become a job: what it names is known to be there."""
        self.job, image = job, job.image
        self.labels = self.labels._replace(
            bundle=job.tail.digest[:_SHOWN_DIGITS],
            cut=image.cut if image else "",
            codec=image.codec if image else "",
        )

    def attributes(self) -> dict[str, str | int]:
        """For its span."""
        told: dict[str, str | int] = {
            f"isthmus.{name}": value for name, value in self.labels._asdict().items() if value
        }
        if self.identity:
            told["isthmus.request_id"] = self.identity
        return told | {"isthmus.request_bytes": self.size}
