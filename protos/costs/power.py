"""What an answer takes of the battery: one formula for what is predicted and what is learned.

    joules = factor (busy watts * busy time + waiting watts * waiting time) + joules a megabyte * megabytes up

Busy is the device while it prepares, runs the head, encodes, or generates; else it waits for the cloud. The
factor is learned, one for answers of the device and one for those of a cloud.
"""

from dataclasses import dataclass

# Measured of phones on LTE: 438 mW for each Mbit/s that is sent (Huang et al., MobiSys 2012, table 4; over
# Wi-Fi 283 mW). What the radio takes to wake up is left out.
RADIO_JOULES_A_MEGABYTE = 3.5


@dataclass(frozen=True)
class Power:
    """What a device is believed to draw. `source` names who measures it."""

    source: str
    busy_watts: float
    waiting_watts: float
    joules_a_megabyte: float  # sent; 0 where the meter sees the radio too
    here: float = 1.0  # factor of what the device answers
    there: float = 1.0  # factor of what a cloud answers

    def joules(self, busy_ms: float, waiting_ms: float, sent: float, *, remote: bool) -> float:
        """Of an answer that `sent` so many bytes."""
        worked = self.busy_watts * busy_ms + self.waiting_watts * waiting_ms
        return (self.there if remote else self.here) * worked / 1e3 + self.joules_a_megabyte * sent / 1e6


# A core of a small ARM or x86 processor under load, above what the machine takes anyway.
MODEL = Power("model", busy_watts=2.0, waiting_watts=0.0, joules_a_megabyte=RADIO_JOULES_A_MEGABYTE)
