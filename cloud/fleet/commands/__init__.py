"""`isthmus fleet`."""

import argparse

from cloud.fleet.commands import (
    acl,
    audit,
    devices,
    drift,
    jobs,
    labels,
    rollout,
    serve,
    settings,
    simulate,
    tune,
    what_if,
)

_COMMANDS = {
    "serve": (serve.add_arguments, "the controller: devices, settings, rollouts, over an MQTT broker"),
    "devices": (devices.add_list, "the devices of the fleet, selected"),
    "show": (devices.add_show, "all that is known of a device, desired beside reported"),
    "set": (settings.add_arguments, "change the settings of devices at once"),
    "label": (labels.add_arguments, "give devices labels, by which they are selected"),
    "rollout": (rollout.add_arguments, "change settings step by step, guarded, and take them back"),
    "tune": (tune.add_arguments, "which cut, codec and weights are best, from the fleet's own telemetry"),
    "what-if": (
        what_if.add_arguments,
        "yesterday with another policy, bundle or price, before it is changed",
    ),
    "drift": (drift.add_arguments, "devices that no longer fit their profile, and the likely cause"),
    "jobs": (jobs.add_arguments, "have devices do something once, and see how far it is"),
    "simulate": (simulate.add_arguments, "devices that are not there, to try a controller out"),
    "acl": (acl.add_arguments, "what a broker's users may read and write, as a file for mosquitto"),
    "audit": (audit.add_arguments, "who changed what, when and why"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet` and its sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (describe, summary) in _COMMANDS.items():
        describe(commands.add_parser(name, help=summary, description=summary))
