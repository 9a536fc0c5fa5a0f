"""What a request asks, as content filters see it."""

from cloud.admission.cached_inputs import Owned
from cloud.filters.content_filter import AskedContent
from protos import inference_pb2 as ip


def asked_content(request: Owned) -> AskedContent:
    """The texts and the picture of a request, or of what opens a stream."""
    if isinstance(request, ip.EmbedRequest):
        return AskedContent(list(request.texts.texts), request.picture.data)
    picture = request.picture.data if isinstance(request, ip.InferRequest) else b""
    return AskedContent([request.question, *request.labels], picture)
