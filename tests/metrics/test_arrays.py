"""Anyone's arrays: every format, and every fault in one line."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from alignkit.errors import DataError
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", b"not an array", "cannot be read"),
        ("x.npz", b"not a zip", "cannot be read"),
        ("x.safetensors", b"\xff" * 64, "cannot be read"),
        ("x.csv", b"a,b\n1,x\n", "column 'b' is not numeric"),
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


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_arrays(tmp_path / "x.npy")


def test_missing_and_empty(tmp_path):
    with pytest.raises(DataError, match="there is no"):
        read_arrays(tmp_path / "absent.npy")
    with pytest.raises(DataError, match=r"holds none of \.npy"):
        read_arrays(tmp_path)
