"""Questions to tokens, and tokens back to text as they come."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from protos import bundle_pb2 as pb
from protos.errors import PromptError
from protos.limits import check_question
from protos.pictures.tiles import ONE_TILE, Grid
from protos.text.prompt import write_prompt

_UNFINISHED = "\ufffd"  # what a tokenizer makes of a character whose last bytes have not come yet


class Prompts:
    """The prompt template of one bundle with its tokenizer."""

    def __init__(self, tokenizer: Path, prompt: pb.Prompt, limits: pb.Limits) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._prompt, self._limits = prompt, limits

    def build(self, question: str, grid: Grid = ONE_TILE) -> list[int]:
        """The prompt's token ids, with `image_tokens` times the image token for each tile of the picture.
        Raises PromptError.
        """
        check_question(question, self._limits)
        text = write_prompt(self._prompt.template, self._prompt.picture, question, grid)
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if (
            self._prompt.image_tokens
            and ids.count(self._prompt.image_token) != self._prompt.image_tokens * grid.tiles
        ):
            image = self._tokenizer.id_to_token(self._prompt.image_token)
            raise PromptError(f"the question contains {image}, which stands for the picture; leave it out")
        if len(ids) > self._limits.max_prompt_tokens:
            message = (
                f"the prompt has {len(ids)} tokens, at most {self._limits.max_prompt_tokens} fit; "
                "ask a shorter question"
            )
            raise PromptError(message, tokens=len(ids))
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """Token ids as text, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


class IncrementalDetokenizer:
    """The text of one answer, given piece by piece: the pieces joined are the whole answer decoded at
    once.
    """

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._ids: list[int] = []
        self._said = 0

    @property
    def tokens(self) -> int:
        return len(self._ids)

    def add(self, token: int) -> str:
        """The text that this token makes final; may be empty."""
        self._ids.append(token)
        text = self._prompts.text(self._ids)
        return "" if text.endswith(_UNFINISHED) else self._rest(text)

    def end(self) -> str:
        """What was held back because more might have come."""
        return self._rest(self._prompts.text(self._ids)) if self._ids else ""

    def _rest(self, text: str) -> str:
        piece, self._said = text[self._said :], max(self._said, len(text))
        return piece
