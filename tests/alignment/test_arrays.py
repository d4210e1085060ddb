"""Measuring anyone's arrays: joined, sampled, mirrored, and gone on with."""

import numpy as np
import pytest

from alignkit import Representation, metrics
from alignkit.alignment import compute
from alignkit.alignment.arrays import measure_arrays
from alignkit.alignment.partial import digests_of, parts_of
from alignkit.errors import UsageError
from alignkit.metrics import Metric
from alignkit.metrics.arrays import files_read
from alignkit.progress import SILENT

IDS = [f"s{i:02d}" for i in range(30)]


def _layers(count=3, seed=0, ids=IDS, name="l"):
    rng = np.random.default_rng(seed)
    return [Representation(rng.standard_normal((30, 5)), ids, f"{name}{i}") for i in range(count)]


@pytest.fixture
def asked(monkeypatch):
    found = []
    real = metrics.grid

    def counting(metric, xs, ys, *, pairs, **options):
        found.extend((xs[i].name, ys[j].name) for i, j in pairs)
        return real(metric, xs, ys, pairs=pairs, **options)

    monkeypatch.setattr(metrics, "grid", counting)
    return found


def test_samples_are_drawn_after_rows_are_joined():
    xs = _layers()
    order = np.random.default_rng(1).permutation(30)
    ys = [Representation(x.values[order], [IDS[i] for i in order], x.name) for x in xs]
    table = measure_arrays(xs, ys, ["cka"], layers="same", samples=12, seed=4)
    assert (table["n"] == 12).all()
    np.testing.assert_allclose(table["value"], 1, atol=1e-6)  # shuffled, it is the same array


def test_the_same_layers_on_both_sides_are_mirrored(asked):
    xs = _layers()
    table = measure_arrays(xs, xs, ["cka"])
    assert len(table) == 9
    assert len(asked) == 6
    assert measure_arrays(xs, xs, ["cka"], layers="max-pair")["pairs"][0] == 3


def test_other_ids_are_refused():
    with pytest.raises(UsageError, match="sample ids differ at row 29: 's29' against 'z'"):
        measure_arrays(_layers(), _layers(ids=[*IDS[:-1], "z"]), ["cka"])


def test_parts_are_gone_on_with_only_on_the_same_inputs(tmp_path, monkeypatch, asked):
    output = tmp_path / "grid.csv"
    monkeypatch.setattr(compute, "SECONDS", 0.0)
    real = Metric.compare

    def interrupted(inputs, after=None):
        calls = []

        def stopping(self, a, b):
            calls.append(1)
            if len(calls) == after:
                raise KeyboardInterrupt
            return real(self, a, b)

        asked.clear()
        monkeypatch.setattr(Metric, "compare", stopping)
        with parts_of(output, inputs, SILENT) as parts:
            return measure_arrays(_layers(), _layers(seed=1), ["cka"], parts=parts)

    for inputs in (["a"], ["b"]):  # other inputs: from the beginning
        with pytest.raises(KeyboardInterrupt):
            interrupted(inputs, after=8)
        assert len(asked) == 9
    table = interrupted(["b"])
    assert 0 < len(asked) < 9
    assert table["value"].notna().all()
    assert list(tmp_path.iterdir()) == []


def test_parts_of_what_never_began_are_no_litter(tmp_path):
    with pytest.raises(UsageError), parts_of(tmp_path / "x.csv", [], SILENT) as parts:
        measure_arrays(_layers(), _layers(), ["mknn:k=30"], parts=parts)
    assert list(tmp_path.iterdir()) == []


def test_digests_follow_the_bytes(tmp_path):
    for name in ("b", "a"):
        np.save(tmp_path / f"{name}.npy", np.eye(3))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "ids.json").write_text("[0, 1, 2]")
    before = digests_of(tmp_path, files_read(tmp_path))
    assert [line.split()[0] for line in before] == ["a.npy", "b.npy", "ids.json"]
    np.save(tmp_path / "b.npy", np.eye(3) * 2)
    after = digests_of(tmp_path, files_read(tmp_path))
    assert [x == y for x, y in zip(before, after, strict=True)] == [True, False, True]
    (tmp_path / "ids.json").unlink()
    assert digests_of(tmp_path / "a.npy", files_read(tmp_path / "a.npy")) == before[:1]
