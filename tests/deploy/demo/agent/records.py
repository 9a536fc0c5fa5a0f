"""What an agent did that did all."""

from deploy.demo.agent.agent_record import AgentRecord, EndpointReply, SeenEvent

QUESTION = "how many squares are there?"


def seen(text: str = "1") -> AgentRecord:
    """`text`: of whatever a model, a camera or a person has written."""
    begin = SeenEvent(0.0, "belt", text, "begin", text)
    return AgentRecord(
        seconds=7.0,
        configuration=text,
        answers={"local": 9, "split@connector/int8-zstd": 4},
        read=100,
        dropped=80,
        gated=7,
        sent_bytes=1234,
        events=[begin],
        delivered=1,
        live_page=True,
        reply=EndpointReply(QUESTION, "1", text, "local", 20.0),
    )
