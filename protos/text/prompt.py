"""A bundle's prompt written out, the same on the device, in the cloud and in the splitter."""

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Protocol

from protos import bundle_pb2 as pb
from protos.errors import PromptError
from protos.limits import check_question
from protos.pictures.tiles import ONE_TILE, Grid
from protos.text.template import fill

PICTURE, QUESTION = "{picture}", "{question}"


class Encoding(Protocol):
    """What a tokenizer makes of a text."""

    @property
    def ids(self) -> Sequence[int]: ...


class Tokenizer(Protocol):
    """What is used of a `tokenizers.Tokenizer`; this package does not import it."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Encoding:
        """A text to token ids."""

    def id_to_token(self, id: int) -> str | None:  # noqa: A002 - the library's own name
        """A token as text."""


def here_and_now() -> datetime:
    """The date and time where this machine stands."""
    return datetime.now(timezone.utc).astimezone()


class PromptBuilder:
    """The prompt template of one bundle with its tokenizer.

    `max_tokens`: the longest prompt that fits the model, if that is less than the bundle's limit. `clock`
    gives the date to templates that write one.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt: pb.Prompt,
        limits: pb.Limits,
        max_tokens: int | None = None,
        clock: Callable[[], datetime] = here_and_now,
    ) -> None:
        self._tokenizer, self._prompt, self._limits, self._clock = tokenizer, prompt, limits, clock
        self._max_tokens = min(limits.max_prompt_tokens, max_tokens or limits.max_prompt_tokens)

    def build(self, question: str, grid: Grid = ONE_TILE) -> list[int]:
        """Token ids of the question in the template, with as many image tokens as the picture has.

        Raises PromptError for a question that does not fit the model.
        """
        check_question(question, self._limits)
        text = write_prompt(self._prompt, question, grid, self._clock())
        ids = list(self._tokenizer.encode(text, add_special_tokens=False).ids)
        self._check(ids, grid)
        return ids

    def _check(self, ids: Sequence[int], grid: Grid) -> None:
        wanted = self._prompt.image_tokens * grid.tiles
        if wanted and ids.count(self._prompt.image_token) != wanted:
            image = self._tokenizer.id_to_token(self._prompt.image_token)
            raise PromptError(f"the question contains {image}, which stands for the picture; leave it out")
        if len(ids) > self._max_tokens:
            message = (
                f"the prompt has {len(ids)} tokens, at most {self._max_tokens} fit; ask a shorter question"
            )
            raise PromptError(message, tokens=len(ids))


def write_prompt(prompt: pb.Prompt, question: str, grid: Grid, now: datetime) -> str:
    """The prompt of a question about a picture of this grid. Blanks around the question are left out, as chat
    templates do.
    """
    values = {"picture": write_picture(prompt.picture, grid), "question": question.strip()}
    return fill(prompt.template, values, now)


def write_picture(text: pb.PictureText, grid: Grid) -> str:
    """What stands for a picture, its tiles row by row and then the whole of it."""
    if grid.tiles == 1:
        return text.alone
    rows = (
        "".join(
            fill(text.tile, {"row": str(row), "column": str(column)}) for column in range(1, grid.columns + 1)
        )
        for row in range(1, grid.rows + 1)
    )
    return "".join(row + text.row_end for row in rows) + text.whole
