"""The options of `isthmus split` that choose in which numbers the head is stored and computed."""

import argparse
from typing import Any

from protos.terminal.arguments import number
from splitter.quantize.quant_format import ACTIVATIONS, INT8, METHODS, PRECISIONS, QUANTIZATIONS, QuantFormat


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Describe them; none changes what crosses a cut: that is FP32 in every format."""
    group = parser.add_argument_group("precision of the head, and of the decoder with --with-local")
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="int4: 4-bit weights, where size counts more than speed; fp16: for devices that compute in it "
        "(default: int8, but fp32 where int8 is clearly slower on this machine, by a tenth)",
    )
    group.add_argument(
        "--max-loss",
        type=number(0, 100),
        metavar="L",
        help=(
            "leave the fewest most sensitive MatMuls in float until no more is lost than L points of "
            "accuracy (the built-in scenes), "
            "or, with --calibration, L percent of cosine: 0.5 keeps the mean cosine of the last cut's tokens "
            "with FP32's at 0.995 or above"
        ),
    )
    group.add_argument(
        "--quantization",
        choices=QUANTIZATIONS,
        default=QUANTIZATIONS[0],
        help="of int8. dynamic: activations are scaled picture by picture; static: once, on calibration "
        "pictures, as QDQ nodes (default: %(default)s)",
    )
    group.add_argument(
        "--activations",
        choices=ACTIVATIONS,
        default=ACTIVATIONS[0],
        help=(
            "of static. u8: fast on a CPU; s8: symmetric, what TensorRT takes, slow on a CPU (default: "
            "%(default)s)"
        ),
    )
    group.add_argument(
        "--calibration-method",
        choices=METHODS,
        default=METHODS[0],
        help="of static: how far activations reach (default: %(default)s)",
    )


def precision(options: argparse.Namespace) -> dict[str, Any]:
    """What was chosen, as fields of a recipe's Options. Raises RequestError for options that do not go
    together.
    """
    quant_format = QuantFormat(
        options.precision or INT8, options.quantization, options.activations, options.calibration_method
    )
    return {
        "quant_format": quant_format,
        "only_if_faster": options.precision is None,
        "max_loss": options.max_loss,
    }
