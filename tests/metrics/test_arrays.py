"""Anyone's arrays: every format, and every fault in one line."""

import contextlib
import importlib.util
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.metrics import read_arrays

X = np.arange(12.0).reshape(4, 3)


def test_npy(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (one,) = read_arrays(tmp_path / "x.npy")
    assert one.name == "x"
    np.testing.assert_array_equal(one.values, X)


def test_archives_hold_one_layer_per_name(tmp_path):
    arrays = {"layer10": X, "layer2": X + 1}
    np.savez(tmp_path / "x.npz", ids=np.array(list("abcd")), **arrays)
    save_file(arrays, tmp_path / "x.safetensors")
    for name in ("x.npz", "x.safetensors"):
        found = read_arrays(tmp_path / name)
        assert [one.name for one in found] == ["layer2", "layer10"]
        np.testing.assert_array_equal(found[1].values, X)
    assert read_arrays(tmp_path / "x.npz")[0].ids == list("abcd")


def test_tables_with_and_without_ids(tmp_path):
    table = pd.DataFrame(X, columns=list("pqr"))
    table.to_csv(tmp_path / "plain.csv", index=False)
    table.assign(id=["01", "02", "03", "04"]).to_csv(tmp_path / "named.csv", index=False)
    assert read_arrays(tmp_path / "plain.csv")[0].ids is None
    (one,) = read_arrays(tmp_path / "named.csv")
    assert one.ids == ["01", "02", "03", "04"]
    np.testing.assert_array_equal(one.values, X)


def test_folders_in_natural_order_with_ids(tmp_path):
    for layer in (0, 2, 10):
        np.save(tmp_path / f"l{layer}.npy", X + layer)
    (tmp_path / "ids.json").write_text(json.dumps(list("abcd")))
    found = read_arrays(tmp_path)
    assert [one.name for one in found] == ["l0", "l2", "l10"]
    assert found[0].ids == list("abcd")


def test_folders_take_every_format(tmp_path):
    np.save(tmp_path / "l0.npy", X)
    np.savez(tmp_path / "l1.npz", only=X)
    np.savez(tmp_path / "l2.npz", a=X, b=X)
    pd.DataFrame(X).assign(id=list("wxyz")).to_csv(tmp_path / "l10.csv", index=False)
    save_file({"only": X}, tmp_path / "l11.safetensors")
    (tmp_path / "ids.json").write_text(json.dumps(list("abcd")))
    (tmp_path / "README.md").write_text("not a layer")
    found = {one.name: one.ids for one in read_arrays(tmp_path)}
    assert list(found) == ["l0", "l1", "l2/a", "l2/b", "l10", "l11"]
    assert found["l10"] == list("wxyz")  # a file's own ids come first
    assert found["l2/b"] == list("abcd")
    np.save(tmp_path / "l11.npy", X)
    with pytest.raises(DataError, match="holds layer l11 twice"):
        read_arrays(tmp_path)


def test_arrays_stay_on_disk_until_they_are_read(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "x.npz", a=X, b=np.asfortranarray(X) * 2)
    (one,) = read_arrays(tmp_path / "x.npy")
    assert isinstance(one.values.base, np.memmap)
    for layer, expected in zip(read_arrays(tmp_path / "x.npz"), (X, 2 * X), strict=True):
        assert isinstance(layer.values.base, np.memmap)
        np.testing.assert_array_equal(layer.values, expected)


def test_compressed_archives_and_few_bits(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=X)
    np.testing.assert_array_equal(read_arrays(tmp_path / "x.npz")[0].values, X)
    tensors = {"b16": torch.from_numpy(X).bfloat16(), "f16": torch.from_numpy(X).half()}
    save_tensors(tensors, tmp_path / "x.safetensors")
    for layer in read_arrays(tmp_path / "x.safetensors"):
        np.testing.assert_array_equal(layer.tensor, X)


def test_no_reader_loses_in_how_many_bits_values_are_stored(tmp_path):
    half = X.astype(np.float16)
    np.save(tmp_path / "a.npy", half)
    np.savez(tmp_path / "b.npz", b=half)
    np.savez_compressed(tmp_path / "c.npz", c=half)
    kinds = (torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float32)
    tensors = {f"d{at}": torch.from_numpy(X).to(kind) for at, kind in enumerate(kinds)}
    save_tensors(tensors, tmp_path / "d.safetensors")
    expected = [float(torch.finfo(kind).eps) for kind in (*[torch.float16] * 3, *kinds)]
    if importlib.util.find_spec("pyarrow"):
        pd.DataFrame(half, columns=list("pqr")).to_parquet(tmp_path / "e.parquet")
        expected.append(expected[0])
    layers = read_arrays(tmp_path)
    assert [layer.eps for layer in layers] == expected
    for layer in layers:
        np.testing.assert_array_equal(layer.values, layer.rows(slice(None)))
        np.testing.assert_allclose(layer.values, X, rtol=layer.eps / 2)


def test_precision_and_device_are_passed_on(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (one,) = read_arrays(tmp_path / "x.npy", torch.float32, "cpu")
    assert one.tensor.dtype == torch.float32


def test_numbers_of_rows_without_a_name_are_ids(tmp_path):
    (tmp_path / "x.csv").write_text(",a\n7,1\n3,2\n")
    (layer,) = read_arrays(tmp_path / "x.csv")
    assert layer.ids == ["7", "3"]
    np.testing.assert_array_equal(layer.values, [[1], [2]])


def test_ids_stay_what_they_are(tmp_path):
    (tmp_path / "x.csv").write_text("id,a\n007,1\nNA,2\n1e3,3\n")
    assert read_arrays(tmp_path / "x.csv")[0].ids == ["007", "NA", "1e3"]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(X.astype(np.float32), columns=list("pqr"))
    table.assign(id=list("abcd")).to_parquet(tmp_path / "column.parquet")
    table.set_index(pd.Index(list("abcd"), name="id")).to_parquet(tmp_path / "index.parquet")
    for name in ("column", "index"):
        (one,) = read_arrays(tmp_path / f"{name}.parquet")
        assert one.ids == list("abcd")
        assert one.values.dtype == np.float32
        np.testing.assert_array_equal(one.values, X)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not parquet PAR1")
    with pytest.raises(DataError, match=r"broken\.parquet cannot be read"):
        read_arrays(tmp_path / "broken.parquet")


def test_parquet_without_what_reads_it(tmp_path, monkeypatch):
    (tmp_path / "x.parquet").write_bytes(b"")

    def absent(*_):
        raise ImportError("no pyarrow")

    monkeypatch.setattr(pd, "read_parquet", absent)
    with pytest.raises(DataError, match=r"pip install 'alignkit\[parquet\]'"):
        read_arrays(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", b"not an array", "cannot be read"),
        ("x.npz", b"not a zip", "cannot be read"),
        ("x.safetensors", b"\xff" * 64, "cannot be read"),
        ("x.csv", b"a,b\n1,x\n", "column 'b' is not numeric"),
        ("x.csv", b",a,\n0,1,2\n1,2,3\n", "column 3 has no name"),
        ("x.csv", b"0.5,1.5\n2.5,3.5\n", "its first line holds numbers"),
        ("x.csv", b"", "cannot be read"),
        ("x.csv", b"a,b\n1,2\n1,2,3\n", "cannot be read"),
        ("x.pkl", b"PK", "may hold a pickle, which is never read"),
        ("x.pt", b"PK", "cannot be read: it is not what torch.save writes"),
        ("x.txt", b"1 2", "is none of .npy"),
    ],
)
def test_broken_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_arrays(tmp_path / name)


def test_a_header_that_lies_about_its_size_fails_at_once(tmp_path):
    path = tmp_path / "x.npy"
    header = {"descr": "<f8", "fortran_order": False, "shape": (4_000_000_000, 300)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\0" * 64)
    with pytest.raises(DataError, match="cannot be read"):
        read_arrays(path)


@pytest.mark.parametrize("change", [lambda raw: raw[:-8], lambda raw: raw + b"12345678"])
def test_a_header_that_does_not_fit_its_data(tmp_path, change):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "x.npy").write_bytes(change((tmp_path / "x.npy").read_bytes()))
    with pytest.raises(
        DataError, match=r"its header states 96 bytes \(4x3 of float64\), and it holds"
    ):
        read_arrays(tmp_path / "x.npy")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_whose_header_lies(tmp_path, compression):
    np.save(tmp_path / "x.npy", X)
    raw = (tmp_path / "x.npy").read_bytes().replace(b"(4, 3)", b"(9, 9)")
    with zipfile.ZipFile(tmp_path / "x.npz", "w", compression) as archive:
        archive.writestr("a.npy", raw)
    with pytest.raises(DataError, match="its header states 648 bytes"):
        read_arrays(tmp_path / "x.npz")


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from([".npy", ".npz", ".safetensors"]))
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path_factory, data, kind):
    path = tmp_path_factory.mktemp("fuzz") / f"x{kind}"
    {
        ".npy": lambda: np.save(path, X),
        ".npz": lambda: np.savez(path, a=X),
        ".safetensors": lambda: save_file({"a": X}, path),
    }[kind]()
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw))
    with contextlib.suppress(AlignkitError):  # one line, and nothing else
        assert all(len(one.values) for one in read_arrays(path))


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_pickled_arrays_are_refused(tmp_path, save):
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="holds pickled objects, which are never read"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"ids\.json is not valid JSON"),
        ('{"a": 1}', r"ids\.json .* is an object; expected a list"),
    ],
)
def test_ids_that_are_no_list(tmp_path, content, message):
    np.save(tmp_path / "l0.npy", X)
    (tmp_path / "ids.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_arrays(tmp_path)


def test_what_no_representation_can_be_names_the_file(tmp_path):
    np.save(tmp_path / "x.npy", X[0])
    with pytest.raises(UsageError, match=r"x\.npy: x has 1 dimension"):
        read_arrays(tmp_path / "x.npy")


def test_missing_and_empty(tmp_path):
    with pytest.raises(DataError, match="there is no"):
        read_arrays(tmp_path / "absent.npy")
    with pytest.raises(DataError, match=r"holds none of \.npy"):
        read_arrays(tmp_path)
