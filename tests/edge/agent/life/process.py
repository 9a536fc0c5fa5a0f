"""An agent as a process of its own, and a folder that it is set up in."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import Queue
from typing import Any

import cv2

from splitter.nano.scenes import picture

ROOT = Path(__file__).parents[4]
PATIENCE = 90.0


class Agent:
    """`isthmus edge run FILE --json`; its lines as they come."""

    def __init__(self, settings: Path, **variables: str) -> None:
        command = [sys.executable, "-m", "isthmus", "edge", "run", str(settings), "--json"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | variables, stdin=pipe, stdout=pipe, stderr=pipe
        )
        self._answers, self._log = Queue[bytes](), Queue[bytes]()
        streams = ((self.process.stdout, self._answers), (self.process.stderr, self._log))
        self._threads = [threading.Thread(target=_read, args=both) for both in streams]
        for thread in self._threads:
            thread.start()

    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._answers.get(timeout=PATIENCE))
        return found

    def says(self, words: str) -> str:
        """The next line of its log that has these words."""
        while words not in (line := self._log.get(timeout=PATIENCE).decode()):
            assert "Traceback" not in line
        return line

    def rest(self) -> str:
        """What is left of the log."""
        return b"".join(self._log.queue).decode()

    def ends(self) -> int:
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Kill it where it has not ended."""
        self.process.kill()
        for thread in self._threads:
            thread.join()
        with self.process:
            pass


def _read(stream: Any, lines: "Queue[bytes]") -> None:
    for line in stream:
        lines.put(line)


class Setting:
    """A folder for a test: `agent.toml`, pictures, and what is remembered."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder, self.inbox, self.file = folder, folder / "in", folder / "agent.toml"
        self.cache = folder / "cache"
        self.inbox.mkdir()
        self._head, self._agents = f'bundle = "{bundle}"\n', list[Agent]()

    def write(self, *sources: str, update: str = "", cloud: str = "") -> None:
        """`update`: the lines of that section; `cloud`: its address."""
        head = self._head + (f"[update]\n{update}\n" if update else "")
        head += f'[cloud]\naddress = "{cloud}"\n' if cloud else ""
        question = '[[source.question]]\nname = "what"\ntext = "describe the image"\n'
        self.file.write_text(head + "".join(f"[[source]]\n{source}\n{question}" for source in sources))

    def folder_source(self, name: str = "inbox", more: str = "") -> str:
        return (
            f'kind = "folder"\nname = "{name}"\npath = "{self.inbox}"\nlook = "20ms"\nrate = "100/s"\n{more}'
        )

    def put(self, name: str, seed: int = 77) -> None:
        cv2.imwrite(str(self.inbox / name), picture(seed).image[..., ::-1])

    def run(self, **variables: str) -> Agent:
        agent = Agent(self.file, ISTHMUS_CACHE=str(self.cache), **variables)
        self._agents.append(agent)
        return agent

    def end(self) -> None:
        for agent in self._agents:
            agent.close()


def send(agent: Agent, number: signal.Signals) -> None:
    agent.process.send_signal(number)
