"""Frames of others guessed at, and room for frames taken up."""

import itertools
import secrets

from bench.attack.attacker import CallingAttacker, Target
from protos import inference_pb2 as ip
from protos.limits import CLIENT_SECRET_BYTES
from protos.pictures.frames import FRAME_BYTES, REFERENCE_BYTES


class GuessedFrames(CallingAttacker):
    name = "guessed-frames"
    words = "questions about frames that others sent, and features coded against them, by guessed digests"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._turns = itertools.cycle((self._about_a_frame, self._against_a_frame))

    def message(self) -> bytes:
        return next(self._turns)()

    def _about_a_frame(self) -> bytes:
        return self.target.altered(cached_frame=secrets.token_bytes(FRAME_BYTES), client_secret=_new_secret())

    def _against_a_frame(self) -> bytes:
        features = ip.Features()
        features.CopyFrom(self.target.request.features)
        features.reference = secrets.token_bytes(REFERENCE_BYTES)
        return self.target.altered(features=features, client_secret=_new_secret())


class ManySecrets(CallingAttacker):
    name = "many-secrets"
    words = "the same frame again and again, each time as another client's, so that all are kept"
    at_once = 4

    def message(self) -> bytes:
        return self.target.altered(client_secret=_new_secret())


def _new_secret() -> bytes:
    return secrets.token_bytes(CLIENT_SECRET_BYTES)
