"""The demonstration's agent.toml."""

import json
from dataclasses import dataclass
from pathlib import Path

FLEET, DEVICE = "demo", "belt-1"
QUESTION = "how many squares are there?"
EVENT = "square"
_TOML = """\
bundle = {bundle}
device = "{device}"

[fleet]                               # operators tune it
name = "{fleet}"
address = "mqtt://127.0.0.1:{mqtt}"
telemetry = "1s"

[cloud]
address = {cloud}

[http]
listen = "127.0.0.1:0"                # any free port
allowed-folders = [{pictures}]

[outbox]
path = {outbox}

[event-log]
path = {events}
thumbnail = 160

[[sink]]
kind = "mqtt"
name = "broker"
address = "mqtt://127.0.0.1:{mqtt}"

[[source]]                            # the policy is left free: the device, or the cloud where it is unsure
kind = "stream"
name = "belt"
url = {belt}
rate = "4/s"
gate = {{ enabled = true }}             # frames alike take the earlier answer
[[source.question]]
name = "squares"
text = "{question}"
[[source.question.event]]
name = "{event}"
above = 0
for = "200ms"

[[source]]                            # features alone leave the device, and the cloud answers
kind = "stream"
name = "dock"
url = {dock}
rate = "2/s"
rules = {{ local = false, never-upload = true }}
gate = {{ enabled = true }}
[[source.question]]
name = "what"
text = "describe the image"
defer = "1h"                          # kept until there is a link
event = [{{ name = "other", changed = true }}]
"""


@dataclass(frozen=True)
class Places:
    """What the agent's configuration names. `folder`: for what it keeps; `pictures`: that `file://` may
    name; `cameras`: the address below which they are; `mqtt`: the broker's port.
    """

    bundle: Path
    folder: Path
    pictures: Path
    cloud: str
    cameras: str
    mqtt: int


def agent_toml(places: Places) -> str:
    """The file."""
    return _TOML.format(
        fleet=FLEET,
        device=DEVICE,
        bundle=_quoted(places.bundle),
        cloud=_quoted(places.cloud),
        pictures=_quoted(places.pictures),
        outbox=_quoted(places.folder / "outbox.db"),
        events=_quoted(event_log(places)),
        mqtt=places.mqtt,
        belt=_quoted(f"{places.cameras}/belt"),
        dock=_quoted(f"{places.cameras}/dock"),
        question=QUESTION,
        event=EVENT,
    )


def event_log(places: Places) -> Path:
    return places.folder / "events.db"


def _quoted(value: object) -> str:
    """A TOML string, which may be written as JSON has it."""
    return json.dumps(str(value), ensure_ascii=False)
