"""What the agent did, in words for a terminal and for the report."""

from collections.abc import Iterator, Mapping

from deploy.demo.agent.agent_record import AgentRecord
from deploy.demo.agent.running import RunningAgent
from protos.terminal.units import format_size, format_time


def summary(record: AgentRecord) -> dict[str, str]:
    """Figures, each with its name."""
    facts = {
        "watched": f"{record.read} frames of two cameras in {record.seconds:.0f} s",
        "answers": by_route(record.answers),
        "not asked again": f"{record.gated} questions, whose frame was like an earlier one",
        "dropped": f"{record.dropped} frames that came while nobody had time",
        "failed": f"{record.failed} questions",
        "sent to the cloud": format_size(record.sent_bytes),
        "events": f"{len(record.events)} in the log, {record.delivered} over MQTT",
    }
    if reply := record.reply:
        right = "right" if reply.answer.strip() == reply.expected else f"not {reply.expected}"
        told = f"{reply.question} {reply.answer} ({right}), {reply.route}, {format_time(reply.milliseconds)}"
        facts["OpenAI's API"] = told
    return facts


def by_route(answers: Mapping[str, int]) -> str:
    """How many answers came by each route, the most first."""
    ranked = sorted(answers.items(), key=lambda one: -one[1])
    return ", ".join(f"{count} by {route}" for route, count in ranked) or "none"


def invitation(agent: RunningAgent, curl: str) -> Iterator[str]:
    """Lines that say what a person may open; `curl`: a line that asks over OpenAI's API."""
    yield f"live page   {agent.address}/"
    yield f"figures     {agent.address}/metrics"
    yield f"OpenAI API  {curl}"
    yield f"events      isthmus edge events {agent.log}"
    yield f"MQTT        mosquitto_sub -h 127.0.0.1 -p {agent.heard.port} -t 'isthmus/#' -v"
    yield f"settings    {agent.settings}"
