"""The MQTT topics of a device."""

from dataclasses import dataclass

from edge.agent.events.current import StateKey
from edge.agent.events.event import Event, Owner
from protos.fleet.topics import DeviceTopics

_PLACES = {"event": "events/{}/{}/state", "answer": "answers/{}/{}"}


@dataclass(frozen=True)
class Topics:
    """All below `isthmus/v1/{fleet}/{device}`."""

    owner: Owner

    @property
    def availability(self) -> str:
        """Whether the sink is there: retained, and its last will. What the device is stands in `state`."""
        return self._below("availability")

    def event(self, event: Event) -> str:
        return self._below(f"events/{event.source}/{event.event}")

    def state(self, key: StateKey) -> str:
        """Retained: whether an event is on, or a question's last answer."""
        return self._below(_PLACES[key.what].format(key.source, key.name))

    def _below(self, place: str) -> str:
        return DeviceTopics(self.owner.fleet, self.owner.device).below(place)
