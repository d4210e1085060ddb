"""Devices and precisions: resolved, refused, and used."""

import pytest
import torch

from alignkit.errors import UsageError
from alignkit.training.device import choose_device, choose_precision, mixed_precision
from parts import gradients, learner_and_batches
from tiny import TINY_MODEL, TINY_TASK, alignkit

CPU = torch.device("cpu")


def test_small_models_on_a_cpu_stay_in_float32():
    assert choose_precision("auto", CPU, 64) == "float32"
    assert choose_precision("auto", CPU, 768) in ("float32", "bf16")
    assert choose_precision("fp16", CPU, 64) == "fp16"


@pytest.mark.parametrize("name", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_one_clear_line(name):
    with pytest.raises(UsageError, match=f"`device={name}` is not available here.*auto.*cpu"):
        choose_device(name)


def test_products_are_mixed_and_weights_are_not():
    layer = torch.nn.Linear(4, 4)
    for precision, kind in (
        ("float32", torch.float32),
        ("bf16", torch.bfloat16),
        ("fp16", torch.float16),
    ):
        with mixed_precision(precision, CPU):
            assert layer(torch.ones(1, 4)).dtype == kind
    assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize("aux", [(), ("contrastive=1",)])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_gradients_are_close_to_those_of_float32(precision, aux):
    """Auxiliary losses over two batches included: the loss scale of fp16 reaches them once."""
    import numpy as np

    vectors = []
    for chosen in ("float32", precision):
        learner, prepare = learner_and_batches(aux=aux)
        learner.precision = chosen
        learner.scaler = torch.amp.GradScaler("cpu", enabled=chosen == "fp16", init_scale=256.0)
        batches = [prepare(rows, 1) for rows in np.split(np.arange(32), 2)]
        gradient, _ = gradients(learner, batches)
        vectors.append(gradient / learner.scaler.get_scale())
    full, low = vectors
    cosine = full @ low / np.linalg.norm(full) / np.linalg.norm(low)
    assert cosine > 0.99
    assert np.linalg.norm(low) == pytest.approx(np.linalg.norm(full), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_precision_is_stored(tmp_path, precision):
    import json

    done = alignkit(
        "train",
        "--task",
        TINY_TASK,
        "-a",
        TINY_MODEL,
        "-p",
        "1",
        "--epochs",
        "1",
        "--precision",
        precision,
        cwd=tmp_path,
    )
    stored = json.loads((tmp_path / done.stdout.strip() / "config.json").read_text())
    assert stored["carried_out"] == {"device": "cpu", "precision": precision, "processes": 1}
    assert stored["training"]["precision"] == precision
