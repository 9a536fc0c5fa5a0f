"""Run a command where there is nobody to call: a network namespace of its own, whose only name server counts
what is asked, and a home folder of its own. Prints JSON: the names that were asked for, and the exit status.

python tests/alone.py HOME COMMAND..., under `unshare --map-root-user --net --mount`.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

# what libraries take for a build machine, on which they are silent
_BUILD_MACHINE = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID", "JENKINS_URL", "ORT_DISABLE_TELEMETRY")


def main() -> None:
    home, *command = sys.argv[1:]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.NamedTemporaryFile("w") as resolver:
        resolver.write("nameserver 127.0.0.1\n")
        resolver.flush()
        subprocess.run(["mount", "--bind", resolver.name, "/etc/resolv.conf"], check=True)
        asked: set[str] = set()
        threading.Thread(target=_serve_names, args=(_name_server(), asked), daemon=True).start()
        environment = {key: value for key, value in os.environ.items() if key not in _BUILD_MACHINE}
        environment |= {"HOME": home, "XDG_CACHE_HOME": "", "ISTHMUS_CACHE": f"{home}/isthmus"}
        done = subprocess.run(
            command, check=False, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr
        )
    print(json.dumps({"asked": sorted(asked), "status": done.returncode}))


def _name_server() -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    return server


def _serve_names(server: socket.socket, asked: set[str]) -> None:
    """Note each question; there is no such name."""
    while True:
        question, sender = server.recvfrom(512)
        labels, at = [], 12
        while size := question[at]:
            labels.append(question[at + 1 : at + 1 + size].decode("ascii", "replace"))
            at += 1 + size
        asked.add(".".join(labels))
        server.sendto(question[:2] + b"\x81\x83" + question[4:6] + bytes(6) + question[12 : at + 5], sender)


if __name__ == "__main__":
    main()
