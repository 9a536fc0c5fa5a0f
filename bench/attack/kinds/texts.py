"""Texts that the service has to read anew."""

import itertools

from bench.attack.attacker import CallingAttacker, Target
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip


class NewTexts(CallingAttacker):
    name = "new-texts"
    words = "8 requests at once of 10 texts that are always new, which fill the cache of embeddings"
    method = "Embed"
    count = 10  # texts of a request

    @classmethod
    def unfit(cls, manifest: pb.Manifest) -> str:
        return "" if manifest.HasField("matching") else "a generative model embeds no texts"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._numbers = itertools.count()

    def message(self) -> bytes:
        count = min(self.count, self.target.manifest.matching.max_texts)
        texts = [f"a photo of number {number}" for number in itertools.islice(self._numbers, count)]
        return ip.EmbedRequest(
            bundle=self.target.request.bundle, texts=ip.Texts(texts=texts)
        ).SerializeToString()


class LongLists(NewTexts):
    name = "long-lists"
    words = "16 requests at once of 1,000 texts that are always new"
    count, at_once = 1000, 16
