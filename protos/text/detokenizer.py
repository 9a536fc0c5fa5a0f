"""Tokens back to text as they come, on the device and in the cloud alike."""

from collections.abc import Callable, Sequence

_UNFINISHED = "\ufffd"  # what a tokenizer makes of a character whose last bytes have not come yet


class IncrementalDetokenizer:
    """The text of one answer, token by token: the pieces joined are the whole answer decoded at once.

    `decode` turns token ids into text without special tokens.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._sent = 0

    @property
    def ids(self) -> Sequence[int]:
        """The tokens so far."""
        return self._ids

    @property
    def tokens(self) -> int:
        return len(self._ids)

    def add(self, token: int) -> str:
        """The text that this token makes final; may be empty."""
        self.append(token)
        return self.piece()

    def append(self, token: int) -> None:
        """A token whose text is asked for later."""
        self._ids.append(token)

    def piece(self) -> str:
        """The text that the tokens since the last piece make final; may be empty."""
        text = self._decode(self._ids)
        return "" if text.endswith(_UNFINISHED) else self._unsent(text)

    def end(self) -> str:
        """What was held back because more might have come."""
        return self._unsent(self._decode(self._ids)) if self._ids else ""

    def _unsent(self, text: str) -> str:
        piece, self._sent = text[self._sent :], max(self._sent, len(text))
        return piece
