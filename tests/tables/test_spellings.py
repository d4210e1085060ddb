"""One known table in many spellings: the values are the same, or one line says what is wrong."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignkit.errors import AlignkitError, DataError
from alignkit.metrics import Representation, read_arrays
from alignkit.metrics.joining import matched
from alignkit.tables import read_table

ROWS, COLUMNS = 12, 4
VALUES = np.random.default_rng(5).standard_normal((ROWS, COLUMNS)).round(5)
VALUES[0] = [-0.5, 1e-4, 12345.25, 3.0]
REFERENCE = Representation(VALUES, [str(row) for row in range(ROWS)], "reference")
ID_NAMES = ("id", "ID", "image_id", "imageId", "index", "Unnamed: 0", "__index_level_0__", "")


@dataclass(frozen=True)
class Spelling:
    separator: str = ","
    decimal: str = "."
    quotes: str = "none"
    encoding: str = "utf-8"
    line_end: str = "\n"
    last_end: bool = True
    id_name: str | None = "id"
    id_last: bool = False
    spare: str = "none"
    blank_lines: bool = False
    comments: int = 0
    blanks: bool = False
    minus: str = "-"
    shuffled: bool = False
    suffix: str = ".csv"

    def cell(self, text: str, header: bool = False) -> str:
        enclosed = self.quotes == "all" or (self.quotes == "header" and header)
        enclosed = enclosed or self.separator in text
        text = f'"{text}"' if enclosed else text
        return f" {text} " if self.blanks and not header else text

    def number(self, value: float) -> str:
        text = f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.5f}"
        return text.replace("-", self.minus, text.startswith("-")).replace(".", self.decimal)

    def rows(self) -> list[list[str]]:
        names = [f"x{column}" for column in range(COLUMNS)]
        cells = [[self.number(value) for value in row] for row in VALUES]
        if self.id_name is not None:
            at = COLUMNS if self.id_last else 0
            names.insert(at, self.id_name)
            for number, row in enumerate(cells):
                row.insert(at, str(number))
        order = np.random.default_rng(1).permutation(ROWS) if self.shuffled else range(ROWS)
        return [names, *(cells[row] for row in order)]

    def lines(self) -> list[str]:
        lines = []
        for number, row in enumerate(self.rows()):
            line = self.separator.join(self.cell(text, number == 0) for text in row)
            if self.spare == "all" or (self.spare == "rows" and number):
                line += self.separator
            lines.append(line)
        if self.blank_lines:
            lines[3:3] = ["", "  "]
        return [f"# made by hand, {i}" for i in range(self.comments)] + lines

    def bytes(self) -> bytes:
        text = self.line_end.join(self.lines()) + (self.line_end if self.last_end else "")
        return text.encode(self.encoding)


@st.composite
def spellings(draw):
    id_name = draw(st.sampled_from((*ID_NAMES, None)))
    return Spelling(
        separator=draw(st.sampled_from([",", ";", "\t", "|"])),
        decimal=draw(st.sampled_from([".", ","])),
        quotes=draw(st.sampled_from(["none", "all", "header"])),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])),
        line_end=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        last_end=draw(st.booleans()),
        id_name=id_name,
        id_last=draw(st.booleans()) and bool(id_name),
        spare=draw(st.sampled_from(["none", "all", "rows"])),
        blank_lines=draw(st.booleans()),
        comments=draw(st.integers(0, 2)),
        blanks=draw(st.booleans()),
        minus=draw(st.sampled_from(["-", "\u2212"])),
        shuffled=id_name is not None and draw(st.booleans()),
        suffix=draw(st.sampled_from([".csv", ".tsv", ".CSV"])),
    )


def _written(folder, spelling, change=lambda content: content):
    path = folder / f"x{spelling.suffix}"
    path.write_bytes(change(spelling.bytes()))
    return path


@settings(max_examples=300, deadline=None)
@given(spelling=spellings())
def test_every_spelling_has_the_same_values(tmp_path_factory, spelling):
    path = _written(tmp_path_factory.mktemp("t"), spelling)
    (layer,) = read_arrays(path)
    assert (layer.ids is None) == (spelling.id_name is None)
    layer = matched(REFERENCE, layer)[1]
    np.testing.assert_allclose(layer.values, VALUES, rtol=5e-3)
    np.testing.assert_array_equal(layer.values[1:], VALUES[1:])


def _one_clear_error(path, place):
    with pytest.raises(AlignkitError) as caught:
        read_arrays(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert re.search(place, message), message


DAMAGES = {
    "a cell more": (lambda cells: [*cells, "0.5"], r":\d+: 6 columns, expected 5"),
    "a cell less": (lambda cells: cells[:-1], r":\d+: 4 columns, expected 5"),
    "no value": (lambda cells: [*cells[:-1], ""], "column 'x3' holds no value"),
    "n/a": (lambda cells: [*cells[:-1], "n/a"], "column 'x3' holds no value"),
    "a word": (lambda cells: [*cells[:-1], "running"], "column 'x3' holds 'running'"),
    "a star": (lambda cells: [*cells[:-1], "0.51*"], r"column 'x3' holds '0.51\*'"),
    "underscores": (lambda cells: [*cells[:-1], "1_000"], "column 'x3' holds '1_000'"),
    "other digits": (lambda cells: [*cells[:-1], "\u0663"], "column 'x3' holds"),
    "thousands": (lambda cells: [*cells[:-1], "1,234"], "'1,234' .* may be 1.234 or 1234|: 6 col"),
    "an open quote": (lambda cells: [cells[0], '"' + cells[1], *cells[2:]], "x0.*holds|quote"),
    "an id twice": (lambda cells: ["3", *cells[1:]], "'3' occurs more than once"),
    "no id": (lambda cells: ["", *cells[1:]], "has no id"),
}


@settings(max_examples=200, deadline=None)
@given(
    separator=st.sampled_from([",", ";", "\t"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    row=st.integers(1, ROWS),
    damage=st.sampled_from(sorted(DAMAGES)),
)
def test_a_damaged_row_is_named(tmp_path_factory, separator, line_end, row, damage):
    change, place = DAMAGES[damage]
    rows = Spelling(separator=separator).rows()
    if damage == "an id twice" and rows[row][0] == "3":
        row = row % ROWS + 1
    rows[row] = change(rows[row])
    path = tmp_path_factory.mktemp("t") / "x.csv"
    path.write_text(line_end.join(separator.join(cells) for cells in rows), newline="")
    _one_clear_error(path, place)
    if damage not in ("an id twice", "no id", "thousands"):
        with pytest.raises(DataError, match=rf"x\.csv:{row + 1}\b"):
            read_arrays(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,a\n1,2\n", "columns 1 and 2 are both 'a'"),
        (b"a,,\n1,2,3\n", "column 2 has no name"),
        (b"a,b\n1,\x002\n", r"x\.csv:2 cannot be read: it holds a NUL byte"),
        (b"a,b\n1,2\n3,\xe9\n", r"x\.csv:3 cannot be read: the byte 0xe9 is not UTF-8"),
        (b"a,b\n", "is empty"),
        (b" \n\r\n", "it is empty"),
        (b"PK\x03\x04" + bytes(50), "a spreadsheet or an archive; export it as CSV"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"a,b\nr1,1,2\nr2,3,4\n", "all rows have one cell more"),
        (b"a\n0,5\n1,7\n", r"x\.csv:2: 2 columns, expected 1"),
        (b"x,0.5,1.5\ny,2.5,3.5\n", "column 'x' is not numeric"),
        (b"id,0.5,1.5\nc,2.5,3.5\n", "its first line holds numbers"),
        (b"a;b\n1.234,5;1\n0.5;2\n", "numbers are written in two ways: '1.234,5'"),
        (b"a;b\n1,234;2,345\n", "'1,234' .*x.csv:2, column 'a'. may be 1.234 or 1234"),
        (b"a;b\n0,5;1.234\n", "'1.234' .*x.csv:2, column 'b'. may be"),
        (b"image_id,caption_id,a\n1,2,3\n", "may each hold the ids; name one with `id=COLUMN`"),
        (b"name,a\nx,1\ny,2\n", "column 'name' is not numeric.*name it with `id`"),
        (b"n,a\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(12)), "'n' counts the rows"),
        (b"a,,c\n1,2,3\n", "column 2 has no name"),
        (b'a,b\n"x \\"y\\" z",1\n', "a quote stands after a backslash"),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(AlignkitError, match=message) as caught:
        read_arrays(tmp_path / "x.csv")
    assert "x.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a;b\n1.234,5;1\n0,5;2\n", [[1234.5, 1], [0.5, 2]]),
        (b'a,b\n"1,234.5",1\n0.5,2\n', [[1234.5, 1], [0.5, 2]]),
        (b'a,b\n"1,234,567",1\n"1,234",2\n', [[1234567, 1], [1234, 2]]),
        (b"a;b\n1,234;1\n0,5;2\n", [[1.234, 1], [0.5, 2]]),
        (b"sep=;\r\na;b\r\n1;2\r\n", [[1, 2]]),
        (b"# a,b\n0.5,1.5\n", [[0.5, 1.5]]),
        (b"# a b\n0.5 1.5\n", [[0.5, 1.5]]),
        (b"# made\n\n# by hand\n\na,b\n0.5,1.5\n", [[0.5, 1.5]]),
        (b"a,b\r\n0.5,1.5\r\n\x1a", [[0.5, 1.5]]),
        (b"a  b\n0.5   1.5\n", [[0.5, 1.5]]),
        (b"a,b\ntrue,1\nFALSE,2\n", [[1, 1], [0, 2]]),
        (b"a,b,\n1,2,\n3,4,\n", [[1, 2], [3, 4]]),
        (b'\xef\xbb\xbf"a",b\n1,2\n', [[1, 2]]),
        (b"a,b\n.5,5.\n+1e3,-1E-3\n", [[0.5, 5], [1000, -0.001]]),
    ],
)
def test_what_is_read(tmp_path, content, expected):
    (tmp_path / "x.csv").write_bytes(content)
    np.testing.assert_array_equal(read_arrays(tmp_path / "x.csv")[0].values, expected)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_bytes_give_a_table_or_one_line(tmp_path_factory, data):
    content = bytearray(Spelling(quotes="all").bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("t") / "x.csv"
    path.write_bytes(bytes(content))
    refusals = []
    try:
        table = read_table(path, index=True)
        assert all(len(cells) == len(table.names) for cells in table.rows())
        read_arrays(path)
    except AlignkitError as error:
        refusals.append(str(error))
    assert all("\n" not in line and "x.csv" in line for line in refusals)
