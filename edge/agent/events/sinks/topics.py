"""The MQTT topics of a device."""

from dataclasses import dataclass

from edge.agent.events.current import StateKey
from edge.agent.events.event import Event, Owner

_PLACES = {"event": "events/{}/{}/state", "answer": "answers/{}/{}"}


@dataclass(frozen=True)
class Topics:
    """All below `isthmus/v1/{fleet}/{device}`."""

    owner: Owner

    @property
    def birth(self) -> str:
        """Whether the device is there: retained, and its last will."""
        return self._below("state")

    def event(self, event: Event) -> str:
        return self._below(f"events/{event.source}/{event.event}")

    def state(self, key: StateKey) -> str:
        """Retained: whether an event is on, or a question's last answer."""
        return self._below(_PLACES[key.what].format(key.source, key.name))

    def _below(self, place: str) -> str:
        return f"isthmus/v1/{self.owner.fleet}/{self.owner.device}/{place}"
