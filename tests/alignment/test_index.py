"""The index of tables: derived, rebuilt where it does not fit, and without influence on values."""

import csv
import io
import json
import math
import os
import shutil

import pytest

from alignkit.alignment import table as tables
from alignkit.alignment.columns import Columns
from alignkit.alignment.index import remembered
from alignkit.alignment.rows import Rows
from alignkit.alignment.table import COLUMNS, read_alignment

CELLS = {
    "split": ["test", "test", "test"],
    "metric": ["cka", "cka", "cka"],
    "parameters": ["", "", "k=1"],
    "pool": ["cls", "cls", "cls"],
    "x": ["t0", "t1", "t0"],
    "y": ["v0", "v0", "v0"],
    "n": [50, 50, 50],
    "value": [0.1, math.nan, 1 / 3],
    "reason": ["", "it is constant, é", ""],
    "chance": [0.0, -0.0, 0.0],
    "permutations": [0, 0, 2**40],
    "null_mean": [math.nan] * 3,
    "p": [5e-324, 1e300, -1.5],
}


@pytest.fixture
def file(tmp_path):
    """A table of a run."""
    file = tmp_path / "run" / "alignment" / "test" / "cka.cls.csv"
    file.parent.mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    file.write_text(written(CELLS))
    return file


def written(columns) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [*columns, *(name for name in COLUMNS if name == "calibrated")]
    writer.writerow(names)
    for i in range(len(columns["x"])):
        cells = (columns[name][i] if name in columns else "" for name in names)
        writer.writerow("" if cell != cell else cell for cell in cells)
    return text.getvalue()


def read(file) -> str:
    """What a table holds, read as by another process."""
    os.utime(file)  # what was read of it before does not count
    return read_alignment(file).to_json(double_precision=15, orient="split")


def entry(file):
    return file.parents[2] / ".index" / "test" / f"{file.stem}.columns"


def test_columns_hold_what_the_csv_does():
    columns = Columns.of_values(CELLS)
    columns.source = "a"
    again = Columns.from_bytes(columns.to_bytes(), "a")
    for name, values in CELLS.items():
        assert repr(again.values(name)) == repr(values), name  # NaN, and the sign of zero
    assert repr(again.row(1)) == repr({name: values[1] for name, values in CELLS.items()})
    assert again.same.keys() >= {"split", "n", "null_mean"}
    assert "chance" not in again.same
    assert Columns.from_bytes(columns.to_bytes(), "b") is None


def test_no_rows_are_read_again():
    columns = Columns.of_values({name: [] for name in COLUMNS})
    again = Columns.from_bytes(columns.to_bytes(), "")
    assert (again.length, again.values("x"), again.values("value")) == (0, [], [])
    assert again.places(("x", "y"), "") == {}


def test_a_table_is_the_same_with_and_without_the_index(file):
    parsed = read(file)
    assert entry(file).is_file()
    assert read(file) == parsed
    shutil.rmtree(entry(file).parents[1])
    assert read(file) == parsed
    assert entry(file).is_file()


def test_the_index_is_used(file, monkeypatch):
    parsed = read(file)
    monkeypatch.setattr(tables, "_parsed", lambda *_: pytest.fail("parsed again"))
    assert read(file) == parsed


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: b"",
        lambda stored: stored[:40],
        lambda stored: stored[:-1],
        lambda stored: stored[:-3] + bytes([stored[-3] ^ 1]) + stored[-2:],
        lambda stored: b"\x80" * 500,
        lambda stored: b"SQLite format 3\x00" + stored,
        lambda stored: stored.replace(b"columns 1", b"columns 0"),
    ],
    ids=["empty", "cut", "a byte less", "a bit", "foreign", "another kind", "another version"],
)
def test_a_damaged_entry_is_made_again(file, damage):
    parsed = read(file)
    good = entry(file).read_bytes()
    entry(file).write_bytes(damage(good))
    assert read(file) == parsed
    assert entry(file).read_bytes() == good


def test_another_content_of_the_same_size_and_time_is_read(file):
    import os

    before = read(file)
    status = file.stat()
    file.write_text(file.read_text().replace("0.1", "0.2"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_size == status.st_size
    changed = read(file)
    assert changed != before
    assert json.loads(changed)["data"][0][7] == 0.2
    shutil.rmtree(entry(file).parents[1])
    assert read(file) == changed


def test_an_index_that_cannot_be_written_is_done_without(file):
    (file.parents[2] / ".index").write_text("a file in its place")
    assert json.loads(read(file))["data"][0][7] == 0.1


def test_a_table_that_is_not_of_a_run_has_no_index(tmp_path):
    file = tmp_path / "cka.csv"
    file.write_text(written(CELLS))
    read(file)
    assert [path.name for path in tmp_path.iterdir()] == ["cka.csv"]


def test_what_was_remembered_belongs_to_its_key(tmp_path):
    assert remembered(tmp_path, "text", "a", lambda: "1") == "1"
    assert remembered(tmp_path, "text", "a", lambda: pytest.fail("computed again")) == "1"
    assert remembered(tmp_path, "text", "b", lambda: "2") == "2"
    (tmp_path / ".index" / "text.text").write_text("0\n3")
    assert remembered(tmp_path, "text", "b", lambda: "2") == "2"


def test_rows_of_other_parameters_do_not_count_and_changes_stay_apart():
    stored = Columns.of_values(CELLS)
    rows, others = Rows(("x", "y"), stored), Rows(("x", "y"), stored)
    assert list(rows) == [("t0", "v0"), ("t1", "v0")]
    assert rows.alike(("n",))["n"] == 50
    assert rows.alike(("n", "value")) is None
    rows["t9", "v9"] = {"value": 2.0}
    del rows["t0", "v0"]
    assert list(rows) == [("t1", "v0"), ("t9", "v9")]
    assert len(rows) == 2
    assert rows.alike(("n",)) is None
    assert list(others) == [("t0", "v0"), ("t1", "v0")]
    assert others["t0", "v0"]["value"] == 0.1
    with pytest.raises(KeyError):
        del rows["t0", "v0"]
