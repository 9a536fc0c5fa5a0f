"""`isthmus fleet rollout`: start, status, pause, resume, abort."""

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from cloud.fleet.commands.calling import (
    add_controller,
    add_selection,
    add_why,
    call,
    print_json,
    selection_fields,
)
from cloud.fleet.commands.settings import add_settings, settings_fields
from protos.terminal.arguments import number, seconds, share, whole

_EPILOG = """\
examples:
  isthmus fleet rollout start --label site=berlin --pin vision.4 --why "the new link is faster"
  isthmus fleet rollout status
  isthmus fleet rollout status 5f3a9c01 --json
  isthmus fleet rollout pause 5f3a9c01 --why "shift change"
  isthmus fleet rollout resume 5f3a9c01 --unproven --why "four devices prove nothing, and all are well"
  isthmus fleet rollout abort 5f3a9c01 --why "the site complains"
"""
_START = """\
examples:
  isthmus fleet rollout start --label site=berlin --pin vision.4 --why "the new link is faster"
  isthmus fleet rollout start --all --digest 3fa9... --health 2h --max-p95 10% --why "bundle of June"
  isthmus fleet rollout start camera-1 camera-2 camera-3 --deadline 1s --max-failed 1 --why "a trial"

One device, then 1%, 10%, 50% and all get the settings, each phase watched for --health. Devices of one class
that do not have them yet are what they are compared with. Once a guard is known to be violated, all get their
earlier settings again. Beyond 10% of the devices nothing goes that is not known to be within the bounds;
docs/fleet.md tells what that takes, and `isthmus bench fleet-rollouts` how often it errs.
"""
_GUARDS = {
    "errors": "more answers that fail, of all (default: 1%%)",
    "p95": "of the 95th percentile of the time of an answer (default: 5%%)",
    "energy": "fewer answers a joule (default: 5%%)",
    "bytes": "of the bytes of an answer (default: 5%%)",
    "accuracy": "answers that are no longer right, of all (default: 1%%)",
}
_VERBS = {
    "pause": "treat no further devices; the guards go on",
    "resume": "go on",
    "abort": "give all treated devices their earlier settings again",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet rollout` and its sub-commands."""
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    summary = "begin one"
    _add_start(commands.add_parser("start", help=summary, description=summary))
    summary = "how far it is, and what is known; without ID all of them"
    status = commands.add_parser("status", help=summary, description=summary)
    status.add_argument("rollout", nargs="?", metavar="ID")
    add_controller(status)
    status.set_defaults(run=_status)
    for verb, summary in _VERBS.items():
        command = commands.add_parser(verb, help=summary, description=summary)
        command.add_argument("rollout", metavar="ID")
        if verb == "resume":
            command.add_argument(
                "--unproven", action="store_true", help="the next phase may begin without proof, once"
            )
        add_why(command)
        add_controller(command)
        command.set_defaults(run=_change, verb=verb)


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _START
    add_selection(parser)
    parser.add_argument(
        "--percentage", type=share("0.01%", "100%"), default="100%", metavar="SHARE", help="of them, drawn"
    )
    add_settings(parser)
    plan = parser.add_argument_group("the plan")
    plan.add_argument(
        "--phases",
        nargs="+",
        type=share("0%", "100%"),
        metavar="SHARE",
        help="(default: 0%% 1%% 10%% 50%% 100%%)",
    )
    plan.add_argument("--health", type=seconds("1s", "168h"), metavar="TIME", help="of a phase (default: 1h)")
    plan.add_argument("--baseline", type=seconds("1s", "168h"), metavar="TIME", help="(default: 24h)")
    plan.add_argument("--control", type=share("0%", "50%"), metavar="SHARE", help="that stays (default: 5%%)")
    plan.add_argument("--keep-control", action="store_true", default=None, help="it stays afterwards, too")
    plan.add_argument("--per-minute", type=number(1, 1e5, "devices"), metavar="N", help="(default: 600)")
    plan.add_argument("--late", type=seconds("1s", "168h"), metavar="TIME", help="(default: 15min)")
    plan.add_argument("--takeover", type=seconds("1s", "168h"), metavar="TIME", help="(default: 6h)")
    plan.add_argument("--silent", type=seconds("1s", "168h"), metavar="TIME", help="(default: 30min)")
    plan.add_argument(
        "--max-failed", type=whole(), metavar="N", help="failed devices that roll it back (default: any)"
    )
    guards = parser.add_argument_group("guards", "what treated devices may be worse by; `off`: not judged")
    for name, text in _GUARDS.items():
        guards.add_argument(f"--max-{name}", type=_bound, metavar="SHARE", help=text)
    add_why(parser)
    add_controller(parser)
    parser.set_defaults(run=_start)


def _bound(text: str) -> float | str:
    return text if text == "off" else share("0.1%", "90%")(text)


def _start(options: argparse.Namespace) -> None:
    names = (
        "phases",
        "health",
        "baseline",
        "control",
        "keep_control",
        "per_minute",
        "late",
        "takeover",
        "silent",
    )
    plan = {name: getattr(options, name) for name in (*names, "max_failed")}
    guards = {name: getattr(options, f"max_{name}") for name in _GUARDS}
    bounds = {name: None if bound == "off" else bound for name, bound in guards.items() if bound is not None}
    body = {
        "selection": selection_fields(options),
        "everything": options.all,
        "percentage": 100 * options.percentage,
        "settings": settings_fields(options),
        "plan": {name: value for name, value in plan.items() if value is not None}
        | ({"guards": bounds} if bounds else {}),
        "why": options.why,
    }
    _tell(options, call(options, "POST", "rollouts", body))


def _status(options: argparse.Namespace) -> None:
    if options.rollout:
        _tell(options, call(options, "GET", f"rollouts/{options.rollout}"))
        return
    found = call(options, "GET", "rollouts")
    if options.json:
        print_json(found)
        return
    table = Table("rollout", "status", "verdict", "reason")
    for one in found["rollouts"]:
        table.add_row(one["id"], one["status"], one["verdict"], one["reason"])
    Console().print(table)


def _change(options: argparse.Namespace) -> None:
    body: dict[str, Any] = {"why": options.why}
    if options.verb == "resume":
        body["unproven"] = options.unproven
    _tell(options, call(options, "POST", f"rollouts/{options.rollout}/{options.verb}", body))


def _tell(options: argparse.Namespace, found: dict[str, Any]) -> None:
    if options.json:
        print_json(found)
        return
    print(f"rollout {found['id']}: {found['status']}, phase {found['phase']} of {len(found['phases'])}")
    print(f"{found['verdict'] or 'begun'}{': ' if found['reason'] else ''}{found['reason']}")
    counts = ", ".join(f"{count} {name}" for name, count in found["standings"].items() if count)
    print(f"{found['treated']} of {found['devices']} devices are told: {counts or 'none yet'}")
    if not found["guards"]:
        return
    table = Table("guard", "class", "phase", "compared", "worse by", "harm known", "health known")
    for guard in (one for one in found["guards"] if not one["kind"] or one["harm"] > 0.5):
        table.add_row(
            guard["measure"],
            guard["kind"] or "all",
            str(guard["phase"] + 1),
            str(guard["blocks"]),
            f"{guard['effect']:+.1%} ± {guard['half']:.1%}",
            *(f"{min(max(guard[name], 0), 1):.0%}" for name in ("harm", "health")),
        )
    Console().print(table)
