"""Anyone's arrays: files and folders as representations, mapped from disk where possible."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from alignkit.bounds import check_holes, require_regular
from alignkit.errors import DataError, UsageError, first_line
from alignkit.metrics import tables
from alignkit.metrics.files.axes import GAP, Axes, axes_of, check_used
from alignkit.metrics.files.content import Content, check_rows, sort_out
from alignkit.metrics.files.folders import (
    IDS,
    NAMES,
    Layer,
    beside,
    files_in,
    is_features,
    joined,
    layers_of,
    own_ids,
)
from alignkit.metrics.files.hdf5 import read_hdf5
from alignkit.metrics.files.matlab import read_mat
from alignkit.metrics.files.numpy_files import read_npy, read_npz, read_txt
from alignkit.metrics.files.torch_files import read_safetensors, read_torch
from alignkit.metrics.representation import Representation
from alignkit.progress import SILENT, Reporter

_READERS: dict[str, Any] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".safetensors": read_safetensors,
    ".pt": read_torch,
    ".pth": read_torch,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".mat": read_mat,
}
SUFFIXES = (*_READERS, *tables.SUFFIXES)
PICKLES = (".bin", ".ckpt", ".pkl", ".pickle", ".joblib")


def read_arrays(
    path: str | Path,
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    id: str | None = None,
    reporter: Reporter = SILENT,
    axis: str | None = None,
    pool: str | None = None,
) -> list[Representation]:
    """Read one array, an archive of arrays, or a folder with one file per layer.

    Parameters
    ----------
    path : path
        ``.npy``; ``.npz``, ``.safetensors``, ``.pt``, ``.h5`` or ``.mat`` with one layer per name;
        ``.csv``, ``.tsv`` or ``.parquet`` with an optional column of ids; a folder of such
        files, or one of thingsvision with a folder per module. Sample ids are the array ``ids``
        or ``file_names`` of an archive, or a folder's ``ids.json`` or ``file_names.txt``.
    dtype, device
        As for ``Representation``.
    id : str, optional
        The column of ids of tables; by default it is found by its name.
    reporter : Reporter
        Hears how files were read, where that is not as usual.
    axis : str, optional
        What arrays of three dimensions hold: ``layers`` for ``(layers, n, width)``, ``layers=1``
        for ``(n, layers, width)``, ``tokens`` for ``(n, tokens, width)``; with both ``layers``
        and a pooling, four dimensions are ``(layers, n, tokens, width)``.
    pool : str, optional
        How tokens are pooled: ``mean``, ``cls`` (the first), ``last`` or ``max``; what an
        array ``attention_mask`` of the same file marks with 0 is left out. ``gap`` is the mean
        of feature maps ``(n, channels, height, width)`` over height and width.

    Returns
    -------
    list of Representation
        In natural order of their names: ``layer2`` before ``layer10``.

    Raises
    ------
    DataError
        When the path is missing, or is not such a file. What only code could restore is refused,
        and so are headers that do not fit their data.
    UsageError
        For what no representation can be: other shapes, no numbers, ids that do not fit; for
        arrays of more dimensions of which it is not said what they hold; and where there is no
        such column of ids, or several could be meant.
    """
    axes = axes_of(axis, pool)
    layers = read_layers(Path(path), axes, id, reporter)
    check_used({str(path): axes})
    return represented(layers, dtype, device)


def read_sides(
    x: Path,
    y: Path,
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    ids: Sequence[str] = (),
    reporter: Reporter = SILENT,
    axis: Sequence[str] = (),
    pool: Sequence[str] = (),
) -> tuple[list[Representation], list[Representation]]:
    """Read both sides of a comparison; a path given twice is read once.

    All are brought to one precision: ``dtype``, or their own, or float64 where they differ.

    Parameters
    ----------
    x, y : Path
    dtype, device
        As for ``Representation``.
    ids : sequence of str
        The column of ids of tables: none where it is found by its name, one for both sides, or
        one for each.
    reporter : Reporter
        Hears how files were read, where that is not as usual, and if only one side has ids.
    axis, pool : sequence of str
        As for ``read_arrays``: none, one for both sides, or one for each.

    Raises
    ------
    UsageError
        When more than two columns of ids, axes or poolings are given, or one does not apply.
    """
    columns = for_sides("id", ids)
    if len(ids) == 1 and (holds_table(x) or holds_table(y)):
        columns = (ids[0] if holds_table(x) else None, ids[0] if holds_table(y) else None)
    given = list(zip(for_sides("axis", axis), for_sides("pool", pool), strict=True))
    axes = [axes_of(*each) for each in given]
    x_layers = read_layers(x, axes[0], columns[0], reporter)
    same = x.resolve() == y.resolve() and axes[0] == axes[1]
    y_layers = x_layers if same else read_layers(y, axes[1], columns[1], reporter)
    check_used({str(x): axes[0], str(y): axes[1]} if x != y else {str(x): axes[0]})
    xs = represented(x_layers, dtype, device)
    ys = xs if same else represented(y_layers, dtype, device)
    if len({layer.dtype for layer in (*xs, *ys)}) > 1:
        xs = represented(x_layers, torch.float64, device)
        ys = xs if same else represented(y_layers, torch.float64, device)
    if (xs[0].ids is None) != (ys[0].ids is None):
        has, lacks = (y, x) if xs[0].ids is None else (x, y)
        reporter.note(
            f"note: {has} has ids and {lacks} has none: their rows are taken to be in one order"
        )
    return xs, ys


def for_sides(name: str, given: Sequence[str]) -> tuple[str | None, str | None]:
    """Return an option of both sides of a comparison, that was given once or twice, or not.

    Raises
    ------
    UsageError
        When it was given more often.
    """
    if len(given) > 2:
        raise UsageError(
            f"`{name}` is given {len(given)} times; give it once, or once for each side"
        )
    return (given[0], given[-1]) if given else (None, None)


def read_layers(
    path: Path, axes: Axes, id: str | None = None, reporter: Reporter = SILENT
) -> dict[str, Layer]:
    """Read the layers of a file or folder by name, each ``(n, width)``, in natural order.

    Parameters
    ----------
    path : Path
    axes : Axes
        What arrays of more dimensions hold; it remembers whether that was needed.
    id, reporter
        As for ``read_arrays``.

    Raises
    ------
    DataError, UsageError
        As for ``read_arrays``.
    """
    if not path.exists():
        raise DataError(f"there is no {path}; expected {', '.join(SUFFIXES)} or a folder of them")
    if id is not None and not holds_table(path):
        raise UsageError(f"{path} holds no table, and `id` names a column of one")
    whole = _folder(path, id, reporter) if path.is_dir() else _single(path, id, reporter)
    layers: dict[str, Layer] = {}
    for name in sorted(whole, key=_natural):
        layer = whole[name]
        try:
            apart = axes.apart(name, layer.array, layer.mask)
        except UsageError as error:
            raise UsageError(f"{layer.file}: {error}") from None
        layers |= {each: replace(layer, array=array) for each, array in apart.items()}
    if (
        "pool" in axes.used
        and axes.pool != GAP
        and any(layer.mask is None for layer in whole.values())
    ):
        reporter.note(
            f"note: {path} has no attention_mask: every token is pooled, padding included"
        )
    if all(layer.array.ndim == 2 for layer in layers.values()):
        check_rows(path, {name: layer.array for name, layer in layers.items()})
    return layers


def represented(
    layers: Mapping[str, Layer],
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
) -> list[Representation]:
    """Return layers as representations; later messages about their values name their files.

    Raises
    ------
    UsageError
        For what no representation can be.
    """
    representations = []
    for name, layer in layers.items():
        try:
            representation = Representation(layer.array, layer.ids, name, dtype, device)
        except UsageError as error:
            raise UsageError(f"{layer.file}: {error}") from None
        own = name in (layer.file.stem, layer.file.parent.name)
        representation.origin = str(layer.file) if own else f"{layer.file}: {name}"
        representations.append(representation)
    return representations


def files_read(path: Path) -> list[Path]:
    """Return the files that a side is read from, those with ids included."""
    files = [path] if path.is_file() else list(files_in(path, SUFFIXES))
    places = {path, *(file.parent for file in files)}
    lists = [place / name for place in places for name in (IDS, NAMES)]
    return sorted({*files, *(file for file in lists if file.is_file())})


def holds_table(path: Path) -> bool:
    """Return whether a path is a table or a folder with one, so that ids may be in a column."""
    files = files_in(path, SUFFIXES) if path.is_dir() else [path]
    return any(_kind(file) in tables.SUFFIXES for file in files)


def _kind(path: Path) -> str:
    return path.suffix.lower()


def _folder(path: Path, id: str | None, reporter: Reporter) -> dict[str, Layer]:
    modules = files_in(path, SUFFIXES)
    if not modules:
        raise DataError(f"{path} holds none of {', '.join(SUFFIXES)}; expected one file per layer")
    contents = {file: _file(file, id, reporter) for file in modules}
    return layers_of(path, contents, modules, reporter)


def _single(path: Path, id: str | None, reporter: Reporter) -> dict[str, Layer]:
    content = _file(path, id, reporter)
    names = beside(path) if is_features(path.stem) else None
    ids = own_ids(path, content, names)
    layers = {name: Layer(array, path, ids, content.mask) for name, array in content.arrays.items()}
    layers = joined(path.parent, layers, reporter)
    return {name: replace(layer, ids=layer.ids or names) for name, layer in layers.items()}


def _file(path: Path, id: str | None, reporter: Reporter) -> Content:
    """Read one file, and say how where that is not as usual."""
    kind = _kind(path)
    if kind in PICKLES:
        raise DataError(
            f"{path} may hold a pickle, which is never read; save it as .safetensors or .npy"
        )
    if kind not in SUFFIXES and not (kind == ".txt" and is_features(path.stem)):
        raise DataError(f"{path} is none of {', '.join(SUFFIXES)}")
    require_regular(path)
    try:
        check_holes(path)
        if kind in tables.SUFFIXES:
            samples = tables.read_samples(path, id)
            layers = samples.layers or {path.stem: samples.values}
            content = Content(layers, samples.ids, None, samples.notes)
        else:
            content = sort_out(path, _READERS.get(kind, read_txt)(path))
    except UsageError as error:
        raise UsageError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    except (
        OSError,
        ValueError,
        LookupError,
        ImportError,
        MemoryError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(f"{path} cannot be read: {first_line(error)}") from None
    for note in content.notes:
        reporter.note(f"note: {note}")
    return content


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
