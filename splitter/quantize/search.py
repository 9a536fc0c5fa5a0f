"""Which MatMuls to leave in float so that a head loses no more than it may.

Each is first quantised alone, all others in float, and what that costs the last cut is its effect. On two
trained towers, in INT8 and INT4, leaving the worst in float by that order left a third less loss on the way
than by what each gains when it alone is in float; and the effects add up to the loss of all together.
onnxruntime's qdq_loss_debug compares value by value inside a QDQ graph, not what reaches the end, and knows
no dynamic INT8; NNCF's accuracy-aware search makes static QDQ graphs only.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import onnx

from splitter.quantize.loss import HeadLoss
from splitter.quantize.mixed_precision import Product, restore_float
from splitter.storage.parts import Parts

EFFECT_PICTURES = 4  # that an effect is measured on


@dataclass(frozen=True)
class Effect:
    """What quantising one MatMul alone costs, in percent of cosine at the last cut."""

    output: str
    label: str
    shape: tuple[int, ...]
    effect: float


@dataclass(frozen=True)
class Search:
    """`before` and `after`: the loss in `unit` with all quantised, and with the first `in_float` of `effects`
    (the worst) in float.

    There are no effects where the bound holds with all quantised; they are not measured then.
    """

    unit: str
    bound: float
    before: float
    after: float
    in_float: int
    effects: Sequence[Effect]

    @property
    def outputs(self) -> set[str]:
        """The values that the MatMuls in float give."""
        return {effect.output for effect in self.effects[: self.in_float]}

    @property
    def holds(self) -> bool:
        """Whether the bound was reached; where it was not, all are in float."""
        return self.after <= self.bound

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self) | {"holds": self.holds}


@dataclass(frozen=True)
class LossMeter:
    """Measures heads between FP32 and quantised, each once: `parts` keeps what an interrupted search found.

    `original` and `quantised` are graphs from pixels to the last cut. `loss` is what the bound is about,
    `effect_loss` what the effect of one MatMul is measured in. `advance` is told of (step, done, of).
    """

    original: onnx.ModelProto
    quantised: onnx.ModelProto
    loss: HeadLoss
    effect_loss: HeadLoss
    parts: Parts
    advance: Callable[[str, int, int], None]

    def all_quantised(self) -> float:
        """The loss with no MatMul in float."""
        return self._measured(0, lambda: self.quantised)

    def with_float(self, worst: Sequence[Effect]) -> float:
        """The loss with these MatMuls in float."""
        outputs = {effect.output for effect in worst}
        return self._measured(len(worst), lambda: restore_float(self.quantised, self.original, outputs))

    def effects(self, products: Sequence[Product]) -> list[Effect]:
        """The effect of each MatMul that the graphs hold, the worst first."""
        made = {name for node in self.original.graph.node for name in node.output}
        found = [product for product in products if product.output in made]
        everything = {product.output for product in found}
        effects = []
        for done, product in enumerate(found):
            self.advance("effect of each MatMul", done, len(found))
            effect = self._effect(done, everything - {product.output})
            effects.append(Effect(product.output, product.label, product.shape, effect))
        return sorted(effects, key=lambda effect: -effect.effect)

    def _effect(self, number: int, others: set[str]) -> float:
        return float(
            self.parts.value(
                f"effect-{number:04d}",
                lambda: self.effect_loss.of(restore_float(self.quantised, self.original, others)),
            )
        )

    def _measured(self, in_float: int, graph: Callable[[], onnx.ModelProto]) -> float:
        self.advance(f"loss with {in_float} MatMuls in float", 0, 1)
        return float(self.parts.value(f"loss-{in_float}-in-float", lambda: self.loss.of(graph())))


def search(meter: LossMeter, products: Sequence[Product], bound: float) -> Search:
    """The fewest of the worst MatMuls to leave in float until the loss is at most `bound`, taking it that
    more in float never lose more.
    """
    unit, before = meter.loss.unit, meter.all_quantised()
    if before <= bound:
        return Search(unit, bound, before, before, 0, [])
    effects = meter.effects(products)
    counts = range(len(effects) + 1)
    enough = bisect_left(counts, True, lo=1, key=lambda count: meter.with_float(effects[:count]) <= bound)
    in_float = min(enough, len(effects))
    return Search(unit, bound, before, meter.with_float(effects[:in_float]), in_float, effects)
