"""Every way to send, by what it gives away: a picture is made again from what crossed the wire, and held
against the original.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from bench.codec.exam import Exam
from bench.codec.halves import Cloud, Device, check_one_tile
from bench.codec.marks import Answers
from bench.codec.rows import judge
from bench.codec.uploads import Upload
from bench.codec.ways import Features, Picture, Way, size
from bench.leakage.inverter import Inverter, invert, train
from bench.leakage.likeness import psnr, ssim
from protos import bundle_pb2
from protos import codec as wire
from protos.bundle import Bundle
from splitter.evaluate.subjects import Image
from splitter.storage.parts import Parts

UPLOADS = (Upload("jpeg", 75), Upload("jpeg", 25), Upload("webp", 50))
_MAX_SIDE = 128  # of a picture made again: what is finer is not worth an hour
_LATER = 3  # further levels of a cut start from the network of the first, and take a third of its steps
_SEED = 0


@dataclass(frozen=True)
class Row:
    """What one way to send gives away. PSNR in decibels and SSIM are means over the held-out pictures.

    `understood` is the whole model's first measure (see `measure`) on the pictures made again.
    """

    name: str
    bytes: float
    psnr: float
    ssim: float
    understood: float


@dataclass(frozen=True)
class Leakage:
    """All rows, and what the whole model makes of the pictures themselves."""

    measure: str
    original: float
    side: int
    train_pictures: int
    held_out: int
    steps: int
    rows: Sequence[Row]


class Attack:
    """Somebody who holds what crossed the wire and `known` pictures of the same kind, with what those were
    sent as.
    """

    def __init__(self, bundle: Bundle, known: Sequence[Image], exam: Exam, steps: int, parts: Parts) -> None:
        """Raises RequestError for a bundle that cuts pictures into tiles."""
        check_one_tile(bundle)
        self._bundle, self._exam, self._steps, self._parts = bundle, exam, steps, parts
        self._cloud = Cloud(bundle)
        self._known, self._unseen = Device(bundle, known), Device(bundle, exam.pictures)
        self._judge = judge(bundle, self._cloud, exam)
        self._side = min(_MAX_SIDE, *self._unseen.resized[0].shape[:2])
        self._targets = [_fit(image, self._side) for image in self._unseen.resized]

    @property
    def work(self) -> int:
        """How many steps of training there are in all."""
        return sum(
            self._steps_of(place)
            for cut in self._bundle.manifest.cuts
            for place, _ in enumerate(attacked(cut))
        )

    def run(self, advance: Callable[[str], None]) -> Leakage:
        """The codecs to attack of every cut, and some uploads; `advance` is called with a way's name after
        each step of training.
        """
        measure = self._judge.measures[0]
        reference = self._kept("original", lambda: {"said": self._said(self._unseen.resized)})["said"]
        original = measure.value(self._marks(self._unseen.resized, reference))
        rows = [self._row(way, made, reference) for way, made in self._ways(advance)]
        counts = {"train_pictures": len(self._known.resized), "held_out": len(self._targets)}
        return Leakage(measure.name, original, self._side, steps=self._steps, rows=rows, **counts)

    def _ways(self, advance: Callable[[str], None]) -> Iterator[tuple[Way, Callable[[], list[Image]]]]:
        """Each way with how to make the held-out pictures again from it."""
        for cut in self._bundle.manifest.cuts:
            first: list[Inverter] = []
            for place, spec in enumerate(attacked(cut)):
                way = Features(self._unseen, self._cloud, cut.name, spec)
                yield (
                    way,
                    lambda way=way, place=place, first=first: self._made_again(  # type: ignore[misc]
                        way, place, first, advance
                    ),
                )
        for upload in UPLOADS:
            sent = Picture(self._unseen, self._cloud, upload)
            yield (
                sent,
                lambda sent=sent: [  # type: ignore[misc]
                    sent.upload.decode(sent.encode(i)["picture"]) for i in range(len(self._targets))
                ],
            )

    def _made_again(
        self, way: Features, place: int, first: list[Inverter], advance: Callable[[str], None]
    ) -> list[Image]:
        known = self._boundary(
            Features(self._known, self._cloud, way.cut, way.spec), len(self._known.resized)
        )
        inverter = self._inverter(known, first)
        pictures = (
            torch.from_numpy(np.stack([_fit(image, self._side) for image in self._known.resized])).permute(
                0, 3, 1, 2
            )
            / 255
        )
        train(
            inverter,
            known,
            pictures,
            self._steps_of(place if len(first) > 1 else 0),
            lambda: advance(way.name),
        )
        return list(invert(inverter, self._boundary(way, len(self._targets))).numpy())

    def _inverter(self, known: Mapping[str, Tensor], first: list[Inverter]) -> Inverter:
        """A network of its own for each way, begun where the last one of this cut ended."""
        torch.manual_seed(_SEED)
        inverter = Inverter({name: tuple(tensor.shape[1:]) for name, tensor in known.items()}, self._side)
        if first:
            inverter.load_state_dict(first[-1].state_dict())
        first.append(inverter)
        return inverter

    def _boundary(self, way: Features, count: int) -> dict[str, Tensor]:
        """What the cloud decodes of each picture, together."""
        received = [way.decode(index, way.encode(index)) for index in range(count)]
        return {
            name: torch.from_numpy(np.concatenate([row[name] for row in received])) for name in received[0]
        }

    def _row(self, way: Way, make: Callable[[], list[Image]], reference: Answers) -> Row:
        return Row(**self._kept(way.name, lambda: asdict(self._measured(way, make(), reference))))

    def _measured(self, way: Way, made: list[Image], reference: Answers) -> Row:
        pairs = [(target, _fit(image, self._side)) for target, image in zip(self._targets, made, strict=True)]
        sizes = [size(way.encode(index)) for index in range(len(pairs))]
        noise, structure = (float(np.mean([compare(*pair) for pair in pairs])) for compare in (psnr, ssim))
        return Row(
            way.name,
            float(np.mean(sizes)),
            noise,
            structure,
            self._judge.measures[0].value(self._marks(made, reference)),
        )

    def _said(self, pictures: Sequence[Image]) -> Answers:
        return self._judge.answer(self._cloud.see(pictures))

    def _marks(self, pictures: Sequence[Image], reference: Answers) -> list[float]:
        seen = self._cloud.see(
            [_scaled(image, like) for image, like in zip(pictures, self._unseen.resized, strict=True)]
        )
        return self._judge.marks(seen, self._judge.answer(seen), reference)[self._judge.measures[0].name]

    def _steps_of(self, place: int) -> int:
        return self._steps if place == 0 else max(1, self._steps // _LATER)

    def _kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = self._parts.value(re.sub(r"[^\w.-]", "-", name), make)
        return found


def attacked(cut: bundle_pb2.Cut) -> list[bundle_pb2.Codec]:
    """Of each kind of codec the finest level and the coarsest: what lies between gives away something
    between.
    """
    levels: dict[str, list[bundle_pb2.Codec]] = {}
    for spec in cut.codecs:
        levels.setdefault(wire.kind(spec), []).append(spec)
    return [
        spec
        for alike in levels.values()
        for spec in (alike[:1] if len(alike) == 1 else (alike[0], alike[-1]))
    ]


def _fit(image: Image, side: int) -> Image:
    """A picture as a square of this side."""
    if image.shape[:2] == (side, side):
        return image
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(image: Image, like: Image) -> Image:
    """A picture at another one's size."""
    if image.shape == like.shape:
        return image
    return np.asarray(cv2.resize(image, like.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
