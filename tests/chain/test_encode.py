"""Storing the representations of encoders."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from alignkit.alignment.encoders import encoder_pairs, measure_encoders
from alignkit.chain.encode import EncodeOptions, encode
from alignkit.engines.perform import Notes
from alignkit.errors import OutOfMemoryError, UsageError
from alignkit.models.encoders import EncoderSite, SiteState
from alignkit.runs.config import Choice
from alignkit.runs.encoders import load_encoders
from alignkit.runs.files import discard
from tiny import digest


class Encoder:
    """A tiny encoder of texts or pictures; counts its passes and can run out of memory."""

    def __init__(self, stream: str = "text", scale: float = 1.0, fits: int = 10**6) -> None:
        self.stream, self.scale, self.fits = stream, scale, fits
        self.label, self.passes = f"tiny {stream}", 0

    def sites(self):
        return [
            EncoderSite("in", (None, 4), ("mean", "last"), {"cls": "there is no class token"}),
            EncoderSite("layer.0", (None, 4), ("cls", "mean")),
            EncoderSite("layer.0.inner", (None, 4), ("mean",), default=False),
        ]

    def identity(self):
        return {"scale": self.scale, "stream": self.stream}

    def notes(self):
        return ()

    def load(self, device):
        self.device = device

    def prepare(self, samples):
        if self.stream == "vision":
            values = [
                np.asarray(s, dtype=np.float32)[:8, :8].reshape(16, 12)[:, :4] for s in samples
            ]
            return {"values": torch.from_numpy(np.stack(values))}
        digests = [hashlib.sha256(text.encode()).digest() for text in samples]
        return {"values": torch.tensor([list(d) for d in digests]).view(-1, 8, 4).float()}

    def encode(self, inputs, sites, record):
        self.passes += 1
        tokens = inputs["values"]
        if len(tokens) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
        for at, name in enumerate(("in", "layer.0", "layer.0.inner")):
            if name in sites:
                cls = torch.zeros(len(tokens), dtype=torch.long)
                record(name, SiteState(tokens * self.scale + at, mask, mask, cls))


class Made(Choice):
    """A choice whose object exists already, so that no plugin is needed."""

    def make(self, **further):
        return self.options["object"]


def choice(encoder):
    return Made("encoders", "tiny", {"object": encoder}, {"scale": encoder.scale})


@pytest.fixture(scope="module")
def task():
    from alignkit.runs.config import choose_task

    return choose_task("toy_match")


def store(tmp_path, task, encoder=None, reporter=None, **options):
    options = EncodeOptions(**{"batch_size": 32, "shard_size": 64, "device": "cpu"} | options)
    made = choice(encoder or Encoder())
    return encode(made, task, tmp_path / "encoders", "test", options, reporter or Notes())


def test_an_encoder_is_stored_once(tmp_path, task):
    encoder = Encoder()
    first = store(tmp_path, task, encoder)
    passes = encoder.passes
    assert passes > 0
    assert first.sites("test") == ["in", "layer.0"]
    assert first.pools("in", "test") == ["mean"]
    assert store(tmp_path, task, encoder).path == first.path
    assert encoder.passes == passes
    data = task.make().split("test")
    assert first.ids("test") == list(data.ids)
    expected = torch.tensor(list(hashlib.sha256(data.texts[3].encode()).digest())).view(8, 4)
    stored = first.representation("in", "test", "mean").values
    assert np.allclose(stored[3], expected.float().mean(0))


class Pictures:
    """A task whose first picture may be replaced by another."""

    def __init__(self, task, content):
        self.task, self.content = task, content
        self.target, self.fingerprint = task.target, task.fingerprint

    def split(self, name):
        split = self.task.split(name)
        other = 255 - np.asarray(split.image(0))
        return replace(
            split, image=lambda i: other if i == 0 and self.content == "b" else split.image(i)
        )

    def content_digest(self, name):
        return f"{name} {self.content}"


def test_pictures_that_changed_are_encoded_again(tmp_path, task):
    def stored(content, stream="vision"):
        made = Made("tasks", "toy_match", {"object": Pictures(task.make(), content)}, {})
        encoder, heard = Encoder(stream), Notes()
        store(tmp_path, made, encoder, heard, pools=["mean", "last"])
        where = store(tmp_path, made, encoder, Notes())
        return where.representation("in", "test", "last").values.copy(), encoder.passes, heard.said

    before, passes, _ = stored("a")
    assert passes
    same, passes, _ = stored("a")
    assert not passes
    assert np.array_equal(same, before)
    after, passes, lines = stored("b")
    assert passes
    assert any("stored, but the pictures are other ones now" in line for line in lines)
    assert not np.allclose(after[0], before[0])
    assert np.array_equal(after[1:], before[1:])
    assert stored("a", "text")[1]
    assert not stored("b", "text")[1]  # texts are not in pictures


def test_poolings_and_sites_are_added_to_what_is_stored(tmp_path, task):
    store(tmp_path, task)
    added = store(tmp_path, task, sites=["layer.*"], pools=["mean"])
    assert added.sites("test") == ["in", "layer.0", "layer.0.inner"]
    assert added.pools("in", "test") == ["mean"]
    assert added.pools("layer.0", "test") == ["cls", "mean"]


def test_other_weights_are_another_store(tmp_path, task):
    assert store(tmp_path, task).path != store(tmp_path, task, Encoder(scale=2.0)).path


def test_a_pooling_that_no_site_has_is_refused(tmp_path, task):
    with pytest.raises(UsageError, match="'in' has no pooling 'cls': there is no class token"):
        store(tmp_path, task, sites=["in"], pools=["cls"])
    assert not (tmp_path / "encoders").exists()


def test_sites_without_a_pooling_that_others_have_are_named(tmp_path, task):
    reporter = Notes()
    stored = store(tmp_path, task, reporter=reporter, pools=["cls"])
    assert stored.sites("test") == ["layer.0"]
    assert any("1 site(s) have no pooling 'cls'" in line for line in reporter.said)
    assert any(line.endswith(": in") for line in reporter.said)


def test_a_batch_that_does_not_fit_is_halved(tmp_path, task):
    reporter = Notes()
    halved = store(tmp_path, task, Encoder(fits=9), reporter)
    whole = store(tmp_path / "whole", task)
    assert sum("memory ran out" in line for line in reporter.said) == 2  # 32 to 16 to 8
    for site in ("in", "layer.0"):
        file = halved.representations_folder("test") / f"{site}.{halved.pools(site, 'test')[0]}.npy"
        other = whole.representations_folder("test") / file.name
        assert np.array_equal(np.load(file), np.load(other))


def test_batches_on_a_cpu_have_16_samples_by_default(tmp_path, task):
    sizes = []

    class Counting(Encoder):
        def prepare(self, samples):
            sizes.append(len(samples))
            return super().prepare(samples)

    store(tmp_path, task, Counting(), batch_size=None)
    n = len(task.make().split("test"))
    assert sizes == [16] * (n // 16) + [n % 16] * bool(n % 16)


def test_one_sample_that_does_not_fit_is_one_line(tmp_path, task):
    with pytest.raises(OutOfMemoryError, match="not even one sample fits"):
        store(tmp_path, task, Encoder(fits=0))


def test_an_interrupted_extraction_resumes_and_gives_the_same_bytes(tmp_path, task):
    reference = store(tmp_path / "reference", task)

    class Interrupted(Encoder):
        def encode(self, inputs, sites, record):
            super().encode(inputs, sites, record)
            if self.passes == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store(tmp_path, task, Interrupted())
    reporter, encoder = Notes(), Encoder()
    resumed = store(tmp_path, task, encoder, reporter)
    assert any("resuming after 1" in line for line in reporter.said)
    assert digest(resumed.path) == digest(reference.path)


def test_every_text_encoder_is_measured_against_every_vision_encoder(tmp_path, task):
    for stream in ("text", "vision"):
        for scale in (1.0, 2.0):
            store(tmp_path, task, Encoder(stream, scale))
    encoders = load_encoders(tmp_path / "encoders", task=["toy_match"])
    pairs = encoder_pairs(encoders)
    assert [(x.stream, y.stream) for x, y in pairs] == [("text", "vision")] * 4
    assert len(encoder_pairs(encoders, "all")) == 6
    assert len(load_encoders(tmp_path / "encoders", ["tiny text"])) == 2
    x, y = pairs[0]
    table = measure_encoders(x, y, ["unbiased_cka"], null=20)
    assert list(table["x"]) == ["in", "in", "layer.0", "layer.0"]
    assert table["n"].eq(len(x.ids("test"))).all()
    discard(x.representations_folder("test") / "in.mean.npy")  # what is stored is not read again
    again = measure_encoders(x, y, ["unbiased_cka"], null=20)
    assert again.equals(table)


def test_a_pattern_that_matches_nothing_names_what_is_stored(tmp_path, task):
    store(tmp_path, task)
    with pytest.raises(UsageError, match=r"matches 'clip\*'; stored: tiny-text@"):
        load_encoders(tmp_path / "encoders", ["clip*"])
