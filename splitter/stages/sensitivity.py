"""Which MatMuls to leave in float so that a head loses no more than it may.

Each is first quantised alone, all others in float, and what that costs the last cut is its effect. On two
trained towers, in INT8 and INT4, freeing the worst by that order left a third less loss on the way than
freeing by what each gains when it alone is freed; and the effects add up to the loss of all together.
onnxruntime's qdq_loss_debug compares value by value inside a QDQ graph, not what reaches the end, and knows
no dynamic INT8; NNCF's accuracy-aware search makes static QDQ graphs only.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import onnx

from splitter.graph.cut import cut
from splitter.quantize.mixed_precision import Product, products, restore_float
from splitter.stages.loss import CosineLoss, Loss, loss_of
from splitter.stages.work import Work

_PICTURES = 4


@dataclass(frozen=True)
class Effect:
    """What quantising one MatMul alone costs, in percent of cosine at the last cut."""

    output: str
    label: str
    shape: tuple[int, ...]
    effect: float


@dataclass(frozen=True)
class Search:
    """`before` and `after`: the loss in `unit` with all quantised, and with the first `freed` of `effects`
    (the worst) in float.

    There are no effects where the bound holds with all quantised; they are not measured then.
    """

    unit: str
    bound: float
    before: float
    after: float
    freed: int
    effects: Sequence[Effect]

    @property
    def outputs(self) -> set[str]:
        """The values that the freed MatMuls give."""
        return {effect.output for effect in self.effects[: self.freed]}

    @property
    def holds(self) -> bool:
        """Whether the bound was reached; where it was not, all are freed."""
        return self.after <= self.bound

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self) | {"holds": self.holds}


def search(work: Work, original: onnx.ModelProto, quantised: onnx.ModelProto, bound: float) -> Search:
    """The fewest of the worst MatMuls to free until the loss is at most `bound`, taking it that freeing more
    never loses more.

    Every measurement is kept in the split's parts, so that an interrupted search goes on where it stopped.
    """
    last = [work.graph_names()[-1]]
    (reference,), (graph,) = cut(original, last), cut(quantised, last)
    loss = loss_of(work, reference)
    before = _measured(work, loss, 0, lambda: graph)
    if before <= bound:
        return Search(loss.unit, bound, before, before, 0, [])
    effects = _effects(work, reference, graph, products(original))

    def after(freed: int) -> float:
        worst = {effect.output for effect in effects[:freed]}
        return _measured(work, loss, freed, lambda: restore_float(graph, reference, worst))

    freed = min(
        bisect_left(range(len(effects) + 1), True, lo=1, key=lambda count: after(count) <= bound),
        len(effects),
    )
    return Search(loss.unit, bound, before, after(freed), freed, effects)


def _measured(work: Work, loss: Loss, freed: int, graph: Callable[[], onnx.ModelProto]) -> float:
    work.advance(f"loss with {freed} MatMuls in float", 0, 1)
    return float(work.parts.value(f"loss-{freed}-freed", lambda: loss.of(graph())))


def _effects(
    work: Work, reference: onnx.ModelProto, graph: onnx.ModelProto, found: Sequence[Product]
) -> list[Effect]:
    """Worst first."""
    alive = {name for node in reference.graph.node for name in node.output}
    found = [product for product in found if product.output in alive]
    everything = {product.output for product in found}
    loss = CosineLoss(work, reference, _PICTURES)
    effects = []
    for done, product in enumerate(found):
        work.advance("effect of each MatMul", done, len(found))
        alone = everything - {product.output}
        effect = work.parts.value(
            f"effect-{done:04d}",
            lambda alone=alone: loss.of(restore_float(graph, reference, alone)),  # type: ignore[misc]
        )
        effects.append(Effect(product.output, product.label, product.shape, effect))
    return sorted(effects, key=lambda effect: -effect.effect)
