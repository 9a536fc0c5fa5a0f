"""Every way to send, measured: bytes, what is lost, and how sure that is. Finished rows are kept, so that a
long run may be stopped.
"""

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.codec.captions import Captions
from bench.codec.exam import Exam
from bench.codec.halves import Cloud, Device
from bench.codec.keep import Keep
from bench.codec.marks import Figure, Judge, figures
from bench.codec.matches import Matches
from bench.codec.questions import Questions
from bench.codec.ways import Way, every_way, request_size, size
from protos.bundle import Bundle
from splitter.storage.parts import Parts


@dataclass(frozen=True)
class Row:
    """One way to send. Bytes are means over the pictures; `sizes` are those of each picture, without a
    container.
    """

    name: str
    curve: str
    cut: str  # empty for an upload
    payload: float
    bare: float  # the payload without a container that could be left out
    request: float  # the whole message
    sizes: Sequence[int]
    figures: Mapping[str, Figure]


class Examination:
    """An exam of one bundle. `keep` has what was measured before; `advance` is told the name of each row."""

    def __init__(self, bundle: Bundle, exam: Exam, keep: Keep, advance: Callable[[str], None]) -> None:
        self._bundle, self._exam, self._keep, self._advance = bundle, exam, keep, advance
        self._cloud = Cloud(bundle)
        device = Device(bundle, exam.pictures)
        self.ways = list(every_way(bundle, lambda _: device, self._cloud))

    def rows(self) -> list[Row]:
        """The ways in order."""
        return [self._row(way) for way in self.ways]

    def whole(self) -> dict[str, float]:
        """Every measure of the whole model."""
        return {
            measure.name: measure.value(self._reference["marks"][measure.name])
            for measure in self._judge.measures
        }

    @cached_property
    def _judge(self) -> Judge:
        return judge(self._bundle, self._cloud, self._exam)

    @cached_property
    def _reference(self) -> dict[str, Any]:
        """What the whole model says, and its marks."""
        self._advance("the whole model")
        return _kept(self._keep.pictures, "whole", self._examine_whole)

    def _row(self, way: Way) -> Row:
        reference = self._reference
        self._advance(way.name)
        kept = _kept(
            self._keep.features if way.cut else self._keep.pictures, way.name, lambda: self._examine(way)
        )
        return Row(
            name=way.name,
            curve=way.curve,
            cut=way.cut,
            payload=statistics.mean(kept["payloads"]),
            bare=statistics.mean(kept["bare"]),
            request=statistics.mean(kept["requests"]),
            sizes=kept["bare"],
            figures=figures(self._judge.measures, kept["marks"], reference["marks"]),
        )

    def _examine_whole(self) -> dict[str, Any]:
        seen = self._cloud.see(self._exam.pictures)
        said = self._judge.answer(seen)
        return {"said": said, "marks": self._judge.marks(seen, said, said)}

    def _examine(self, way: Way) -> dict[str, Any]:
        sent = [way.encode(index) for index in range(len(self._exam.pictures))]
        seen = way.seen(sent)
        return {
            "payloads": [size(payloads) for payloads in sent],
            "bare": [way.bare(payloads) for payloads in sent],
            "requests": [
                request_size(self._bundle, way, index, payloads) for index, payloads in enumerate(sent)
            ],
            "marks": self._judge.marks(seen, self._judge.answer(seen), self._reference["said"]),
        }


def judge(bundle: Bundle, cloud: Cloud, exam: Exam) -> Judge:
    """Who marks an exam of this bundle."""
    if bundle.manifest.HasField("matching"):
        return Matches(cloud.matcher, exam)
    return Captions(cloud.whole, exam) if exam.captions else Questions(cloud.whole, exam)


def _kept(parts: Parts, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = parts.value(re.sub(r"[^\w.-]", "-", name), make)
    return found
