"""A bundle's model by its kind, and how wide it is."""

from transformers import AutoConfig

from cloud.models.dual_encoder import DualEncoder
from cloud.models.placement import Placement
from cloud.models.tail import Tail
from protos.bundle import Bundle


def open_tail(bundle: Bundle, placement: Placement) -> Tail | DualEncoder:
    """Load a bundle's model. Raises BundleError or CheckpointError."""
    return DualEncoder(bundle, placement) if bundle.manifest.HasField("matching") else Tail(bundle, placement)


def model_width(bundle: Bundle) -> int:
    """The width of a bundle's language model, from its configuration alone."""
    config = AutoConfig.from_pretrained(bundle.folder("cloud"), local_files_only=True)
    return int(config.get_text_config().hidden_size)
