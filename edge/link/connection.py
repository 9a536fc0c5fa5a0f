"""One gRPC channel, and how many calls are under way on it."""

from threading import Lock

import grpc

from protos.inference_pb2_grpc import InferenceStub


class Connection:
    """A channel that, once it is given up, is closed when its last call has ended. For any number of
    threads.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel, self.stub = channel, InferenceStub(channel)
        self._lock, self._calls, self._given_up = Lock(), 0, False

    def enter(self) -> None:
        """A call begins."""
        with self._lock:
            self._calls += 1

    def leave(self) -> None:
        """A call has ended."""
        with self._lock:
            self._calls -= 1
            last = self._given_up and not self._calls
        if last:
            self.channel.close()

    def give_up(self) -> None:
        """No call is to begin here any more."""
        with self._lock:
            first, self._given_up = not self._given_up, True
            idle = first and not self._calls
        if idle:
            self.channel.close()
