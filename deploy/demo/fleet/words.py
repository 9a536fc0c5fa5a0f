"""What the fleet's controller did, in words for a terminal and for the report."""

from collections.abc import Iterator

from deploy.demo.fleet.fleet_record import FleetRecord
from deploy.demo.fleet.running import RunningFleet


def summary(record: FleetRecord) -> dict[str, str]:
    """Figures, each with its name."""
    real = sum(device.real for device in record.devices)
    treated = [device.name for device in record.devices if device.treated]
    last = record.rollout[-1]
    return {
        "devices": f"{real} real, {len(record.devices) - real} simulated, on one MQTT broker",
        "set": f"{record.cut} for all; all had it in force {record.told:.1f} s later",
        "bad rollout": f"{record.bad_cut}: {record.harm}",
        "how it ended": f"{last.status} after {last.seconds:.0f} s: {last.reason}",
        "had it": f"{', '.join(treated)}; {record.cut} again {record.restored:.1f} s after the end",
    }


def invitation(fleet: RunningFleet) -> Iterator[str]:
    """Lines that say what a person may open."""
    yield f"controller  {fleet.address}/"
    yield f"fleet       isthmus fleet devices --controller {fleet.address}"
