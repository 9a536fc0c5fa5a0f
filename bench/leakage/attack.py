"""The reconstruction attack: a picture is reconstructed from what crossed the wire, and compared with the
original.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

import cv2
import numpy as np
import torch
from torch import Tensor

from bench.codec.candidates.candidate import Candidate, FeatureCandidate, PictureCandidate, payload_size
from bench.codec.candidates.cloud_half import CloudHalf, check_one_tile
from bench.codec.candidates.device_half import DeviceHalf
from bench.codec.candidates.uploads import Upload
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.evaluators import evaluator_of
from bench.codec.evaluation.metrics import Answers
from bench.codec.result_cache import cached
from bench.leakage.inverter import Inverter, invert, train
from bench.leakage.results import LeakageReport, LeakageResult
from bench.leakage.similarity import psnr, ssim
from protos import bundle_pb2
from protos import codec as wire
from protos.bundle import Bundle
from splitter.evaluate.subjects import Image
from splitter.storage.parts import Parts

UPLOADS = (Upload("jpeg", 75), Upload("jpeg", 25), Upload("webp", 50))
_MAX_SIDE = 128  # of a reconstructed picture: what is finer is not worth an hour
_FINE_TUNING = 3  # further levels of a cut start from the network of the first, and take a third of its steps
_SEED = 0

Reconstruct = Callable[[], list[Image]]


class Attack:
    """An attacker who holds what crossed the wire, and `known` pictures of the same kind with what those were
    sent as.
    """

    def __init__(
        self,
        bundle: Bundle,
        known: Sequence[Image],
        evaluation_set: EvaluationSet,
        steps: int,
        parts: Parts,
    ) -> None:
        """Raises RequestError for a bundle that cuts pictures into tiles."""
        check_one_tile(bundle)
        self._bundle, self._steps, self._parts = bundle, steps, parts
        self._cloud = CloudHalf(bundle)
        self._known, self._unseen = DeviceHalf(bundle, known), DeviceHalf(bundle, evaluation_set.pictures)
        self._evaluator = evaluator_of(bundle, self._cloud, evaluation_set)
        self._metric = self._evaluator.metrics[0]
        self._side = min(_MAX_SIDE, *self._unseen.resized[0].shape[:2])
        self._targets = [_fit(image, self._side) for image in self._unseen.resized]

    @property
    def work(self) -> int:
        """The steps of training in all."""
        return sum(
            self._training_steps(level)
            for cut in self._bundle.manifest.cuts
            for level, _ in enumerate(attacked(cut))
        )

    def run(self, advance: Callable[[str], None]) -> LeakageReport:
        """Attack the chosen codecs of every cut, and some uploads.

        `advance` is called with a candidate's name after each step of training.
        """
        originals = self._unseen.resized
        reference = cached(self._parts, "original", lambda: {"said": self._answers(originals)})["said"]
        return LeakageReport(
            measure=self._metric.name,
            original=self._understood(originals, reference),
            side=self._side,
            train_pictures=len(self._known.resized),
            held_out=len(self._targets),
            steps=self._steps,
            results=[self._result(one, make, reference) for one, make in self._reconstructions(advance)],
        )

    def _reconstructions(self, advance: Callable[[str], None]) -> Iterator[tuple[Candidate, Reconstruct]]:
        """Each candidate, and how the held-out pictures are reconstructed from it."""
        for cut in self._bundle.manifest.cuts:
            networks: list[Inverter] = []
            for level, spec in enumerate(attacked(cut)):
                features = FeatureCandidate(self._unseen, self._cloud, cut.name, spec)
                yield features, self._inversion(features, level, networks, advance)
        for upload in UPLOADS:
            picture = PictureCandidate(self._unseen, self._cloud, upload)
            yield picture, self._decoding(picture)

    def _inversion(
        self,
        features: FeatureCandidate,
        level: int,
        networks: list[Inverter],
        advance: Callable[[str], None],
    ) -> Reconstruct:
        return lambda: self._invert(features, level, networks, lambda: advance(features.name))

    def _decoding(self, picture: PictureCandidate) -> Reconstruct:
        """An upload is its own reconstruction."""
        return lambda: [
            picture.upload.decode(picture.encode(index)["picture"]) for index in range(len(self._targets))
        ]

    def _invert(
        self, features: FeatureCandidate, level: int, networks: list[Inverter], advance: Callable[[], None]
    ) -> list[Image]:
        """Train a network on the known pictures, and apply it to what was sent of the others."""
        known_features = FeatureCandidate(self._known, self._cloud, features.cut, features.spec)
        known = self._boundary(known_features, len(self._known.resized))
        inverter = self._inverter(known, networks)
        images = np.stack([_fit(image, self._side) for image in self._known.resized])
        pictures = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
        train(inverter, known, pictures, self._training_steps(level if len(networks) > 1 else 0), advance)
        return list(invert(inverter, self._boundary(features, len(self._targets))).numpy())

    def _inverter(self, known: Mapping[str, Tensor], networks: list[Inverter]) -> Inverter:
        """A new network, which starts from the last one of this cut."""
        torch.manual_seed(_SEED)
        inverter = Inverter({name: tuple(tensor.shape[1:]) for name, tensor in known.items()}, self._side)
        if networks:
            inverter.load_state_dict(networks[-1].state_dict())
        networks.append(inverter)
        return inverter

    def _boundary(self, features: FeatureCandidate, count: int) -> dict[str, Tensor]:
        """What the cloud decodes of all pictures, concatenated."""
        decoded = [features.decode(index, features.encode(index)) for index in range(count)]
        return {name: torch.from_numpy(np.concatenate([one[name] for one in decoded])) for name in decoded[0]}

    def _result(self, candidate: Candidate, make: Reconstruct, reference: Answers) -> LeakageResult:
        return LeakageResult(
            **cached(
                self._parts, candidate.name, lambda: asdict(self._measured(candidate, make(), reference))
            )
        )

    def _measured(self, candidate: Candidate, images: list[Image], reference: Answers) -> LeakageResult:
        fitted = [_fit(image, self._side) for image in images]
        pairs = list(zip(self._targets, fitted, strict=True))
        sizes = [payload_size(candidate.encode(index)) for index in range(len(pairs))]
        noise, structure = (float(np.mean([compare(*pair) for pair in pairs])) for compare in (psnr, ssim))
        understood = self._understood(images, reference)
        return LeakageResult(candidate.name, float(np.mean(sizes)), noise, structure, understood)

    def _answers(self, pictures: Sequence[Image]) -> Answers:
        return self._evaluator.answer(self._cloud.encode_images(pictures))

    def _understood(self, pictures: Sequence[Image], reference: Answers) -> float:
        """The first metric of the whole model on pictures like the held-out ones."""
        pairs = zip(pictures, self._unseen.resized, strict=True)
        tokens = self._cloud.encode_images([_resized_like(image, like) for image, like in pairs])
        terms = self._evaluator.terms(tokens, self._evaluator.answer(tokens), reference)
        return self._metric.value(terms[self._metric.name])

    def _training_steps(self, level: int) -> int:
        return self._steps if level == 0 else max(1, self._steps // _FINE_TUNING)


def attacked(cut: bundle_pb2.Cut) -> list[bundle_pb2.Codec]:
    """Of each kind of codec the finest level and the coarsest: the levels between leak something between."""
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


def _resized_like(image: Image, like: Image) -> Image:
    """A picture at another one's size."""
    if image.shape == like.shape:
        return image
    return np.asarray(cv2.resize(image, like.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
