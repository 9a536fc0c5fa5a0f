"""What a controller did that did all."""

from deploy.demo.fleet.fleet_record import AuditLine, FleetDevice, FleetRecord, RolloutMoment

GOOD, BAD = "connector", "vision.2"


def tuned(text: str = "silent") -> FleetRecord:
    """`text`: of whatever a device or a person has written."""
    return FleetRecord(
        devices=[
            FleetDevice("belt-1", text, True, "", GOOD, GOOD, False),
            FleetDevice("simulated-00000", text, False, "", GOOD, GOOD, True),
        ],
        cut=GOOD,
        told=0.4,
        bad_cut=BAD,
        harm=text,
        rollout=[
            RolloutMoment(0.1, 1, 1, "running", text),
            RolloutMoment(5.2, 1, 1, "rolled back", text),
        ],
        failed=["simulated-00000"],
        restored=0.2,
        audit=[AuditLine("this machine", "set", "belt-1", text)],
    )
