"""`isthmus cloud traffic HOST:PORT`: roll a version of a bundle out, and see what is known of it."""

import argparse
import json

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table

from cloud.commands.calling import add_service, call_admin
from protos import admin_pb2 as ap
from protos.errors import RequestError
from protos.terminal.arguments import share
from protos.terminal.units import format_time

_EPILOG = """\
examples:
  isthmus cloud traffic 127.0.0.1:7070                        # the verdict, and its evidence
  isthmus cloud traffic 127.0.0.1:7070 --candidate 9c41f0d2a7b3 --shadow 20%   # compare; nobody gets it yet
  isthmus cloud traffic 127.0.0.1:7070 --share 10%            # recommend it to a tenth of the devices
  isthmus cloud traffic 127.0.0.1:7070 --auto                 # let the share follow the verdict
  isthmus cloud traffic 127.0.0.1:7070 --candidate 9c41f0d2a7b3 --max-changed 5% --max-slowdown 10%
  isthmus cloud traffic 127.0.0.1:7070 --end

Agents with [update] take what is recommended to them. --shadow compares the versions by requests that both
run once more while nothing else runs. The verdict is hold until another is known with 99%; `isthmus bench
rollout` tells what that takes. docs/rollout.md has an example. To look needs the role operator, to change
admin.
"""
_VERDICTS = {
    ap.Traffic.ADVANCE: "advance: in every measure it is as good as it has to be",
    ap.Traffic.HOLD: "hold: too little is known",
    ap.Traffic.ROLL_BACK: "roll back: it is worse than it may be",
}
_SLOWDOWN, _FAILURES = 0.05, 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud traffic`."""
    parser.epilog = _EPILOG
    add_service(parser, "10s")
    group = parser.add_argument_group("the rollout")
    for option, text in (
        ("--candidate", "8 digits or more of the digest of the new version, which is loaded"),
        ("--stable", "likewise of the old one (default: the first other bundle of the same model)"),
    ):
        group.add_argument(option, metavar="DIGEST", default="", help=text)
    for option, text in (
        ("--share", "of the devices, to which the candidate is recommended"),
        ("--shadow", "of the requests for the old version that both run once more"),
    ):
        group.add_argument(option, type=share("0%", "100%"), metavar="SHARE", help=text)
    group.add_argument(
        "--auto",
        action=argparse.BooleanOptionalAction,
        help="the share follows the verdict: 1%%, 10%%, 50%%, 100%%, or none",
    )
    group.add_argument("--end", action="store_true", help="no candidate any more")
    worse = parser.add_argument_group("what the candidate may be worse by", "others begin the evidence anew")
    for option, text in (
        ("--max-slowdown", f"of the time of an answer (default: {_SLOWDOWN:.0%}%)"),
        ("--max-failures", f"more requests that fail, of all (default: {_FAILURES:.0%}%)"),
        ("--max-changed", "answers that are another text (default: not judged)"),
    ):
        worse.add_argument(option, type=share("0.1%", "99%"), metavar="SHARE", help=text)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the service refuses it with, and CloudError; RequestError for --end with others."""
    asked = _asked(options)
    if asked.ByteSize():
        traffic = call_admin(options, "SetTraffic", asked, ap.Traffic)
    else:
        traffic = call_admin(options, "GetTraffic", ap.GetTrafficRequest(), ap.Traffic)
    if options.json:
        fields = MessageToDict(
            traffic, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        print(json.dumps(fields))
    elif traffic.candidate:
        _print(traffic)
    else:
        print("there is no rollout; --candidate DIGEST begins one")


def _asked(options: argparse.Namespace) -> ap.SetTrafficRequest:
    """What is to be changed; empty where nothing is."""
    asked = ap.SetTrafficRequest(
        candidate=options.candidate,
        stable=options.stable,
        share=options.share,
        shadow=options.shadow,
        automatic=options.auto,
        bounds=_bounds(options),
    )
    if options.end and asked.ByteSize():
        raise RequestError("--end goes alone; leave the other options of the rollout out")
    asked.end = options.end
    return asked


def _bounds(options: argparse.Namespace) -> ap.Bounds | None:
    """All three, where one is given."""
    given = options.max_slowdown, options.max_failures, options.max_changed
    if given == (None, None, None):
        return None
    slowdown, failures, changed = given
    return ap.Bounds(slowdown=slowdown or _SLOWDOWN, failures=failures or _FAILURES, changed=changed)


def _print(traffic: ap.Traffic) -> None:
    print(f"candidate {traffic.candidate[:12]} against {traffic.stable[:12]}: {_VERDICTS[traffic.verdict]}")
    follows = ", as the verdict says" if traffic.automatic else ""
    print(f"recommended to {traffic.share:.0%} of the devices{follows}; shadowed: {traffic.shadow:.0%}")
    Console().print(_evidence(traffic))
    print(f"{traffic.pairs} pairs; {traffic.interrupted} more gave way to requests")
    for stage in traffic.stages:
        name = stage.stage.replace("_", " ")
        print(f"{name}: {format_time(stage.stable)} before, {format_time(stage.candidate)} the candidate")


def _evidence(traffic: ap.Traffic) -> Table:
    """A row a measure: what was found, what is allowed, and how much of the evidence there is."""
    bounds = traffic.bounds
    found = {
        "failures": (
            f"{traffic.candidate_failed} it alone, {traffic.stable_failed} the other",
            f"{bounds.failures:.1%} more",
        ),
        "time": (f"{traffic.slowdown:+.1%} on average", f"{bounds.slowdown:+.1%}"),
        "answers": (
            f"{traffic.changed} of {traffic.answered} are another text",
            f"{bounds.changed:.1%}" if bounds.HasField("changed") else "not judged",
        ),
    }
    known = {finding.measure: finding for finding in traffic.findings}
    table = Table("measure", "found", "allowed", "harm known", "health known")
    for measure, words in found.items():
        of = known.get(measure)
        table.add_row(measure, *words, *((f"{of.harm:.0%}", f"{of.health:.0%}") if of else ("", "")))
    return table
