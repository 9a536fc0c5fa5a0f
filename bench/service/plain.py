"""The rival: a plain grpc.aio server around transformers' `generate`, one answer after another.

python -m bench.service.plain BUNDLE DEVICE DTYPE THREADS

It takes the same requests and decodes them by the bundle's codecs; an answer comes whole.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import torch

from bench.service.model import AnsweringModel, Seen
from protos import inference_pb2 as ip
from protos.inference_pb2_grpc import InferenceServicer, add_InferenceServicer_to_server
from splitter.families.causal import generating_by
from splitter.families.files.generation import plain


class PlainInference(InferenceServicer):  # type: ignore[misc] # generated without types
    """Infer, and nothing else."""

    def __init__(self, model: AnsweringModel) -> None:
        self._model, self._worker = model, ThreadPoolExecutor(1)

    async def Infer(self, request: ip.InferRequest, _: Any) -> AsyncIterator[ip.InferReply]:  # noqa: N802 - gRPC's name
        """Answer in one piece."""
        seen = await asyncio.to_thread(self._model.see, request)
        answer = await asyncio.get_running_loop().run_in_executor(self._worker, self._generate, seen)
        yield ip.InferReply(text=self._model.tail.detokenize(answer))
        yield ip.InferReply(done=ip.Done(reason=ip.Done.LENGTH, tokens=len(answer)))

    @torch.inference_mode()
    def _generate(self, seen: Seen) -> list[int]:
        self._model.tail.use_threads()
        embeds = self._model.embeds(seen)
        with generating_by(self._model.speaker, plain):
            out = self._model.speaker.generate(
                inputs_embeds=embeds,
                attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device),
                max_new_tokens=seen.max_tokens,
                eos_token_id=list(self._model.tail.stop_tokens) or None,
                do_sample=False,
                num_beams=1,
            )
        return [int(token) for token in out[0] if int(token) not in self._model.tail.stop_tokens]


async def serve(bundle: Path, device: str, dtype: str, threads: int) -> None:
    """Serve until killed."""
    server = grpc.aio.server()
    add_InferenceServicer_to_server(PlainInference(AnsweringModel(bundle, device, dtype, threads)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
