"""Answers that are costly to sample."""

from bench.attack.attacker import CallingAttacker
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip


class TopP(CallingAttacker):
    name = "top-p"
    words = "15 questions at once, sampled hot with top_p 0.99"
    at_once = 15

    @classmethod
    def unfit(cls, manifest: pb.Manifest) -> str:
        return "a dual encoder samples nothing" if manifest.HasField("matching") else ""

    def message(self) -> bytes:
        return self.target.altered(generation=ip.Generation(temperature=2.0, top_p=0.99))
