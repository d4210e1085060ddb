"""Ids: found by name or asked for, never measured, met across kinds of files."""

import decimal
import json
import unicodedata

import numpy as np
import pandas as pd
import pytest

from alignkit.engines.perform import Notes
from alignkit.errors import AlignkitError, UsageError
from alignkit.metrics import Representation, read_arrays
from alignkit.metrics.arrays import read_sides
from alignkit.metrics.joining import matched
from alignkit.progress import SILENT, report_to
from alignkit.tables import as_ids, find_id
from tiny import alignkit

ROWS = 30
RNG = np.random.default_rng(2)
X = RNG.standard_normal((ROWS, 3))
ORDER = RNG.permutation(ROWS)
NAMES = [f"img{row}" for row in range(ROWS)]


def _frame(order=slice(None), **columns):
    frame = pd.DataFrame(X, columns=list("abc")).assign(**columns)
    return frame.iloc[order]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a", "id", "index"), ("id", ("index",))),
        (("ID", "image_id", "a"), ("ID", ("image_id",))),
        (("sampleID", "a"), ("sampleID", ())),
        (("a", "index"), ("index", ())),
        (("", "a"), ("", ())),
        (("idx", "uuid"), ("uuid", ("idx",))),
        (("valid", "grid", "bid", "a_index", "identity"), (None, ())),
    ],
)
def test_ids_by_name(names, expected):
    column = find_id(names)
    assert (column.name, column.others) == expected


def test_two_columns_of_ids_are_asked_about():
    with pytest.raises(UsageError, match="'image_id' and 'text_id' may each hold the ids"):
        find_id(["image_id", "text_id", "a"])
    assert find_id(["image_id", "text_id", "a"], "text_id").others == ("image_id",)


@pytest.mark.parametrize("name", ["index", "Unnamed: 0", "ID", "image_id", "row", "my key"])
def test_numbers_of_rows_make_nothing_alike(tmp_path, name):
    y = np.random.default_rng(9).standard_normal((ROWS, 3))
    for side, values in (("x", X), ("y", y)):
        frame = pd.DataFrame(values, columns=list("abc"))
        frame.insert(0, name, np.arange(ROWS))
        frame.to_csv(tmp_path / f"{side}.csv", index=False)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", y)
    words = ("--metric", "unbiased_cka", "--json")
    expected = alignkit("measure", "x.npy", "y.npy", *words, cwd=tmp_path)
    if name == "my key":
        refused = alignkit("measure", "x.csv", "y.csv", *words, cwd=tmp_path, code=1)
        assert "column 'my key' counts the rows; if these are ids, name it with --id my key" in (
            " ".join(refused.stderr.split())
        )
        words = (*words, "--id", name)
    value = alignkit("measure", "x.csv", "y.csv", *words, cwd=tmp_path)
    assert json.loads(value.stdout)[0]["value"] == pytest.approx(
        json.loads(expected.stdout)[0]["value"], abs=1e-12
    )


def test_sides_with_other_names_of_ids(tmp_path):
    _frame(key=NAMES).to_csv(tmp_path / "x.csv", index=False)
    _frame(ORDER, name=NAMES).to_csv(tmp_path / "y.csv", index=False)
    xs, ys = read_sides(tmp_path / "x.csv", tmp_path / "y.csv", ids=["key", "name"])
    np.testing.assert_array_equal(matched(xs[0], ys[0])[1].values, X)
    with pytest.raises(UsageError, match=r"y\.csv: there is no column 'key'"):
        read_sides(tmp_path / "x.csv", tmp_path / "y.csv", ids=["key"])
    with pytest.raises(UsageError, match="given 3 times"):
        read_sides(tmp_path / "x.csv", tmp_path / "y.csv", ids=["a", "b", "c"])


def test_a_column_of_ids_where_there_is_no_table(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(UsageError, match=r"x\.npy holds no table"):
        read_sides(tmp_path / "x.npy", tmp_path / "x.npy", ids=["key"])
    _frame(key=NAMES).to_csv(tmp_path / "y.csv", index=False)
    ys = read_sides(tmp_path / "x.npy", tmp_path / "y.csv", ids=["key"])[1]
    assert ys[0].ids == NAMES


def _parquet(path, frame):
    pytest.importorskip("pyarrow")
    frame.to_parquet(path)


@pytest.mark.parametrize("name", [None, "id", "image", "index", "a"])
def test_the_index_of_parquet_holds_the_ids_under_any_name(tmp_path, name):
    frame = _frame(ORDER).set_index(pd.Index(NAMES, name=name)[ORDER])
    _parquet(tmp_path / "y.parquet", frame)
    _frame(id=NAMES).to_csv(tmp_path / "x.csv", index=False)
    xs, ys = read_sides(tmp_path / "x.csv", tmp_path / "y.parquet")
    np.testing.assert_array_equal(matched(xs[0], ys[0])[1].values, X)


def test_bytes_floats_and_texts_meet(tmp_path):
    numbers = np.arange(ROWS) + 100
    _parquet(tmp_path / "bytes.parquet", _frame(id=[str(n).encode() for n in numbers]))
    _parquet(tmp_path / "floats.parquet", _frame(ORDER, id=numbers.astype(float)))
    _frame(id=numbers).to_csv(tmp_path / "text.csv", index=False)
    np.savez(tmp_path / "bytes.npz", x=X, ids=numbers.astype("S"))
    reference = Representation(X, [str(n) for n in numbers])
    for name in ("bytes.parquet", "floats.parquet", "text.csv", "bytes.npz"):
        (layer,) = read_arrays(tmp_path / name)
        np.testing.assert_array_equal(matched(reference, layer)[1].values, X)
    assert as_ids(["7.0", "8.5"]) == ["7.0", "8.5"]
    assert as_ids([b"\xc3\xa9", np.bytes_(b"b")]) == ["é", "b"]
    with pytest.raises(UsageError, match="is no text"):
        as_ids([b"\xff"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(b=f["b"].mask(f.index == 3)), "row 4 holds no value in column 'b'"),
        (lambda f: f.assign(b=[["x", "y"]] * ROWS), "column 'b' is not numeric"),
        (lambda f: f.assign(b=["0.5"] * (ROWS - 1) + ["x"]), "column 'b' is not numeric"),
        (lambda f: f.set_index(["a", "b"]), "its index has 2 levels"),
        (lambda f: f.assign(image_id=1, text_id=2), "may each hold the ids"),
        (lambda f: f[[]].assign(id=NAMES), "has no columns of numbers"),
    ],
)
def test_parquet_that_is_refused(tmp_path, change, message):
    _parquet(tmp_path / "x.parquet", change(_frame()))
    with pytest.raises(AlignkitError, match=message) as caught:
        read_arrays(tmp_path / "x.parquet")
    assert "x.parquet" in str(caught.value)


