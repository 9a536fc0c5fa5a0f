"""The text of an answer that is told as it comes, and what becomes of it where the answer begins anew.

Nothing that was told can be taken back. Where the cloud dies in mid-answer and the device answers anew, the
new answer is held back for as long as it repeats what was told, and goes on from there; where it says
something else, `end` says so.
"""


class StreamText:
    """`add` gives what is to be told now."""

    def __init__(self, *, hold: bool = False) -> None:
        """`hold`: tell nothing before the answer is whole."""
        self._hold, self._told, self._repeated = hold, "", ""
        self._repeating = False

    def add(self, piece: str) -> str:
        """The next piece of the answer: what of it is to be told."""
        if self._hold:
            return ""
        if not self._repeating:
            self._told += piece
            return piece
        self._repeated += piece
        if not self._repeated.startswith(self._told):
            return ""
        more = self._repeated[len(self._told) :]
        self._told, self._repeating = self._repeated, False
        return more

    def restart(self) -> None:
        """The answer begins anew: what came of it before is void."""
        self._repeated, self._repeating = "", bool(self._told)

    def end(self, text: str) -> str | None:
        """The answer is whole: what of it is still to be told; None where something else was told before."""
        return text[len(self._told) :] if text.startswith(self._told) else None
