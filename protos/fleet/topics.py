"""The MQTT topics of a device, all below `isthmus/v1/{fleet}/{device}`."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from protos.errors import RequestError

NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"  # of a fleet, a device, a job: nothing of a topic's own signs
TopicKind = Literal["state", "desired", "reported", "telemetry", "job", "job-status"]

_ROOT = "isthmus/v1"
_ANY = "+"
_NAME = re.compile(NAME)
_MAX_SHOWN = 80
_BELOW: dict[str, TopicKind] = {
    "state": "state",
    "shadow/desired": "desired",
    "shadow/reported": "reported",
    "telemetry": "telemetry",
}


def is_name(text: str) -> bool:
    """Whether a fleet, a device or a job may be called so."""
    return _NAME.fullmatch(text) is not None


def check_topic_name(what: str, name: str) -> str:
    """The name. Raises RequestError; `what` says of what."""
    if not is_name(name):
        raise RequestError(
            f"{name[:_MAX_SHOWN]!r} is no name of a {what}; give up to 63 of a-z, 0-9, - and _, the first a "
            "letter or a digit"
        )
    return name


@dataclass(frozen=True)
class DeviceTopics:
    """Where a device and its fleet's controller tell each other what. Raises RequestError for names that are
    none.
    """

    fleet: str
    device: str

    def __post_init__(self) -> None:
        check_topic_name("fleet", self.fleet)
        check_topic_name("device", self.device)

    def below(self, place: str) -> str:
        return f"{_ROOT}/{self.fleet}/{self.device}/{place}"

    @property
    def state(self) -> str:
        return self.below("state")

    @property
    def desired(self) -> str:
        return self.below("shadow/desired")

    @property
    def reported(self) -> str:
        return self.below("shadow/reported")

    @property
    def telemetry(self) -> str:
        return self.below("telemetry")

    @property
    def jobs(self) -> str:
        """A filter: every job of this device."""
        return self.below(f"jobs/{_ANY}")

    def job(self, job: str) -> str:
        return self.below(f"jobs/{check_topic_name('job', job)}")

    def job_status(self, job: str) -> str:
        return f"{self.job(job)}/status"


class Topic(NamedTuple):
    """What a topic is. `job`: the id, empty where it is of none."""

    fleet: str
    device: str
    kind: TopicKind
    job: str = ""


def parse_topic(topic: str) -> Topic:
    """Raises RequestError for a topic that is none of a device's."""
    match topic.split("/", 4):
        case ["isthmus", "v1", fleet, device, place] if is_name(fleet) and is_name(device):
            if kind := _BELOW.get(place):
                return Topic(fleet, device, kind)
            match place.split("/"):
                case ["jobs", job] if is_name(job):
                    return Topic(fleet, device, "job", job)
                case ["jobs", job, "status"] if is_name(job):
                    return Topic(fleet, device, "job-status", job)
    raise RequestError(f"{topic[:_MAX_SHOWN]!r} is no topic of a device's; see protos/fleet/topics.py")


def told_by_devices(fleet: str, device: str = _ANY) -> list[str]:
    """Filters of all that the devices of a fleet tell; `device`: what stands for the name of one."""
    root = f"{_ROOT}/{check_topic_name('fleet', fleet)}/{device}"
    return [f"{root}/{place}" for place in ("state", "shadow/reported", "telemetry", f"jobs/{_ANY}/status")]


def told_to_devices(fleet: str, device: str = _ANY) -> list[str]:
    """Filters of all that they are told; `device` likewise."""
    root = f"{_ROOT}/{check_topic_name('fleet', fleet)}/{device}"
    return [f"{root}/shadow/desired", f"{root}/jobs/{_ANY}"]
