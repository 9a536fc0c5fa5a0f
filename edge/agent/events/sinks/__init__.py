"""Every kind of sink, a file each; a new one is added here."""

from edge.agent.events.sinks.mqtt import MqttSink
from edge.agent.events.sinks.webhook import WebhookSink

AnySink = MqttSink | WebhookSink
