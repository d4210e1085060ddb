"""Extraction: every site, every sample, whole or absent."""

import json

import numpy as np
import pytest
import torch

from alignkit.chain import model as models
from alignkit.chain.extract import extract
from alignkit.data.encoded import EncodedSplit
from alignkit.errors import DataError, UsageError
from alignkit.models.schedule import sites
from alignkit.models.walk import walk
from tiny import without_manifests


def test_every_site_of_the_schedule_is_stored_with_ids(tiny_run):
    index = extract(tiny_run, "test")
    assert index["sites"] == sites(tiny_run.schedule())
    assert index["n"] == 48
    ids = tiny_run.config.task.make().split("test").ids
    for site in index["sites"]:
        for pool in ("cls", "mean"):
            representation = tiny_run.representation(site, "test", pool)
            assert representation.values.shape == (48, 16)
            assert list(representation.ids) == list(ids)


def test_values_are_those_of_the_walk(tiny_run):
    extract(tiny_run, "test")
    task = tiny_run.config.task.make()
    model, schedule, inputs = models.load(tiny_run, 1)
    data = EncodedSplit(task.split("test"), inputs, "test")
    seen = {}
    with torch.inference_mode():
        for rows in data.in_order(128):
            walk(model, schedule, data.batch(rows), lambda site, state: seen.update({site: state}))
    for site, state in seen.items():
        np.testing.assert_array_equal(tiny_run.representation(site).values, state.tokens[:, 0])


def test_both_streams_differ_after_a_fusion(tiny_run):
    extract(tiny_run, "test")
    before = tiny_run.representation("t00").values
    assert not np.array_equal(before, tiny_run.representation("t.f0").values)
    assert not np.array_equal(before, tiny_run.representation("v00").values)


def test_a_pooling_is_added_without_losing_the_other(tiny_run):
    extract(tiny_run, "test", ["cls"])
    assert tiny_run.representation_index("test")["pools"] == ["cls"]
    extract(tiny_run, "test", ["mean"])
    assert tiny_run.representation_index("test")["pools"] == ["cls", "mean"]


def test_the_second_time_does_no_work(tiny_run, monkeypatch):
    first = extract(tiny_run, "test")
    monkeypatch.setattr(models, "load", lambda *_: pytest.fail("loaded a model again"))
    assert extract(tiny_run, "test") == first


def test_a_failure_leaves_nothing_half_written(tiny_run, monkeypatch):
    task = type(tiny_run.config.task.make())
    split = task.split

    def broken(self, name):
        whole = split(self, name)

        def image(i):
            if i == 40:
                raise DataError("picture 40 is not a picture")
            return whole.image(i)

        return type(whole)(whole.ids, whole.texts, image, whole.targets)

    monkeypatch.setattr(task, "split", broken)
    with pytest.raises(DataError, match="picture 40"):
        extract(tiny_run, "test")
    assert not tiny_run.representations_folder("test").exists()
    assert not [p for p in tiny_run.path.rglob("*") if p.suffix in (".tmp", ".old", ".npy")]


def test_unknown_pooling_is_refused(tiny_run):
    with pytest.raises(UsageError, match="unknown pooling 'top'; known: cls, max, mean"):
        extract(tiny_run, "test", ["top"])


def test_an_unextracted_site_says_how_to_get_it(tiny_run):
    with pytest.raises(DataError, match="alignkit extract"):
        tiny_run.representation("t00")


def test_weights_of_another_model_are_refused(tiny_run):
    from safetensors.torch import save_file

    without_manifests(tiny_run.path)
    save_file({"x": torch.zeros(1)}, tiny_run.model_file)
    with pytest.raises(DataError, match=r"the weights in .* do not fit this model"):
        extract(tiny_run, "test", force=True)


def test_the_index_is_plain_json(tiny_run):
    extract(tiny_run, "test")
    stored = json.loads((tiny_run.representations_folder("test") / "index.json").read_text())
    assert stored["pools"] == ["cls", "mean"]


def test_some_sites_are_stored_and_measuring_others_extracts_the_rest(tiny_run):
    from alignkit.alignment.runs import measure_run

    folder = tiny_run.representations_folder("test")
    index = extract(tiny_run, "test", ["cls"], only=["t02", "v.f*"])
    assert set(index["sites"]) == {"t02", "v.f0", "v.f1"}
    stored = {file.name: file.read_bytes() for file in folder.glob("*.npy")}
    assert set(stored) == {"t02.cls.npy", "v.f0.cls.npy", "v.f1.cls.npy"}
    more = extract(tiny_run, "test", ["cls"], only=["v02"])  # those stored earlier are kept
    assert {*index["sites"], "v02"} == set(more["sites"])
    assert len(measure_run(tiny_run, ["cka"], layers="last")) == 1
    assert set(tiny_run.representation_index("test")["sites"]) == set(more["sites"])
    measure_run(tiny_run, ["cka"], layers="all")
    assert len(tiny_run.representation_index("test")["sites"]) > 8
    for name, content in stored.items():
        assert (folder / name).read_bytes() == content
    with pytest.raises(UsageError, match=r"`sites=x\*`: .* has no such site; it has: t"):
        extract(tiny_run, "validation", only=["x*"])
