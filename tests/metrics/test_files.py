"""Arrays as other tools write them: .pt, .h5, .mat, tokens, many layers, thingsvision's folders."""

import contextlib
import json
import sys
import zlib
from collections import OrderedDict

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.metrics import read_arrays
from alignkit.metrics.arrays import files_read, read_sides

N, TOKENS, WIDTH, DEPTH = 6, 4, 3, 5
X = np.random.default_rng(0).standard_normal((N, WIDTH))
STATES = np.random.default_rng(1).standard_normal((DEPTH, N, TOKENS, WIDTH)).astype(np.float32)
MASK = np.array(
    [[0, 0, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
)
NAMES = [f"img_{i}.jpg" for i in range(N)]


class Heard(list):
    """What a reader says."""

    def note(self, text):
        self.append(text)


def write(path, arrays):
    """Write arrays by name, or a single one, in the format of a path."""
    single = not isinstance(arrays, dict)
    named = {"x": arrays} if single else arrays
    match path.suffix:
        case ".npy":
            np.save(path, next(iter(named.values())))
        case ".npz":
            np.savez(path, **named)
        case ".safetensors":
            save_file({k: torch.tensor(v) for k, v in named.items()}, path)
        case ".pt" | ".pth":
            content = {k: torch.tensor(v) for k, v in named.items()}
            torch.save(content["x"] if single else content, path)
        case ".h5" | ".hdf5":
            with h5py.File(path, "w") as file:
                for name, value in named.items():
                    file[name] = value
        case ".mat":
            scipy.io.savemat(path, named)
    return path


def write_7_3(path, members):
    """Write a .mat file as version 7.3 of MATLAB does: HDF5 with its axes in reverse."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in members.items():
            if isinstance(value, list):
                cells = []
                for i, text in enumerate(value):
                    cell = file.create_dataset(
                        f"#refs#/{name}{i}", data=np.array([[ord(c)] for c in text], np.uint16)
                    )
                    cell.attrs["MATLAB_class"] = np.bytes_("char")
                    cells.append(cell.ref)
                stored = file.create_dataset(name, data=np.array([cells], h5py.ref_dtype))
                stored.attrs["MATLAB_class"] = np.bytes_("cell")
            else:
                file.create_dataset(name, data=value.T).attrs["MATLAB_class"] = np.bytes_("double")
    raw = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512, b"\0") + raw[512:])
    return path


FORMATS = [".npy", ".npz", ".safetensors", ".pt", ".pth", ".h5", ".hdf5", ".mat"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_holds_the_same_values(tmp_path, suffix):
    (layer,) = read_arrays(write(tmp_path / f"x{suffix}", X))
    assert (layer.name, layer.ids) == ("x", None)
    np.testing.assert_array_equal(layer.values, X)
    assert layer.dtype == torch.float64


@pytest.mark.parametrize("suffix", FORMATS[1:])
def test_archives_name_layers(tmp_path, suffix):
    layers = read_arrays(write(tmp_path / f"a{suffix}", {"layer10": X, "layer2": X + 1}))
    assert [layer.name for layer in layers] == ["layer2", "layer10"]
    np.testing.assert_array_equal(layers[0].values, X + 1)


def test_matlab_7_3_is_hdf5_in_reverse(tmp_path):
    path = write_7_3(tmp_path / "x.mat", {"x": X, "ids": NAMES, "labels": X[:, :1]})
    heard = Heard()
    (layer,) = read_arrays(path, reporter=heard)
    np.testing.assert_array_equal(layer.values, X)
    assert layer.ids == NAMES
    assert "not measured: labels (6 of float64)" in heard[0]
    states = write_7_3(tmp_path / "states.mat", {"x": STATES})
    layers = read_arrays(states, axis="layers", pool="mean")
    np.testing.assert_allclose(layers[3].values, STATES[3].mean(1), rtol=1e-6)


def test_matlab_cells_structures_and_vectors(tmp_path):
    path = tmp_path / "x.mat"
    ids = np.array(NAMES, dtype=object)
    structure = {"fc6": X, "note": "of the last layer"}
    scipy.io.savemat(path, {"net": structure, "ids": ids, "seconds": 3.5, "labels": np.arange(N)})
    heard = Heard()
    (layer,) = read_arrays(path, reporter=heard)
    assert (layer.name, layer.ids) == ("net/fc6", NAMES)
    np.testing.assert_array_equal(layer.values, X)
    for name in ("seconds", "labels", "net/note"):
        assert name in heard[0]


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".h5", ".mat", ".safetensors"])
def test_ids_of_archives(tmp_path, suffix):
    path = write(tmp_path / f"x{suffix}", {"x": X, "ids": np.arange(N) + 7})
    assert read_arrays(path)[0].ids == [str(i + 7) for i in range(N)]


def test_texts_as_ids_of_hdf5_and_torch(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["deep/fc6"], file["file_names"] = X, NAMES
    torch.save({"fc6": torch.tensor(X), "file_names": NAMES}, tmp_path / "x.pt")
    for name, layer in (("x.h5", "deep/fc6"), ("x.pt", "fc6")):
        (read,) = read_arrays(tmp_path / name)
        assert (read.name, read.ids) == (layer, NAMES)


def test_hdf5_is_mapped_where_it_lies_in_one_piece(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["whole"] = X
        file.create_dataset("packed", data=X, compression="gzip")
    packed, whole = read_arrays(tmp_path / "x.h5")
    assert isinstance(whole.values.base, np.memmap)
    np.testing.assert_array_equal(whole.values, packed.values)


@pytest.mark.parametrize("legacy", [False, True])
def test_torch_reads_tuples_dicts_and_bfloat16(tmp_path, legacy):
    states = tuple(torch.tensor(layer) for layer in STATES)
    for name, content in {
        "tuple": states,
        "list": list(states),
        "dict": OrderedDict(hidden_states=states, loss=torch.tensor(1.0), model="a name"),
    }.items():
        path = tmp_path / f"{name}.pt"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        layers = read_arrays(path, pool="mean")
        prefix = "hidden_states/" if name == "dict" else ""
        assert [layer.name for layer in layers] == [f"{prefix}{i}" for i in range(DEPTH)]
        np.testing.assert_allclose(layers[2].values, STATES[2].mean(1), rtol=1e-6)
    torch.save(torch.tensor(X).bfloat16(), tmp_path / "half.pt")
    (half,) = read_arrays(tmp_path / "half.pt")
    np.testing.assert_array_equal(half.values, torch.tensor(X).bfloat16().float().numpy())


def test_vectors_of_one_length_are_rows(tmp_path):
    by_id = dict(zip(NAMES, X, strict=True))
    torch.save({name: torch.tensor(row) for name, row in by_id.items()}, tmp_path / "x.pt")
    torch.save([torch.tensor(row) for row in X], tmp_path / "list.pt")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, row in by_id.items():
            file[name] = row
    np.savez(tmp_path / "x.npz", **by_id)
    for name in ("x.pt", "x.h5", "x.npz"):
        heard = Heard()
        (layer,) = read_arrays(tmp_path / name, reporter=heard)
        assert layer.ids == NAMES
        np.testing.assert_array_equal(layer.values, X)
        assert "6 vectors are rows, and their names the ids" in heard[0]
    (layer,) = read_arrays(tmp_path / "list.pt")
    assert layer.ids is None
    np.testing.assert_array_equal(layer.values, X)


# Tokens and layers


def pooled(tokens, mask, pool):
    """Pool by a loop over samples."""
    rows = []
    for states, marks in zip(tokens, mask, strict=True):
        real = states[marks.astype(bool)]
        rows.append(
            {"mean": real.mean(0), "cls": real[0], "last": real[-1], "max": real.max(0)}[pool]
        )
    return np.array(rows)


@pytest.mark.parametrize("pool", ["mean", "cls", "last", "max"])
@pytest.mark.parametrize("suffix", [".npz", ".pt", ".h5", ".safetensors"])
def test_padding_is_left_out_by_the_mask(tmp_path, pool, suffix):
    tokens = np.where(MASK[..., None] == 1, STATES[0], np.nan)
    path = write(tmp_path / f"x{suffix}", {"tokens": tokens, "attention_mask": MASK})
    heard = Heard()
    (layer,) = read_arrays(path, pool=pool, reporter=heard)
    np.testing.assert_allclose(layer.values, pooled(STATES[0], MASK, pool), rtol=1e-6)
    assert "attention_mask says which tokens are padding" in heard[0]
    assert len(heard) == 1


@pytest.mark.parametrize("pool", ["mean", "cls", "last", "max"])
def test_without_a_mask_every_token_counts_and_that_is_said(tmp_path, pool):
    heard = Heard()
    (layer,) = read_arrays(write(tmp_path / "x.npy", STATES[0]), pool=pool, reporter=heard)
    expected = pooled(STATES[0], np.ones_like(MASK), pool)
    np.testing.assert_allclose(layer.values, expected, rtol=1e-6)
    assert layer.values.dtype == np.float32
    assert ["has no attention_mask" in note for note in heard] == [True]


def test_a_mask_of_a_folder(tmp_path):
    for i in range(2):
        np.save(tmp_path / f"l{i}.npy", STATES[i])
    np.save(tmp_path / "attention_mask.npy", MASK)
    layers = read_arrays(tmp_path, pool="last")
    assert [layer.name for layer in layers] == ["l0", "l1"]
    np.testing.assert_allclose(layers[1].values, pooled(STATES[1], MASK, "last"))


@pytest.mark.parametrize(
    ("array", "axis", "pool", "expected"),
    [
        (STATES[:, :, 0], "layers", None, STATES[:, :, 0]),
        (STATES[:, :, 0].swapaxes(0, 1), "layers=1", None, STATES[:, :, 0]),
        (STATES, "layers", "max", STATES.max(2)),
        (STATES.swapaxes(0, 1), "layers=1", "mean", STATES.mean(2)),
        (STATES[0], "tokens", "last", STATES[:1, :, -1]),
        (STATES[0].swapaxes(0, 1), "tokens=0", "max", STATES[:1].max(2)),
    ],
)
def test_axes(tmp_path, array, axis, pool, expected):
    layers = read_arrays(write(tmp_path / "x.npy", array), axis=axis, pool=pool)
    names = [f"x/{i}" for i in range(DEPTH)] if len(expected) > 1 else ["x"]
    assert [layer.name for layer in layers] == names
    for layer, values in zip(layers, expected, strict=True):
        np.testing.assert_allclose(layer.values, values, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".npy", ".pt"])
def test_feature_maps_are_averaged_over_height_and_width(tmp_path, suffix):
    """As thingsvision saves activations that were not flattened."""
    maps = np.random.default_rng(2).standard_normal((2, N, 5, 7, 3)).astype(np.float32)
    heard = Heard()
    (layer,) = read_arrays(write(tmp_path / f"x{suffix}", maps[0]), pool="gap", reporter=heard)
    np.testing.assert_allclose(layer.values, maps[0].mean((2, 3)), rtol=1e-5)
    assert not heard
    layers = read_arrays(write(tmp_path / f"y{suffix}", maps), axis="layers", pool="gap")
    np.testing.assert_allclose(layers[1].values, maps[1].mean((2, 3)), rtol=1e-5)


def test_features_with_layers_between_samples_and_width(tmp_path):
    """As platonic-rep saves them."""
    content = {
        "feats": torch.tensor(STATES[:, :, 0].swapaxes(0, 1)).half(),
        "num_params": 7_000_000_000,
        "mask": torch.tensor(MASK),
        "loss": torch.tensor(2.5),
    }
    torch.save(content, tmp_path / "model_pool-avg.pt")
    heard = Heard()
    layers = read_arrays(tmp_path / "model_pool-avg.pt", axis="layers=1", reporter=heard)
    assert [layer.name for layer in layers] == [f"feats/{i}" for i in range(DEPTH)]
    np.testing.assert_allclose(layers[4].tensor, STATES[4, :, 0], atol=2e-3)
    assert "num_params (int), loss (number)" in heard[1]


def test_sides_may_differ(tmp_path):
    x, y = write(tmp_path / "x.npy", STATES[0]), write(tmp_path / "y.npy", STATES[:, :, 0])
    xs, ys = read_sides(x, y, axis=["tokens", "layers"], pool=["last"])
    assert (len(xs), len(ys)) == (1, DEPTH)
    xs, ys = read_sides(x, x, pool=["last", "cls"])
    np.testing.assert_array_equal(xs[0].values, STATES[0, :, -1])
    np.testing.assert_array_equal(ys[0].values, STATES[0, :, 0])
    xs, ys = read_sides(x, x, pool=["last"])
    assert xs is ys


@pytest.mark.parametrize(
    ("array", "given", "message"),
    [
        (
            STATES[0],
            {},
            r"x has 3 dimensions, shape \(6, 4, 3\); say what it holds: `axis=layers` for",
        ),
        (STATES[0], {}, r"`pool=mean` \(or cls, last, max\) for \(n, tokens, width\)$"),
        (STATES, {}, "x has 4 dimensions"),
        (STATES, {"pool": "mean"}, "with `axis=layers` and `pool=mean`"),
        (STATES[None], {"axis": "layers", "pool": "cls"}, "has 5 dimensions"),
        (STATES[0], {"axis": "tokens"}, "`axis=tokens` needs `pool`: mean, cls, last, max"),
        (STATES[0], {"pool": "gap"}, "x has 3 dimensions"),
        (STATES[0], {"axis": "tokens", "pool": "gap"}, "`axis=tokens` needs `pool`: mean, cls"),
        (STATES[:, :, :, :0], {"pool": "gap"}, "x is empty"),
        (STATES[0], {"axis": "depth"}, "expected layers, tokens, or a place as in layers=1"),
        (STATES[0], {"axis": "layers=2"}, "expected layers=0 or layers=1; the width is last"),
        (STATES[0], {"pool": "own"}, "unknown pooling 'own' of arrays; known: mean, cls"),
        (X, {"pool": "mean"}, r"`pool` has nothing to pool in .*x\.npy"),
        (X, {"axis": "layers"}, r"`axis` does not apply to .*x\.npy, whose arrays are"),
        (STATES[0], {"axis": "layers", "pool": "mean"}, "`pool` has nothing to pool"),
        (STATES[0][:, :0], {"pool": "mean"}, r"x is empty, shape \(6, 0, 3\)"),
        (STATES[0].astype(complex), {"pool": "mean"}, "complex128, not numbers"),
    ],
)
def test_what_axes_cannot_be(tmp_path, array, given, message):
    with pytest.raises(UsageError, match=message):
        read_arrays(write(tmp_path / "x.npy", array), **given)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (MASK[:, :3], r"the mask has shape \(6, 3\); expected \(n, tokens\) = \(6, 4\) as in x"),
        (MASK * 2, r"the mask holds other values than 0 \(padding\) and 1"),
        (MASK * (np.arange(N) != 2)[:, None], "the mask leaves no token of row 3 of x"),
    ],
)
def test_masks_that_do_not_fit(tmp_path, mask, message):
    path = write(tmp_path / "a.npz", {"x": STATES[0], "attention_mask": mask})
    with pytest.raises(UsageError, match=message):
        read_arrays(path, pool="mean")


# Folders of thingsvision


def names_file(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file_names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    return folder


@pytest.mark.parametrize("kind", ["npy", "txt", "pt", "mat", "hdf5"])
def test_features_with_names_of_files(tmp_path, kind):
    """As ``save_features`` of thingsvision writes them."""
    path = names_file(tmp_path / "out") / f"features.{kind}"
    match kind:
        case "txt":
            np.savetxt(path, X)
        case "mat":
            scipy.io.savemat(
                path, {name.removesuffix(".jpg"): x for name, x in zip(NAMES, X, strict=True)}
            )
        case "hdf5":
            write(path, {"features": X})
        case _:
            write(path, X)
    for place in (tmp_path / "out", path):
        (layer,) = read_arrays(place)
        assert (layer.name, layer.ids) == ("features", NAMES)
        np.testing.assert_allclose(layer.values, X)
        assert path.parent / "file_names.txt" in files_read(place)


@pytest.mark.parametrize("above", [True, False])
def test_folders_of_modules(tmp_path, above):
    for i, module in enumerate(("features.10", "features.2", "classifier.3")):
        folder = tmp_path / module
        folder.mkdir() if above else names_file(folder)
        np.save(folder / "features.npy", X + i)
    if above:
        names_file(tmp_path)
    layers = read_arrays(tmp_path)
    assert [layer.name for layer in layers] == ["classifier.3", "features.2", "features.10"]
    np.testing.assert_array_equal(layers[2].values, X)
    assert layers[2].ids == NAMES
    assert len(files_read(tmp_path)) == (4 if above else 6)


def test_parts_by_rows_are_joined(tmp_path):
    folder = tmp_path / "features.10"
    folder.mkdir()
    np.save(folder / "features_0-4.npy", X[:4])
    np.save(folder / "features_4-6.npy", X[4:])
    heard = Heard()
    (layer,) = read_arrays(tmp_path, reporter=heard)
    assert layer.name == "features.10"
    np.testing.assert_array_equal(layer.values, X)
    assert "2 parts of features.10/features are read as one array" in heard[0]
    (folder / "features_0-4.npy").unlink()
    with pytest.raises(DataError, match=r"by its name rows 4 to 6, where 0 come before"):
        read_arrays(tmp_path)


def test_parts_by_number_are_joined_where_names_say_so(tmp_path):
    for i, rows in enumerate(np.array_split(X, 2), 1):
        np.save(tmp_path / f"features_{i:02d}.npy", rows)
    assert len(read_arrays(tmp_path)) == 2  # they might be layers
    (layer,) = read_arrays(names_file(tmp_path))
    assert layer.ids == NAMES
    np.testing.assert_array_equal(layer.values, X)
    folder = names_file(tmp_path / "other")
    write(folder / "features.hdf5", {"features_01": X[:4], "features_02": X[4:]})
    for place in (folder, folder / "features.hdf5"):
        (layer,) = read_arrays(place)
        np.testing.assert_array_equal(layer.values, X)


def test_names_that_do_not_fit(tmp_path):
    np.save(names_file(tmp_path) / "features.npy", X[:4])
    with pytest.raises(UsageError, match=r"features\.npy: features has 4 rows but 6 sample ids"):
        read_arrays(tmp_path)
    scipy.io.savemat(tmp_path / "features.mat", {"a": X[0], "b": X[1]})
    with pytest.raises(UsageError, match=r"features\.mat holds other names than file_names\.txt"):
        read_arrays(tmp_path / "features.mat")


# What is wrong with a file


class Odd:
    """Something that only code could restore."""


def test_what_needs_code_is_refused(tmp_path):
    torch.save({"x": Odd()}, tmp_path / "x.pt")
    with pytest.raises(
        DataError, match=r"holds [a-z_.]*test_files\.Odd, which only code could restore"
    ):
        read_arrays(tmp_path / "x.pt")
    torch.save({"x": X}, tmp_path / "x.pt")
    with pytest.raises(
        DataError, match=r"holds arrays of numpy, which only .*, or arrays with numpy.savez"
    ):
        read_arrays(tmp_path / "x.pt")


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".h5", ".safetensors"])
@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "left\u202eright", "\n" * 5000])
def test_an_array_whose_name_does_not_fit_on_a_line_is_refused_in_one(tmp_path, suffix, name):
    path = write(tmp_path / f"x{suffix}", {name: X})
    with pytest.raises(UsageError, match="expected a name that can be printed on one line") as told:
        read_arrays(path)
    assert str(told.value).isprintable()
    assert len(str(told.value).removeprefix(str(path))) < 250


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("names", [NAMES, ["a"] * N, [""] * N])
@pytest.mark.parametrize("number", [sys.maxunicode + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_ids_whose_numbers_are_no_characters_are_refused(tmp_path, order, names, number):
    ids = np.array(names, dtype=f"{order}U{max(1, *map(len, names))}")
    ids.view(f"{order}u4")[0] = number
    np.savez(tmp_path / "x.npz", x=X, ids=ids)
    with pytest.raises(
        DataError, match=r"x\.npz cannot be read: ids holds numbers that are no char"
    ):
        read_arrays(tmp_path / "x.npz")


def test_a_script_of_torch_is_refused(tmp_path):
    with pytest.warns(match="deprecated"):
        torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "x.pt")
    with pytest.raises(DataError, match="holds a TorchScript model, whose code is never run"):
        read_arrays(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no array of numbers"),
        ([], "holds no array of numbers"),
        ({"a": "text", "b": None}, r"no array of numbers: a \(str\), b \(nothing\)"),
        ("text", "x.pt holds str; save tensors"),
        ([[torch.ones(2, 2)], [torch.ones(2, 2)]], "a list of lists of tensors; join batches"),
        ([torch.ones(4, 2), torch.ones(3, 2)], r"different numbers of rows \(0 4, 1 3\)"),
        (torch.ones(3, 2).to_sparse(), "is sparse, nested or quantized"),
        (torch.empty(3, 2, device="meta"), "has no values"),
        (torch.ones(3, 2, dtype=torch.complex64), "x holds torch.complex64, not numbers"),
        (torch.ones(3), "x has 1 dimension"),
        (torch.ones(0, 3), "x is empty"),
        ({"x": torch.ones(3, 2), "ids": ["a", "a", "b"]}, "sample id 'a' occurs more than once"),
        ({"x": torch.ones(3, 2), "ids": ["a", "b"]}, "has 3 rows but 2 sample ids"),
        (torch.nn.Linear(4, 3).state_dict() | {"b": torch.ones(7, 2)}, "different numbers of rows"),
    ],
)
def test_odd_torch_files(tmp_path, content, message):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(AlignkitError, match=message) as caught:
        read_arrays(tmp_path / "x.pt")
    assert "x.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_odd_hdf5(tmp_path):
    path = tmp_path / "x.h5"
    for content, message in (
        ({}, "holds no array of numbers"),
        ({"a": ["x", "y"]}, "holds no array of numbers: a"),
        ({"a": np.ones((3, 2), complex)}, "holds complex128, not numbers"),
        ({"a": X, "b": X[:4]}, r"different numbers of rows \(a 6, b 4\)"),
        ({"a": h5py.Empty("f")}, r"a \(nothing\)"),
    ):
        with h5py.File(path, "w") as file:
            for name, value in content.items():
                file[name] = value
        with pytest.raises(AlignkitError, match=message):
            read_arrays(path)
    with h5py.File(path, "w") as file:
        file["a"] = h5py.ExternalLink("/etc/hostname", "x")
        file["b"] = X
    assert [layer.name for layer in read_arrays(path)] == ["b"]


def test_a_data_frame_in_hdf5(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_group("frame").attrs["pandas_type"] = "frame"
    with pytest.raises(DataError, match="a data frame of pandas; save it as"):
        read_arrays(tmp_path / "x.h5")


def test_hdf5_without_h5py(tmp_path, monkeypatch):
    write(tmp_path / "x.h5", X)
    write_7_3(tmp_path / "x.mat", {"x": X})
    monkeypatch.setitem(sys.modules, "h5py", None)
    for name in ("x.h5", "x.mat"):
        with pytest.raises(DataError, match=r"needs h5py: pip install 'alignkit\[hdf5\]'"):
            read_arrays(tmp_path / name)


def test_odd_matlab(tmp_path):
    path = tmp_path / "x.mat"
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0] = cells[0, 1] = X
    for content, message in (
        ({"a": scipy.sparse.eye(4).tocsc()}, r"a is sparse; save full\(a\)"),
        ({"a": X * 1j}, "a holds complex128, not numbers"),
        ({"a": "some text"}, "holds no array of numbers"),
        ({"a": cells}, "a holds object, not numbers"),
    ):
        scipy.io.savemat(path, content)
        with pytest.raises(AlignkitError, match=message):
            read_arrays(path)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_cut_files_are_refused_in_one_line(tmp_path, suffix, share):
    path = write(tmp_path / f"x{suffix}", np.tile(X, (50, 1)))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(DataError, match=rf"x\{suffix}") as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), suffix=st.sampled_from([".pt", ".h5", ".mat"]))
def test_files_with_changed_bytes_are_read_or_refused(tmp_path_factory, data, suffix):
    path = write(tmp_path_factory.mktemp("fuzz") / f"x{suffix}", {"a": X, "b": X})
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw))
    with contextlib.suppress(AlignkitError):  # one line, and nothing else
        for layer in read_arrays(path):
            np.asarray(layer.values).sum()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_name_the_file_and_the_row(tmp_path, suffix, bad):
    values = X.copy()
    values[4, 1] = bad
    (layer,) = read_arrays(write(tmp_path / f"a{suffix}", {"x": values}))
    with pytest.raises(
        UsageError, match=rf"a\{suffix}.*1 of 6 rows are non-finite \(first: row 4\)"
    ):
        layer.normalized


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_other_numbers_of_rows_in_a_folder(tmp_path, suffix):
    np.save(tmp_path / "a.npy", X)
    frame = pd.DataFrame(X[:4], columns=list("pqr"))
    match suffix:
        case ".csv":
            frame.to_csv(tmp_path / "b.csv", index=False)
        case ".parquet":
            frame.to_parquet(tmp_path / "b.parquet")
        case _:
            np.save(tmp_path / "b.npy", X[:4])
    with pytest.raises(UsageError, match=r"different numbers of rows \(a 6, b 4\)"):
        read_arrays(tmp_path)


def test_ids_come_from_the_file_before_the_folder(tmp_path):
    torch.save({"x": torch.tensor(X), "ids": list("abcdef")}, tmp_path / "features.pt")
    (names_file(tmp_path) / "ids.json").write_text(json.dumps(list("uvwxyz")))
    assert read_arrays(tmp_path)[0].ids == list("abcdef")
    np.save(tmp_path / "features.npy", X)
    (tmp_path / "features.pt").unlink()
    assert read_arrays(tmp_path)[0].ids == list("uvwxyz")


def test_columns_of_vectors_in_parquet(tmp_path):
    frame = pd.DataFrame({"image_id": NAMES, "caption": NAMES, "score": np.arange(N) / 7})
    frame["embedding"], frame["other"] = list(X.astype(np.float32)), list(X[:, :2])
    frame.to_parquet(tmp_path / "x.parquet")
    heard = Heard()
    layers = read_arrays(tmp_path / "x.parquet", reporter=heard)
    assert [layer.name for layer in layers] == ["embedding", "other"]
    assert layers[0].values.dtype == np.float32
    np.testing.assert_array_equal(layers[0].values, X.astype(np.float32))
    assert layers[1].ids == NAMES
    assert "not measured, beside vectors: caption, score" in heard[-1]
    frame.at[3, "other"] = X[0]
    frame.to_parquet(tmp_path / "x.parquet")
    message = r"row 4 holds a vector of 3 in column 'other'; expected 2 numbers"
    with pytest.raises(DataError, match=message):
        read_arrays(tmp_path / "x.parquet")
    frame.at[3, "other"] = None
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="row 4 holds no vector in column 'other'"):
        read_arrays(tmp_path / "x.parquet")


@pytest.mark.parametrize("packed", [False, True])
def test_an_unknown_type_in_a_file_of_matlab_is_refused_before_scipy_reads_it(tmp_path, packed):
    # scipy looks the type up in a table without checking it, which ends the process.
    from scipy.io import savemat

    values = np.arange(12.0).reshape(4, 3) + 0.5
    savemat(tmp_path / "whole.mat", {"x": values})
    content = bytearray((tmp_path / "whole.mat").read_bytes())
    tag = content.index(values.tobytes("F")) - 8
    assert content[tag : tag + 4] == b"\x09\0\0\0"
    content[tag + 1] = 0xFF
    if packed:
        inside = zlib.compress(bytes(content[128:]))
        content = content[:128] + b"\x0f\0\0\0" + len(inside).to_bytes(4, "little") + inside
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(DataError, match="unknown type of data"):
        read_arrays(tmp_path / "x.mat")


def test_a_file_of_matlab_that_unpacks_to_far_more_is_refused(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "x.mat", {"x": np.zeros((3000, 3000))}, do_compression=True)
    with pytest.raises(DataError, match="unpacks to more than 200 times"):
        read_arrays(tmp_path / "x.mat")
