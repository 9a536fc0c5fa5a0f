"""`isthmus bench`: one command, its sub-commands imported only when they are used."""

from protos.terminal.parser import Parser

# name: (module whose `add_arguments(parser)` describes the sub-command and sets `run`, one line of help)
_COMMANDS = {
    "routes": ("bench.routes.command", "every way to answer, interleaved, over loopback"),
    "head": ("bench.head.command", "the head's time and memory, against FP32, one session and torch"),
    "edge": ("bench.edge.command", "a device's start, memory and CPU, at rest and an answer"),
    "codec": (
        "bench.codec.command",
        "features against pictures: bytes, and what is lost, by kind of question",
    ),
    "memory": ("bench.memory.command", "what the split of a large checkpoint holds in memory"),
    "video": (
        "bench.video.command",
        "a camera's frames: features against the last frame's, MJPEG and H.264",
    ),
    "leakage": (
        "bench.leakage.command",
        "what features give away: pictures made again from what crosses the wire",
    ),
    "service": (
        "bench.service.command",
        "many devices on one service, beside a plain server and the model alone",
    ),
    "gpu": ("bench.gpu.command", "what a GPU makes of a bundle: equal answers, answers a second, the head"),
    "attack": ("bench.attack.command", "what hostile callers cost an honest device, attack by attack"),
    "rollout": ("bench.rollout.command", "what the verdicts on a new version find, and how often they err"),
    "fleet": (
        "bench.controller.command",
        "a fleet's controller with thousands of devices connected: times, memory, faults",
    ),
    "fleet-rollouts": (
        "bench.fleet.command",
        "rollouts in simulated fleets: harmful changes caught, harmless ones rolled back",
    ),
}
_EPILOG = """\
examples:
  isthmus bench routes
  isthmus bench routes --bundle my-bundle --repetitions 100 -o routes.json
  isthmus bench head --bundle my-bundle --threads 2
  isthmus bench head --config smolvlm-256m --repetitions 10 --json
  isthmus bench edge --threads 2
  isthmus bench codec --bundle my-bundle --data nano --html codec.html
  isthmus bench memory --config llava-7b --disk /var/tmp
  isthmus bench leakage --bundle my-bundle --data nano
  isthmus bench video --bundle my-bundle
  isthmus bench service --devices 16
  isthmus bench gpu --device cpu
  isthmus bench attack --only slow-readers
  isthmus bench rollout
  isthmus bench fleet --devices 1000
  isthmus bench fleet-rollouts --rollouts 100
"""


def add_arguments(parser: Parser) -> None:
    """Describe `isthmus bench`."""
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(metavar="WHAT", required=True)
    for name, (module, line) in _COMMANDS.items():
        commands.add_parser(name, help=line, description=line).module = module
