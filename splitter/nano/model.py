"""What the built-in model is made of: a small Idefics3 (SmolVLM's design), its tokenizer and its processor.

Nothing here is special to Isthmus: the folder `weights/` loads with `AutoModelForImageTextToText` and
`AutoProcessor`.
"""

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, PreTrainedTokenizerFast
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.idefics3.processing_idefics3 import Idefics3Processor

from splitter.nano.questions import words
from splitter.nano.scenes import SIDE

PATCH = 16
SHUFFLE = 2
IMAGE_TOKENS = (SIDE // PATCH // SHUFFLE) ** 2

_PAD, _BOS, _EOS, _UNKNOWN = "<pad>", "<bos>", "<eos>", "<unk>"
_IMAGE = "<image>"
_AROUND_IMAGE = "<fake_token_around_image>"
_GLOBAL = "<global-img>"
_END = "<end_of_utterance>"
_SPECIAL = [_PAD, _BOS, _EOS, _UNKNOWN, _IMAGE, _AROUND_IMAGE, _GLOBAL, _END]
_CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% if message['role'] == 'user' %}<end_of_utterance>{% else %}<eos>{% endif %}{% endfor %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a word, lower case; a question mark or a full stop is dropped, so that it may be left out."""
    names = [*_SPECIAL, *words()]
    core = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token=_UNKNOWN))
    core.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace("?", " "), normalizers.Replace(".", " ")]
    )
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=_PAD,
        bos_token=_BOS,
        eos_token=_EOS,
        unk_token=_UNKNOWN,
        additional_special_tokens=[_IMAGE, _AROUND_IMAGE, _GLOBAL, _END],
        padding_side="left",
        model_max_length=256,
    )


def processor() -> Idefics3Processor:
    """The Idefics3 processor for one 128 x 128 picture without tiles."""
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}, do_image_splitting=False
    )
    return Idefics3Processor(images, tokenizer(), image_seq_len=IMAGE_TOKENS, chat_template=_CHAT_TEMPLATE)


def config() -> Idefics3Config:
    """The model's sizes: 5.4 million parameters, 64 patches, 16 image tokens."""
    ids = {name: i for i, name in enumerate(_SPECIAL)}
    vocabulary = len(_SPECIAL) + len(words())
    vision = {
        "hidden_size": 192,
        "intermediate_size": 768,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    text = {
        "model_type": "llama",
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "vocab_size": vocabulary,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "pad_token_id": ids[_PAD],
        "bos_token_id": ids[_BOS],
        "eos_token_id": ids[_EOS],
    }
    return Idefics3Config(
        vision_config=vision,
        text_config=text,
        scale_factor=SHUFFLE,
        image_token_id=ids[_IMAGE],
        pad_token_id=ids[_PAD],
        bos_token_id=ids[_BOS],
        eos_token_id=ids[_EOS],
        tie_word_embeddings=True,
        attn_implementation="eager",
    )


def untrained(seed: int, patches: torch.Tensor) -> Idefics3ForConditionalGeneration:
    """A model from scratch, its patch embedding whitened on sample `patches` (count, 3 * 16 * 16).

    Default initialisation stalls on this task: a whitened first layer and sin-cos positions are what lets
    vision start.
    """
    torch.manual_seed(seed)
    model = Idefics3ForConditionalGeneration(config())
    for name, weight in model.named_parameters():
        if weight.dim() == 2 and "position" not in name:
            gain = (
                0.4
                if name.endswith(("out_proj.weight", "fc2.weight", "o_proj.weight", "down_proj.weight"))
                else 1.0
            )
            torch.nn.init.normal_(weight, std=gain * weight.shape[1] ** -0.5)
    embeddings = model.model.vision_model.embeddings
    embeddings.patch_embedding.weight.data = _whitening(patches, embeddings.embed_dim).view_as(
        embeddings.patch_embedding.weight
    )
    embeddings.position_embedding.weight.data = _sin_cos(SIDE // PATCH, embeddings.embed_dim)
    return model


def _whitening(patches: torch.Tensor, width: int) -> torch.Tensor:
    """The first `width` principal directions of the patches, each scaled so that its output has unit
    variance.
    """
    centred = (patches - patches.mean(0)).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    top = vectors[:, -width:] / (values[-width:] + 1e-3).sqrt()
    return torch.as_tensor(top.T.float().contiguous())


def _sin_cos(side: int, width: int) -> torch.Tensor:
    """Two-dimensional sine-cosine positions (side * side, width), as in MAE (He et al. 2022)."""
    quarter = width // 4
    frequency = 1.0 / 100 ** (torch.arange(quarter) / quarter)
    angles = torch.arange(side)[:, None] * frequency
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    rows, columns = axis[:, None].expand(-1, side, -1), axis[None].expand(side, -1, -1)
    return torch.cat([rows, columns], 2).reshape(side * side, width)
