"""An operator's labels to their embeddings, by a bundle's own text tower."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from protos.bundle import Bundle
from protos.errors import CheckpointError
from protos.labels import Labels
from protos.limits import check_labels
from protos.matching import label_texts
from splitter.families import Matching, family
from splitter.families.loading import load_model
from splitter.families.texts import embed_texts


def embed_labels(bundle: Bundle, names: Sequence[str]) -> Labels:
    """Raises PromptError for labels that the bundle cannot take, BundleDamaged where its cloud part is not
    there.
    """
    check_labels(names, bundle.manifest)
    kind, matching = family(bundle.manifest.family), bundle.manifest.matching
    if not isinstance(kind, Matching):
        raise CheckpointError(f"a {kind.name} matches no texts")
    tokenizer = Tokenizer.from_file(str(bundle.file(matching.tokenizer)))
    model = load_model(bundle.folder("cloud"))
    return Labels(tuple(names), embed_texts(kind, model, tokenizer, label_texts(matching, names)).numpy())
