"""What Describe answers: the version, the bundles served, and how large a request may be."""

from cloud.models.served_models import ServedModels
from cloud.version import version
from protos import inference_pb2 as ip


def describe(models: ServedModels, max_request_bytes: int, recommended: str) -> ip.DescribeReply:
    """Describe the service of these models to a caller who should work with the one `recommended`, if that is
    not empty; the load is left open.
    """
    placements = [model.placement for model in models]
    description = ip.DescribeReply(
        version=version(),
        device=placements[0].device_name,
        dtype=", ".join(dict.fromkeys(placement.dtype_name for placement in placements)),
        max_request_bytes=max_request_bytes,
    )
    for model in models:
        manifest = model.bundle.manifest
        cuts = [cut.name for cut in manifest.cuts]
        description.bundles.add(
            digest=model.digest,
            model=manifest.model,
            cuts=cuts,
            recommended=model.digest == recommended,
        )
    return description
