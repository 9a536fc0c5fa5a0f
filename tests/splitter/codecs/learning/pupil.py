"""A cut that is ready to learn, and a learned codec across the wire."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import codec as wire
from splitter.codecs import encoders
from splitter.codecs.coding import write
from splitter.codecs.learning.network import LearnedTransform
from splitter.codecs.learning.sender import sender_graph
from splitter.codecs.learning.train import Learned, learn, optimiser_of
from splitter.codecs.learning.training_set import Costs, TrainingSet, training_set
from splitter.codecs.levels import fitted_transforms, levels
from splitter.codecs.tail_from import CutTail
from splitter.families import walk
from splitter.graph.chain import open_session
from splitter.recipe import Options
from tests.splitter.runs import loaded, run_of

Boundary = dict[str, NDArray[np.float32]]


class Pupil:
    """A cut of a model, ready to learn."""

    def __init__(self, folder: Path, options: Options, cut: str) -> None:
        self.run = run_of(options, folder)
        reference, evaluation = loaded(self.run)
        self.tail = CutTail(reference, cut, evaluation.questions)
        pixels = torch.from_numpy(evaluation.calibration(len(evaluation.subject.calibration)))
        with torch.inference_mode():
            reached = dict(walk(reference.family, reference.get().model, pixels))[cut]
        self.boundary: Boundary = {name: tensor.numpy().copy() for name, tensor in reached.items()}
        self.training_set: TrainingSet
        self.training_set = training_set(self.tail, self.boundary, fitted_transforms(self.boundary))

    def losses(self, steps: int) -> list[float]:
        """All that the coarsest level costs, as a share of the start's, trained on the same pictures at every
        step.
        """
        networks = self.training_set.networks()
        pictures = range(min(16, len(next(iter(self.boundary.values())))))
        found = []
        before: Costs | None = None
        optimiser = optimiser_of(networks)
        for group in optimiser.param_groups:
            group["lr"] = 0.2 * group["pace"]  # as while it warms up
        for _ in range(steps):
            torch.manual_seed(0)  # the same noise
            costs = self.training_set.costs(
                networks, [self.training_set.levels - 1] * len(pictures), pictures, 0
            )
            before = before or Costs(*(cost.detach() for cost in costs))
            optimiser.zero_grad()
            torch.autograd.backward(costs.of(before))
            optimiser.step()
            found.append(costs.of(before).item())
        return found

    def learn(self, state: Path, steps: int, seconds: float = 600) -> Learned:
        return learn(self.training_set, state, steps, seconds)


def crossed(transforms: dict[str, LearnedTransform], pupil: Pupil, folder: Path) -> list[int]:
    """The bytes of one picture at each level, each decoded to what the network itself gives for the rounded
    codes.
    """
    for name in ("edge", "cloud"):
        (folder / name).mkdir(parents=True)
    codings = list(levels("learned", transforms, pupil.training_set.steps, lambda: sender_graph(transforms)))
    entry = pb.Cut(name="cut", codecs=[coding.describe({}) for coding in codings])
    write(entry, codings, folder)
    one = {name: values[:1] for name, values in pupil.boundary.items()}
    sizes = []
    for number, spec in enumerate(entry.codecs):
        half = wire.receiver(spec, folder.joinpath)
        codes = encoders.run(open_session((folder / spec.encoder).read_bytes(), threads=1), half, one)
        payloads = half.encode({name: values[0] for name, values in codes.items()})
        received = half.decode(payloads)
        for name, transform in transforms.items():
            step = pupil.training_set.steps[name][number]
            sent = torch.from_numpy(codings[number].levels[name].which >= 0)
            with torch.no_grad():
                in_steps = transform.network.in_steps(torch.from_numpy(one[name]), 1 / step)
                rounded = transform.network.beyond(in_steps, 1 / step).round() * sent
                wanted = transform.network.received(rounded * step, step)
            lost = np.abs(wanted[0].numpy() - one[name]).mean()
            assert np.abs(received[name] - wanted[0].numpy()).mean() < 0.5 * lost, (
                "INT8 turns a few codes by one"
            )
        sizes.append(sum(map(len, payloads.values())))
    return sizes
