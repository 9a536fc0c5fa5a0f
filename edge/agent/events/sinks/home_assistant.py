"""What Home Assistant's MQTT discovery has to know of a device to show it without configuration.

One device payload (https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload): a binary
sensor for each event that has an end, a sensor for each question's last answer.
"""

from typing import Any

from edge.agent.events.current import StateKey
from edge.agent.events.sinks.sink import SinkFeed
from edge.agent.events.sinks.topics import Topics

STATUS = "homeassistant/status"
ONLINE = b"online"
_MAX_STATE = 255  # characters that a state of Home Assistant may have


def discovery_topic(feed: SinkFeed) -> str:
    return f"homeassistant/device/isthmus_{feed.owner.fleet}_{feed.owner.device}/config"


def discovery(feed: SinkFeed, topics: Topics) -> dict[str, Any]:
    """The payload, which is retained under `discovery_topic`."""
    return {
        "device": {
            "identifiers": [f"isthmus/{feed.owner.fleet}/{feed.owner.device}"],
            "name": feed.owner.device,
            "manufacturer": "Isthmus",
        },
        "origin": {"name": "isthmus"},
        "availability": [{"topic": topics.availability, "value_template": "{{ value_json.state }}"}],
        "components": _binary_sensors(feed, topics) | _sensors(feed, topics),
        "qos": 1,
    }


def _binary_sensors(feed: SinkFeed, topics: Topics) -> dict[str, Any]:
    return {
        f"event/{watched.source}/{watched.event}": {
            "platform": "binary_sensor",
            "unique_id": f"isthmus/{feed.owner.fleet}/{feed.owner.device}/{watched.source}/{watched.event}",
            "name": f"{watched.source} {watched.event}",
            "state_topic": topics.state(StateKey("event", watched.source, watched.event)),
            "value_template": "{{ value_json.state }}",
            "payload_on": "on",
            "payload_off": "off",
        }
        for watched in feed.watched
        if watched.lasting
    }


def _sensors(feed: SinkFeed, topics: Topics) -> dict[str, Any]:
    return {
        f"answer/{source}/{question}": {
            "platform": "sensor",
            "unique_id": f"isthmus/{feed.owner.fleet}/{feed.owner.device}/{source}/{question}/answer",
            "name": f"{source} {question} answer",
            "state_topic": topics.state(StateKey("answer", source, question)),
            "value_template": f"{{{{ value_json.state[:{_MAX_STATE}] }}}}",
        }
        for source, question in feed.questions
    }
