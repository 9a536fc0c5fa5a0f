"""Requests and notes for tests of the outbox."""

from pathlib import Path

from edge.agent.observing.deferral import Subject
from edge.agent.outbox.entries import Entry, Note, Outcome
from edge.agent.outbox.limits import Limits
from edge.agent.outbox.outbox import Outbox
from protos import inference_pb2 as pb
from protos.arms.rules import Rules

NOW = 1_800_000_000.0
LIMITS = Limits(size=4 << 20, writes_per_day=1 << 30)
CAMERA = Subject("camera", 7, NOW, "colour")


class Wall:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def note(due: float = 3600, subject: Subject = CAMERA, rules: Rules = Rules()) -> Note:  # noqa: B008
    """Due so many seconds from NOW."""
    arm = {"cut": "connector", "coding": "int8-zstd", "mean_bytes": 500.0}
    return Note(subject, rules, NOW, NOW + due, "split", arm)


def request(size: int = 500, bundle: bytes = b"\xaa" * 8) -> pb.InferRequest:
    features = pb.Features(cut="connector", payloads=[pb.Payload(name="hidden", data=bytes(size))])
    secret = bytes(range(16))
    return pb.InferRequest(bundle=bundle, question="what colour?", features=features, client_secret=secret)


def answered(entry: Entry, text: str = "red") -> Outcome:
    done = pb.Done(tokens=1).SerializeToString()
    return Outcome(entry.key, entry.note, text, done, request_bytes=len(entry.request))


def outbox(folder: Path, limits: Limits = LIMITS, wall: Wall | None = None) -> Outbox:
    return Outbox(folder / "outbox.db", limits, 3600, wall or Wall())
