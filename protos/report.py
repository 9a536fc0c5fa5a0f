"""What a split measured of every way to answer, beside a bundle's manifest: the one reader of report.json."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import Self

from protos.bundle import REPORT, Bundle
from protos.errors import BundleDamaged

MAX_REPORT_BYTES = 64 << 20
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "route": str,
    "bytes_mean": (int, float),
    "accuracy": (int, float),
    "by_kind": dict,
}

ReportRows = Sequence[Mapping[str, Any]]


class Report:
    """A bundle's report. A device has none, and a bundle that was not split by us may have none."""

    def __init__(self, bundle: Bundle, fields: Mapping[str, Any]) -> None:
        self._bundle, self._fields = bundle, fields

    @staticmethod
    def present(bundle: Bundle) -> bool:
        """Whether there is one."""
        return (bundle.path / REPORT).exists()

    @classmethod
    def find(cls, bundle: Bundle) -> Self | None:
        """The report where the file is there, else None. Raises BundleDamaged."""
        return cls.read(bundle) if cls.present(bundle) else None

    @classmethod
    def read(cls, bundle: Bundle) -> Self:
        """Raises BundleDamaged for a report that is absent, broken, or another bundle's."""
        try:
            with (bundle.path / REPORT).open("rb") as stream:
                fields = json.loads(stream.read(MAX_REPORT_BYTES))
        except OSError as error:
            raise _damaged(bundle, str(error.strerror)) from error
        except (ValueError, RecursionError) as error:
            raise _damaged(bundle, f"{type(error).__name__}: {error}") from error
        if not isinstance(fields, dict) or fields.get("bundle") != bundle.digest:
            raise _damaged(bundle, "it is not this bundle's")
        return cls(bundle, fields)

    @property
    def rows(self) -> ReportRows:
        """Of each route the mean bytes, the accuracy, and the accuracy by kind of question in percent; with
        its interval, the loss and its error, and the share of identical answers, where they are told.

        Raises BundleDamaged.
        """
        rows = self._fields.get("rows")
        if not isinstance(rows, list) or not rows or not all(map(_sound, rows)):
            raise _damaged(self._bundle, "no rows by kind")
        return rows

    @property
    def count(self) -> int:
        """Over how many answers each accuracy was taken, of pictures where none were asked for; 0 where that
        is not told.
        """
        found = self._fields.get("n")
        return found if isinstance(found, int) and found > 0 else 0

    @property
    def measure(self) -> str:
        """What accuracies are of; empty where that is not told."""
        return str(self._fields.get("measure") or "")

    @property
    def counts(self) -> dict[str, int]:
        """How many questions of each kind there were; empty where that is not told."""
        kinds = self._fields.get("kinds")
        sound = isinstance(kinds, dict) and all(isinstance(count, int) for count in kinds.values())
        return dict(kinds) if sound and kinds else {}

    @property
    def precision(self) -> dict[str, Any]:
        """What was measured of the head's precision."""
        return dict(self._fields.get("precision") or {})

    @property
    def warnings(self) -> list[str]:
        """What the split warned of: losses that spoil answers."""
        return list(map(str, self._fields.get("warnings") or []))

    @property
    def fitted_on(self) -> frozenset[str]:
        """The fingerprints of the pictures that the bundle was fitted on."""
        return frozenset(map(str, self._fields.get("fitted_on") or []))


def _sound(row: Any) -> bool:
    typed = isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in _FIELDS.items())
    return typed and all(isinstance(value, int | float) for value in row["by_kind"].values())


def _damaged(bundle: Bundle, why: str) -> BundleDamaged:
    return BundleDamaged(
        f"{bundle.path / REPORT} cannot be used ({why}); copy it from where the bundle was split",
        file=REPORT,
        bundle=bundle.digest,
    )
