from protos.pages.tables import Table, TableRow, foremost


def test_the_foremost_are_few_and_each_stands_once() -> None:
    assert foremost("abacadefgh") == ["a", "b", "c", "d", "e", "f"]


def test_groups_without_rows_leave_no_gap() -> None:
    assert Table("c", ("a",), [[], [TableRow(("x",), "best")]]).markup().count("<tbody>") == 1
