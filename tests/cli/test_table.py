"""Tables that fit."""

from __future__ import annotations

import pytest

from zoldyq.cli.table import Cell, Column, shortened, table

COLUMNS = (Column("NAME"), Column("SIZE"), Column("AGE", 2), Column("FULL", 1))
LONG = "orders." + "x" * 100 + ".retry"


def test_columns_are_as_wide_as_their_widest_cell():
    assert table((Column("NAME"), Column("N")), [("a", "1,000"), ("longer", "2")]) == [
        "NAME        N",
        "a       1,000",
        "longer      2",
    ]


def test_a_long_name_is_shortened_in_its_middle_and_all_figures_stay():
    lines = table(COLUMNS, [(LONG, "12", "3.0s", "4"), ("b", "1", "2", "3")], 40)
    assert [len(line) for line in lines] == [40, 40, 40]
    assert lines[1].startswith("orders.")
    assert lines[1].split()[0].endswith(".retry")
    assert lines[1].split()[1:] == ["12", "3.0s", "4"]


def test_columns_of_the_highest_rank_go_first_where_it_is_narrower():
    lines = table(COLUMNS, [(LONG, "12", "3.0s", "4")], 24)
    assert lines[0].split() == ["NAME", "SIZE", "FULL"]
    lines = table(COLUMNS, [(LONG, "12", "3.0s", "4")], 18)
    assert lines[0].split() == ["NAME", "SIZE"]


@pytest.mark.parametrize("width", [1, 5, 10, 20, 80, 200])
def test_no_line_is_wider_than_the_terminal_unless_a_figure_alone_is(width):
    lines = table(COLUMNS, [(LONG, "12", "3.0s", "4")], width)
    assert all(len(line) <= max(width, len("N  SIZE")) for line in lines)


def test_without_a_width_nothing_is_shortened():
    assert table(COLUMNS, [(LONG, "12", "3.0s", "4")])[1].startswith(LONG)


def test_no_rows_leave_the_header():
    assert table(COLUMNS, []) == ["NAME  SIZE  AGE  FULL"]


def test_cells_have_colours_on_a_terminal_alone():
    assert table(COLUMNS[:2], [("a", Cell("1", "red"))])[1] == "a        1"


@pytest.mark.parametrize(
    ("width", "text"), [(10, "0123456789"), (9, "0123…6789"), (4, "01…9"), (2, "01"), (1, "0")]
)
def test_a_text_is_shortened_to_its_width(width, text, monkeypatch):
    monkeypatch.setattr("zoldyq.cli.terminal.ellipsis_sign", lambda: "…")
    assert shortened("0123456789", width) == text
