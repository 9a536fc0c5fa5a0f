"""`isthmus bench attack`: its arguments."""

import argparse
from dataclasses import asdict

from bench.attack.attacker import Attacker
from bench.attack.registry import attackers
from bench.rig.arguments import add_figures
from bench.rig.figures import check_places, publish
from protos.terminal.arguments import seconds
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress

_ATTACKERS = "\n".join(f"  {name:22}{found.words}" for name, found in attackers().items())
_EPILOG = f"""\
A service of its own is started on loopback. An honest device asks it about features again and again, and
whether it is healthy, while one attacker after another does its worst from a process of its own. What
that costs the honest device, and the service in memory, stands beside what it took before. Never attack
a service that is not yours: this command only attacks the one that it started.

attackers:
{_ATTACKERS}

examples:
  isthmus bench attack
  isthmus bench attack --only top-p --only slow-readers --duration 10s
  isthmus bench attack --bundle bundle -o attack.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench attack`."""
    command.epilog = _EPILOG
    add_bundle(command)
    command.add_argument(
        "--only",
        action="append",
        choices=list(attackers()),
        metavar="NAME",
        help="this attacker, and once more for each further one (default: all)",
    )
    command.add_argument(
        "--duration",
        type=seconds("100ms", "10min"),
        default="5s",
        metavar="TIME",
        help="of each attack (default: %(default)s)",
    )
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CloudError."""
    from rich.console import Console

    from bench.attack import tables
    from bench.attack.measure import measure, setting
    from bench.rig.bundles import chosen_bundle

    check_places("attack", options.output)
    bundle = chosen_bundle(options.bundle)
    chosen = _chosen(options.only)
    skipped = {one.name: why for one in chosen if (why := one.unfit(bundle.manifest))}
    fit = [one for one in chosen if one.name not in skipped]
    with progress() as shown:
        shown.step("attacking", len(fit))
        results = list(measure(bundle, fit, options.duration, lambda name: shown.advance(note=name)))
    where = setting(options.duration)
    rows = [asdict(result) | {"ratio": result.ratio, "missed": result.missed} for result in results]
    figures = {"setting": where, "bundle": bundle.digest, "attacks": rows, "left_out": skipped}
    publish("attack", options, figures, lambda: tables.show(results, skipped, where, Console()))


def _chosen(names: list[str] | None) -> list[type[Attacker]]:
    known = attackers()
    return [known[name] for name in dict.fromkeys(names or known)]
