"""The number format of a head: in which numbers its weights are stored and its products computed."""

from dataclasses import dataclass

from protos.errors import RequestError

INT8, INT4, FP16, FP32 = PRECISIONS = ("int8", "int4", "fp16", "fp32")
DYNAMIC, STATIC = QUANTIZATIONS = ("dynamic", "static")
U8, S8 = ACTIVATIONS = ("u8", "s8")
METHODS = ("minmax", "entropy", "percentile")
_SHARES = {INT8: 0.3, INT4: 0.22, FP16: 0.52, FP32: 1.0}


@dataclass(frozen=True)
class QuantFormat:
    """`quantization`, `activations` and `calibration_method` say how the activations of INT8 get their steps.

    Dynamic: from each picture, as UINT8. Static: fitted once on calibration pictures and written into the
    graph as QDQ nodes, as UINT8 (what a CPU computes fast) or as symmetric INT8 (the only ones that TensorRT
    takes). Raises RequestError for parts that do not go together.
    """

    precision: str = INT8
    quantization: str = DYNAMIC
    activations: str = U8
    calibration_method: str = METHODS[0]

    def __post_init__(self) -> None:
        if self.precision != INT8 and self.static:
            raise RequestError(
                "only INT8 has activations to calibrate; leave out --quantization static, or --precision "
                f"{self.precision}"
            )
        if not self.static and (self.activations, self.calibration_method) != (U8, METHODS[0]):
            raise RequestError(
                "activations are calibrated only in static quantisation; add --quantization static"
            )

    @property
    def static(self) -> bool:
        """Whether the activations' steps are fitted once, on pictures."""
        return self.quantization == STATIC

    @property
    def integer(self) -> bool:
        """Whether weights and activations are rounded to integers."""
        return self.precision in (INT8, INT4)

    @property
    def parts(self) -> dict[str, str]:
        """The fields that mean something for this precision: what a manifest and a report say of it."""
        fields = {
            "precision": self.precision,
            "quantization": self.quantization,
            "activations": self.activations,
        }
        if self.precision != INT8:
            return {"precision": self.precision}
        return fields | ({"calibration_method": self.calibration_method} if self.static else {})

    @property
    def share(self) -> float:
        """Of the bytes in FP32, about how many a graph takes, rather too many."""
        return _SHARES[self.precision]

    def __str__(self) -> str:
        if self.precision != INT8:
            return self.precision.upper()
        return f"INT8 {self.quantization}" + (
            f" {self.activations} {self.calibration_method}" if self.static else ""
        )
