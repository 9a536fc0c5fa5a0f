import io

import pytest
from rich.console import Console

from deploy.demo.tables import show
from tests.deploy.demo.records import record


@pytest.mark.parametrize("width", [80, 160])
def test_no_column_is_lost_on_a_narrow_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    show(console, record())
    text = console.export_text()
    assert all(
        word in text
        for word in ("question", "right: red", "failed", "JPEG", "2000", "device", "cloud", "total")
    )
    assert all(len(line) <= width for line in text.splitlines())
