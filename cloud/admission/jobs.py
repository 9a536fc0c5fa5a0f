"""A checked request as the job that the engine runs. Runs in a decode thread."""

from collections.abc import Callable

from cloud.admission.cached_inputs import CachedInputs, Request
from cloud.admission.vision_inputs import DecodePicture, vision_input
from cloud.engine.job import EmbeddingJob, GenerationJob, Job, VisionInput
from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail
from cloud.runner.sampling import sampler
from protos import inference_pb2 as ip
from protos.errors import RequestError
from protos.limits import check_labels, check_no_question, check_question, check_texts
from protos.matching import label_texts

Asked = ip.InferRequest | ip.WatchOpening  # what is asked of a picture, beside the picture


def make_job(tail: Tail | DualEncoder, request: Request, cached: CachedInputs, decode: DecodePicture) -> Job:
    """Check and decode a request, a picture by `decode`. Raises what protos/errors.py has for each thing that
    can be wrong.
    """
    if isinstance(request, ip.EmbedRequest):
        return _embedding(tail, request, cached, decode)
    return answer_job(tail, request, lambda: vision_input(tail, request, cached, decode))


def answer_job(tail: Tail | DualEncoder, asked: Asked, see: Callable[[], VisionInput]) -> Job:
    """Check what is asked, then `see` the picture that it is asked of. Raises PromptError, RequestError, and
    what `see` raises.
    """
    check_labels(asked.labels, tail.bundle.manifest)
    return _labelling(tail, asked, see) if isinstance(tail, DualEncoder) else _generation(tail, asked, see)


def _generation(tail: Tail, asked: Asked, see: Callable[[], VisionInput]) -> GenerationJob:
    wanted, limit = asked.generation, tail.limits.max_new_tokens
    check_question(asked.question, tail.limits)
    draw = sampler(wanted)
    image = see()
    return GenerationJob(
        tail=tail,
        image=image,
        prompt=tail.prompts.build(asked.question, image.grid),
        max_tokens=min(wanted.max_tokens or limit, limit),
        sampler=draw,
    )


def _labelling(tail: DualEncoder, asked: Asked, see: Callable[[], VisionInput]) -> EmbeddingJob:
    check_no_question(asked.question, tail.bundle.manifest)
    image = see()
    labels = tuple(asked.labels or tail.matching.labels)
    return EmbeddingJob(
        tail=tail, image=image, labels=labels, texts=tuple(label_texts(tail.matching, labels))
    )


def _embedding(
    tail: Tail | DualEncoder, request: ip.EmbedRequest, cached: CachedInputs, decode: DecodePicture
) -> EmbeddingJob:
    if not isinstance(tail, DualEncoder):
        raise RequestError(
            f"{tail.bundle.manifest.model} answers questions and has no embeddings to compare; ask it "
            "with Infer"
        )
    if not request.HasField("texts"):
        return EmbeddingJob(tail=tail, image=vision_input(tail, request, cached, decode))
    texts = tuple(request.texts.texts)
    if not texts:
        raise RequestError("the request holds no text; give at least one")
    check_texts(texts, tail.matching)
    return EmbeddingJob(tail=tail, image=None, texts=texts)
