"""What an operator's measures are worth to each other: the one score that ways to answer are chosen by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """What things are worth, in milliseconds."""

    millisecond: float = 1.0
    accuracy_point: float = 50.0  # lost against the whole model, beyond noise
    kilobyte: float = 0.0  # sent
    joule: float = 0.0

    def score(self, delay_ms: float, loss: float, sent: float, joules: float) -> float:
        """What an answer costs by them; less is better. `delay_ms`: its time, and what it delays others by;
        `sent`: bytes. Each may be an array, of an entry a device.
        """
        return (
            self.millisecond * delay_ms
            + self.accuracy_point * loss
            + self.kilobyte * sent / 1000
            + self.joule * joules
        )
