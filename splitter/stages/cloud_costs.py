"""What the cloud's part takes on this machine, in FP32: the first guess of a device's policy."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from protos import bundle_pb2 as pb
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.latency import median_milliseconds
from splitter.evaluate.reference import Reference
from splitter.evaluate.verify import image_tokens
from splitter.families import enter, walk
from splitter.stages.run import Run


@dataclass(frozen=True)
class CloudCosts:
    """Milliseconds: `tails` from each cut to the image tokens, `costs` of what every answer takes."""

    tails: Mapping[str, float]
    costs: pb.CloudCost


@torch.inference_mode()
def cloud_costs(run: Run, reference: Reference, evaluation: EvaluationSet, cuts: Sequence[str]) -> CloudCosts:
    """Time the tail from each cut, the whole tower, the prefill and a token.

    The tower is timed on one tile, and counted for as many as a picture has on average. Without the language
    model there is no guess of its part; it stays 0 until the cloud reports its own.
    """
    family, model = reference.family, reference.get().model
    pixels, tiles = torch.from_numpy(evaluation.held_out[:1]), evaluation.mean_tiles
    with _torch_threads(run.options.threads):
        reached = dict(walk(family, model, pixels))
        tails = {
            cut: tiles * median_milliseconds(partial(enter, family, model, cut, reached[cut])) for cut in cuts
        }
        tower = tiles * median_milliseconds(lambda: list(walk(family, model, pixels)))
        prefill, token = _language_milliseconds(reference, evaluation) if reference.answers else (0.0, 0.0)
    costs = pb.CloudCost(vision_milliseconds=tower, prefill_milliseconds=prefill, token_milliseconds=token)
    return CloudCosts(tails, costs)


def _language_milliseconds(reference: Reference, evaluation: EvaluationSet) -> tuple[float, float]:
    """The prefill and a token, of the first question about the first picture."""
    answering, pixels = reference.generative(), evaluation.held_out[evaluation.spans[0]]
    family, model = answering.family, answering.model
    tokens = image_tokens(family, model, torch.from_numpy(pixels))
    prompt = answering.prompting.ids(evaluation.subject.questions[0][1].text, evaluation.grids[0])
    prefill = median_milliseconds(lambda: family.rows(model, [prompt], tokens).prefill())
    rows = family.rows(model, [prompt], tokens)
    rows.prefill()
    return prefill, median_milliseconds(lambda: rows.decode(prompt[-1:]))


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """While open, torch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
