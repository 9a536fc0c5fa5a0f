"""Who may read and write what at the fleet's broker, as mosquitto's `acl_file` has it."""

from protos.errors import RequestError
from protos.fleet.topics import told_by_devices, told_to_devices

_USER = "%u"  # mosquitto puts the user's name there
_EVENTS = ("availability", "events/#", "answers/#")  # of the sinks of agent.toml: docs/events.md


def mosquitto_acl(fleet: str, controller: str) -> str:
    """Each device, whose user is called as it is, writes its own topics alone and reads what it is told; the
    user `controller` does the reverse for all of them. Nobody may do anything else. Raises RequestError for
    names that are none.
    """
    if not controller or not controller.isprintable() or controller != controller.strip():
        raise RequestError(f"{controller!r} is no name of a broker's user; give that of the controller")
    told, wishes = told_by_devices(fleet, _USER), told_to_devices(fleet, _USER)
    root = told[0].removesuffix("state")
    lines = [
        f"# The fleet {fleet}: every device's user is called as the device is.",
        *(f"pattern write {topic}" for topic in (*told, *(root + place for place in _EVENTS))),
        *(f"pattern read {topic}" for topic in wishes),
        "",
        f"user {controller}",
        *(f"topic read {topic}" for topic in told_by_devices(fleet)),
        *(f"topic readwrite {topic}" for topic in told_to_devices(fleet)),
    ]
    return "\n".join((*lines, ""))
