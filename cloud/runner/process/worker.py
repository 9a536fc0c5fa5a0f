"""The program that runs models for a service: python -m cloud.runner.process.worker SOCKET PARENT LOG_LEVEL

It does one thing after another, as it is asked over the socket, but for loading, which goes on beside. It
holds what it has made until it is told that nobody refers to that. It ends with the service, however that
ends.
"""

import ctypes
import logging
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.utils import logging as transformers_logging

from cloud.models.memory import free_bytes
from cloud.models.served_models import ServedModel
from cloud.runner.faults import ran_out_of_memory
from cloud.runner.loading import LoadOptions, load
from cloud.runner.process import work
from cloud.runner.process.wire import MODEL, OBJECT, PREFIX, Reference, pack, sizes, unpack
from cloud.runner.sequences import Sequences
from protos.bundle import Bundle
from protos.errors import IsthmusError
from protos.parent import end_with
from splitter.families import Prefix

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


def main() -> None:
    """Work until the service hangs up."""
    descriptor, parent, level = map(int, sys.argv[1:])
    _end_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM):  # the service drains, and needs the model for that
        signal.signal(number, signal.SIG_IGN)
    transformers_logging.disable_progress_bar()
    worker = Worker(socket.socket(fileno=descriptor))
    logging.basicConfig(level=level, handlers=[_Told(worker)])
    worker.work()


class Worker:
    """Models, and what they have made for those who refer to it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._writing = connection, threading.Lock()
        self._models: dict[int, ServedModel] = {}
        self._objects: dict[int, object] = {}
        self._numbers = count()
        self._asked: Mapping[str, Callable[..., Any]] = work.WORK | {
            work.FORGET: self._forget,
            work.FREE_BYTES: _free_bytes,
            work.HELD: lambda: (len(self._models), len(self._objects)),
        }

    def work(self) -> None:
        """Until the service hangs up."""
        self.tell(work.READY, None)
        while (received := _receive(self._connection)) is not None:
            self._obey(*unpack(*received, self._found, torch.from_numpy))

    def tell(self, kind: str, value: object) -> None:
        """Something that nobody has asked for."""
        self._send(work.UNASKED, kind, value)

    def _obey(self, number: int, name: str, arguments: Sequence[Any], freed: Sequence[int]) -> None:
        for one in freed:
            self._objects.pop(one, None)
        if name == work.LOAD:
            threading.Thread(target=self._answer, args=(number, self._load, arguments), name="load").start()
        else:
            self._answer(number, self._asked[name], arguments)

    def _answer(self, number: int, asked: Callable[..., Any], arguments: Sequence[Any]) -> None:
        try:
            kind, value = work.DONE, asked(*arguments)
        except IsthmusError as error:
            facts = {name: str(fact) for name, fact in error.facts.items()}
            kind, value = work.REFUSED, [type(error).__name__, str(error), facts]
        except Exception as error:  # noqa: BLE001 - model code may raise anything
            kind, value = work.RAISED, "".join(traceback.format_exception(error))[-work.MAX_TRACEBACK :]
            if ran_out_of_memory(error):
                kind = work.NO_MEMORY
            traceback.clear_frames(error.__traceback__)  # they hold what was computed
        self._send(number, kind, value)

    def _load(
        self, number: int, path: str, digest: str, options: Mapping[str, Any], held: int | None
    ) -> list[object]:
        bundle = Bundle.open(Path(path))
        if bundle.digest != digest:
            raise IsthmusError(f"{path} is another bundle than before; start the service anew")
        model = self._models[number] = load(bundle, LoadOptions(**options), held)
        placement = model.placement
        described = [placement.device.type, placement.dtype_name, placement.why, placement.device_name]
        return [*described, model.threads]

    def _forget(self, models: Sequence[int]) -> None:
        """The objects have gone already."""
        for number in models:
            self._models.pop(number, None)
        if models and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _send(self, number: int, kind: str, value: object) -> None:
        parts = pack([number, kind, _opaque(value)], self._refer)
        with self._writing:
            for part in parts:
                self._connection.sendall(part)

    def _refer(self, thing: object) -> Reference | None:
        """Tensors and what is made of them stay here."""
        if not isinstance(thing, (Tensor, Sequences, _Opaque)):
            return None
        number = next(self._numbers)
        if isinstance(thing, _Opaque):
            self._objects[number] = thing.prefix
            return Reference(OBJECT, [number, thing.prefix.nbytes, thing.prefix.length])
        self._objects[number] = thing
        return Reference(OBJECT, [number, thing.nbytes if isinstance(thing, Tensor) else 0, 0])

    def _found(self, reference: Reference) -> object:
        if reference.kind == MODEL:
            return self._models[reference.numbers[0]]
        return self._objects[reference.numbers[0]]


class _Opaque:
    """A prefix that is not written out, as msgpack does with a dataclass."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix


def _opaque(value: object) -> object:
    if isinstance(value, Prefix):
        return _Opaque(value)
    return [_opaque(one) for one in value] if isinstance(value, (list, tuple)) else value


def _free_bytes(device: str) -> int:
    return free_bytes(torch.device(device))


class _Told(logging.Handler):
    """What is logged here is told to the service, whose log it is."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        words = self.format(record)[-work.MAX_TRACEBACK :]
        self._worker.tell(work.LOG, [record.levelno, record.name, words])


def _receive(connection: socket.socket) -> tuple[bytearray, bytearray] | None:
    """The next message; None at the end."""
    prefix = _exactly(connection, PREFIX.size)
    if prefix is None:
        return None
    head, arrays = (_exactly(connection, size) for size in sizes(prefix))
    return None if head is None or arrays is None else (head, arrays)


def _exactly(connection: socket.socket, size: int) -> bytearray | None:
    """So many bytes; None where the connection ends before."""
    received = bytearray(size)
    rest = memoryview(received)
    while rest:
        try:
            count_ = connection.recv_into(rest)
        except ConnectionError:
            return None
        if not count_:
            return None
        rest = rest[count_:]
    return received


def _end_with(parent: int) -> None:
    """End when the service does, even where it is killed and the model is in the middle of a step."""
    if sys.platform == "linux":  # also where a step never lets another thread run
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    end_with(parent)


if __name__ == "__main__":
    main()
