"""Blanks between thousands: the right number, or the two ways in which numbers are written."""

import math

import numpy as np
import pytest

from alignkit.errors import DataError
from alignkit.tables import read_table
from alignkit.tables.numbers import Marks, is_number

BLANKS = (" ", "\u00a0", "\u2009", "\u202f")


def _spelled(value, blank, decimal, places):
    whole, _, rest = f"{value:,.{places}f}".partition(".")
    return whole.replace(",", blank) + (decimal + rest if places else "")


def _table(path, columns, separator=";"):
    names = [f"c{number}" for number in range(len(columns))]
    rows = [names, *zip(*columns, strict=True)]
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n", encoding="utf-8")
    return read_table(path)


@pytest.mark.parametrize("separator", [";", "\t", ",", "|"])
@pytest.mark.parametrize("blank", BLANKS, ids=["blank", "no-break", "thin", "narrow"])
def test_numbers_are_the_same_with_and_without_blanks(tmp_path, blank, separator):
    rng = np.random.default_rng(0)
    for decimal in [d for d in ",." if d != separator]:
        for places in (0, 1, 2, 3, 6):
            values = (rng.standard_normal((30, 2)) * 10.0 ** rng.integers(0, 9, (30, 2))).round(
                places
            )
            values += 0.0  # no minus zero
            values[0] = 1234567, 8.5 if places else 8
            columns = [[_spelled(v, blank, decimal, places) for v in side] for side in values.T]
            table = _table(tmp_path / "t.csv", columns, separator)
            np.testing.assert_array_equal(table.numbers(["c0", "c1"]), values)


@pytest.mark.parametrize("blank", BLANKS)
def test_a_mark_before_three_digits_is_a_decimal_mark_beside_blanks(tmp_path, blank):
    table = _table(tmp_path / "t.csv", [[f"12{blank}345", "1,234", "7"]] * 2)
    np.testing.assert_array_equal(table.numbers(["c0", "c1"]), [[12345] * 2, [1.234] * 2, [7] * 2])
    table = _table(tmp_path / "t.csv", [[f"12{blank}345", "1.234", "7"]] * 2)
    np.testing.assert_array_equal(table.numbers(["c0", "c1"]), [[12345] * 2, [1.234] * 2, [7] * 2])


@pytest.mark.parametrize(
    "others", [["1,234,567"], ["1.234.567"], ["1,234", "0.5"], ["1.234", "0,5"], ["1,234", "1.234"]]
)
def test_other_marks_between_thousands_are_refused_beside_blanks(tmp_path, others):
    for cells in (["12 345", *others], [*others, "12 345"]):
        table = _table(tmp_path / "t.csv", [cells, ["1"] * len(cells)])
        with pytest.raises(DataError, match="written in two ways"):
            table.numbers(["c0", "c1"])


@pytest.mark.parametrize(
    "cell", ["1 23", "12 34 567", "0 123", "1  234", "1 2345", "a 123", "1 234 "]
)
def test_other_blanks_make_no_number(cell):
    for blank in BLANKS:
        written = cell.replace(" ", blank)
        expected = 1234.0 if cell == "1 234 " else None
        assert Marks().number(written) == expected
        assert is_number(written) == (expected is not None)
    assert math.isnan(Marks().number(" "))