def test_ids_on_one_side_only_are_said_or_refused(tmp_path):
    np.save(tmp_path / "x.npy", X)
    _frame(id=NAMES).to_csv(tmp_path / "y.csv", index=False)
    heard = Notes()
    read_sides(tmp_path / "x.npy", tmp_path / "y.csv", reporter=heard)
    assert any("y.csv has ids and" in line and "in one order" in line for line in heard.said)
    _frame(ORDER, index=np.arange(ROWS)).to_csv(tmp_path / "y.csv", index=False)
    xs, ys = read_sides(tmp_path / "x.npy", tmp_path / "y.csv")
    with pytest.raises(UsageError, match="number its rows in another order"):
        matched(xs[0], ys[0])


def test_what_is_not_measured_is_said(tmp_path):
    _frame(id=NAMES, index=np.arange(ROWS)).to_csv(tmp_path / "y.csv", sep=";", index=False)
    heard = Notes()
    (layer,) = read_arrays(tmp_path / "y.csv", reporter=heard)
    assert layer.width == 3
    assert any("column 'index' looks like ids" in line for line in heard.said)
    assert any("semicolons separate its cells" in line for line in heard.said)
    _frame(index=np.arange(ROWS) % 7).to_csv(tmp_path / "y.csv", index=False)
    (layer,) = read_arrays(tmp_path / "y.csv", reporter=heard)
    assert (layer.ids, layer.width) == (None, 3)
    assert any("numbers rows more than once" in line for line in heard.said)


def _accented(count, rng):
    letters = ["a", "e", "é", "ü", "ñ", "Å", "ệ", "が", "각", "z"]
    return [f"{row}{''.join(rng.choice(letters, 4))}.jpg" for row in range(count)]


def test_ids_that_differ_in_how_accents_are_encoded_meet():
    rng = np.random.default_rng(0)
    heard = Notes()
    report_to(heard)
    try:
        for _ in range(20):
            heard.said.clear()
            names = _accented(ROWS, rng)
            forms = [str(rng.choice(["NFC", "NFD"])) for _ in names]
            theirs = [unicodedata.normalize(*pair) for pair in zip(forms, names, strict=True)]
            order = rng.permutation(ROWS)
            other = Representation(X[order], [theirs[row] for row in order], "theirs")
            x, y = matched(Representation(X, names, "ours"), other)
            np.testing.assert_array_equal(x.values, y.values)
            count = sum(a != b for a, b in zip(names, theirs, strict=True))
            assert heard.said == [
                f"note: {count} of {ROWS} sample ids differ between ours and theirs only in how "
                "accents are encoded (NFC or NFD) and are taken as the same"
            ]
    finally:
        report_to(SILENT)


def test_ids_that_would_become_one_do_not_meet():
    both = ["caf\u00e9", "cafe\u0301"]
    other = Representation(X[:2], ["caf\u00e9", "tea"])
    with pytest.raises(UsageError, match="sample ids differ"):
        matched(Representation(X[:2], both), other)
    x, y = matched(Representation(X[:2], both), Representation(X[1::-1], both[::-1]))
    np.testing.assert_array_equal(x.values, y.values)


@pytest.mark.parametrize("places", [0, 1, 4, 9])
def test_decimals_of_databases_are_numbers(tmp_path, places):
    unit = decimal.Decimal(1).scaleb(-places)
    scaled = RNG.integers(-(10**12), 10**12, (ROWS, 2))
    exact = [[decimal.Decimal(int(value)) * unit for value in row] for row in scaled]
    frame = pd.DataFrame(exact, columns=["a", "b"]).assign(c=X[:, 0], id=NAMES)
    frame.to_parquet(tmp_path / "t.parquet")
    (read,) = read_arrays(tmp_path / "t.parquet")
    np.testing.assert_array_equal(read.values[:, :2], np.array(exact, dtype=float))
    np.testing.assert_array_equal(read.values[:, 2], X[:, 0])
    frame.loc[3, "a"] = None
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(AlignkitError, match="row 4 holds no value in column 'a'"):
        read_arrays(tmp_path / "t.parquet")
