"""The fleet in the demonstration's report."""

from deploy.demo.fleet.fleet_record import FleetRecord
from deploy.demo.fleet.words import summary
from protos.pages.document import lede, listing, section, sentence
from protos.pages.markup import Markup
from protos.pages.tables import Table, TableRow, folded

_DEVICES = ("device", "machine", "cut before", "set", "had the bad cut", "in the end")
_ROLLOUT = ("after", "phase", "told", "status", "why")
_AUDIT = ("who", "what", "of", "why")
_OWN = "its own choice"
_NOTES = [
    (
        "isthmus fleet serve: the agent above and three simulated devices with the same bundle, tuned by an "
        "operator over MQTT."
    ),
    (
        "Four devices prove no guard, so that phases follow each other by the clock here, and one device "
        "that fails ends the rollout."
    ),
]


def fleet_section(record: FleetRecord) -> Markup:
    """What was set, who got it, how the bad rollout ended, and the audit log."""
    failed = [lede(f"It did not do all: {'; '.join(record.missing)}.")] if record.missing else []
    facts = {sentence(name).removesuffix("."): words for name, words in summary(record).items()}
    parts = [*failed, listing(facts), _devices(record), _rollout(record), _audit(record)]
    return section("A fleet, and its operator", _NOTES, *parts)


def _devices(record: FleetRecord) -> Markup:
    rows = [
        TableRow(
            (
                device.name,
                device.machine if device.real else f"{device.machine}, simulated",
                device.before or _OWN,
                device.after or _OWN,
                record.bad_cut if device.treated else "no",
                device.in_the_end or _OWN,
            )
        )
        for device in record.devices
    ]
    return Table("Which cut each device had", _DEVICES, [rows], frozenset(_DEVICES)).markup()


def _rollout(record: FleetRecord) -> Markup:
    rows = [
        TableRow((f"{one.seconds:.1f} s", str(one.phase), str(one.treated), one.status, one.reason))
        for one in record.rollout
    ]
    title = f"The rollout of {record.bad_cut}, step by step"
    return Table(title, _ROLLOUT, [rows], frozenset(_ROLLOUT[3:])).markup()


def _audit(record: FleetRecord) -> Markup:
    rows = [TableRow((line.who, line.what, line.object, line.why)) for line in record.audit]
    return folded("The audit log", Table("Who changed what", _AUDIT, [rows], frozenset(_AUDIT)).markup())
