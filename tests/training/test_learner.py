"""The gradient of a step is that of the union of its batches, however it is cut."""

import numpy as np
import pytest
import torch

from alignkit.plugins.load import use_plugin_files
from parts import cut, gradients, learner_and_batches

ROWS = np.arange(40)
CUTS = {"even": (20, 20), "partial": (16, 16, 8), "uneven": (25, 3, 12), "last": (39, 1)}


def _compare(sizes, rtol=2e-5, **options):
    learner, prepare = learner_and_batches(**options)
    learner.train()
    whole, said = gradients(learner, [prepare(ROWS, 1)])
    torch.manual_seed(7)
    parts, also = gradients(learner, [prepare(rows, 1) for rows in cut(ROWS, *sizes)])
    scale = np.abs(whole).max()
    assert scale > 1e-4
    np.testing.assert_allclose(parts / scale, whole / scale, atol=rtol)
    assert also == pytest.approx(said, rel=1e-4)


@pytest.mark.parametrize("sizes", CUTS.values(), ids=CUTS)
def test_accumulated_gradients_are_those_of_one_batch(sizes):
    _compare(sizes)


@pytest.mark.parametrize(
    "objectives",
    [
        ("mlm",),
        ("itm",),
        ("task", "mlm=0.5", "itm=2"),
        ("itc=1:width=8",),
        ("itc=0.5:width=8,pool=mean", "mlm", "itm", "task"),
    ],
)
def test_words_and_pairs_are_averaged_over_the_whole_group(objectives):
    _compare((25, 3, 12), objectives=objectives)


def test_class_weights_are_averaged_over_samples():
    _compare(
        (25, 3, 12), task="toy_redundant:n_train=64,n_validation=32,values=3", class_weights=True
    )


@pytest.mark.parametrize("sizes", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize(
    "aux",
    ["contrastive=0.5", "contrastive=2:projection=5,layer=1,pool=mean", "cosine=1:layer=t.f0+v.f1"],
)
def test_auxiliary_losses_see_the_whole_group(aux, sizes):
    _compare(sizes, aux=(aux,))


def test_auxiliary_losses_see_only_true_pairs():
    learner, prepare = learner_and_batches(objectives=("itm",), aux=("cosine=1",))
    seen = []
    aux = learner.aux["cosine"]
    aux.function = lambda x, y: seen.append(len(x)) or (x * y).mean()
    batch = prepare(ROWS, 1)
    gradients(learner, [batch])
    assert 0 < int(batch.pairs.sum()) < 40
    assert set(seen) == {int(batch.pairs.sum())}  # also where it is checked at first use


def test_both_passes_of_gradient_caching_drop_the_same():
    model = "vilbert:depth=3,width=16,heads=2,feedforward=32,fusion_width=16,dropout=0.3"
    learner, prepare = learner_and_batches(model=model, aux=("contrastive=1",))
    learner.train()
    kept = []
    aux = learner.aux["contrastive"]
    plain = aux.representations
    aux.representations = lambda *args: kept.append(plain(*args)) or kept[-1]
    gradients(learner, [prepare(rows, 1) for rows in cut(ROWS, 20, 20)])
    first, second = kept[:2], kept[2:]
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one[0], other[0].detach(), rtol=0, atol=0)


def test_a_similarity_is_maximised():
    learner, prepare = learner_and_batches(aux=("cosine=1",))
    batch = prepare(ROWS, 1)
    values = []
    for _ in range(15):
        _, measured = gradients(learner, [batch])
        values.append(measured["aux_cosine"])
        with torch.no_grad():
            for _, parameter in learner.named_parameters():
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
    assert values[-1] < values[0] - 0.1
    assert all(0 <= value <= 2 for value in values)  # 1 - cosine


def test_too_small_a_group_has_no_auxiliary_loss():
    learner, prepare = learner_and_batches(aux=("cosine=1",))
    _, measured = gradients(learner, [prepare(ROWS[:5], 1)])
    assert "aux_cosine" not in measured
    assert np.isfinite(measured["loss"])


@pytest.fixture
def alignment_losses(tmp_path):
    """The differentiable metrics, under names that nobody else claims."""
    file = tmp_path / "alignment_losses.py"
    file.write_text(
        "import alignkit\n"
        "@alignkit.hookimpl\n"
        "def register_losses(register):\n"
        "    for name in ('cka', 'unbiased_cka', 'procrustes'):\n"
        "        register(f'tested_{name}', f'alignkit_metrics.losses:{name}', maximise=True)\n"
    )
    use_plugin_files([file])
    yield
    use_plugin_files([])


@pytest.mark.parametrize("name", ["cka", "unbiased_cka", "procrustes"])
def test_alignment_as_a_loss_sees_a_batch_larger_than_what_is_run_at_once(alignment_losses, name):
    _compare((16, 16, 8), rtol=1e-3, aux=(f"tested_{name}=0.5:pool=mean",))


def test_a_frozen_stream_is_pulled_nowhere():
    learner, prepare = learner_and_batches(aux=("cosine=1",))
    for parameter in learner.model.parameters():
        parameter.requires_grad_(False)
    for parameter in learner.model.streams["text"].parameters():
        parameter.requires_grad_(True)
    learner.aux["cosine"].text_site = "t00"  # before any fusion
    learner.aux["cosine"].vision_site = "v00"
    learner.sites |= {"t00", "v00"}
    _, measured = gradients(learner, [prepare(rows, 1) for rows in cut(ROWS, 20, 20)])
    assert measured["aux_cosine"] > 0
    assert learner.model.streams["text"].words.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in learner.model.streams["vision"].parameters())
