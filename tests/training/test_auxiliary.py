"""Auxiliary losses by name, weight and site, through the plugin door."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alignkit.chain.train import train
from alignkit.errors import UsageError
from alignkit.runs import Training, resolve_config
from alignkit_losses.pairs import contrastive, cosine
from parts import learner_and_batches
from tiny import TINY_MODEL, TINY_TASK, alignkit

LOSS = """
import alignkit

def spread(text, vision, power: float = 2.0):
    return ((text - text.mean(0)).abs() ** power).mean() + 0 * vision.sum()

@alignkit.hookimpl
def register_losses(register): register("spread", spread, summary="How far texts lie apart")
"""


def _aux(spec):
    learner, _ = learner_and_batches(aux=(spec,))
    (aux,) = learner.aux.values()
    return aux


@pytest.mark.parametrize(
    ("spec", "sites"),
    [
        ("cosine=1", ("t02", "v02")),
        ("cosine=1:layer=0", ("t00", "v00")),
        ("cosine=1:layer=t.f1+v.f0", ("t.f1", "v.f0")),
    ],
)
def test_sites_are_chosen_by_option(spec, sites):
    assert _aux(spec).sites == sites


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cosin=1", "unknown loss 'cosin'; did you mean 'cosine'?"),
        ("cosine", "`aux=cosine` needs a weight above 0; write it as NAME=WEIGHT"),
        ("cosine=0", "needs a weight above 0"),
        ("cosine=-1", "needs a weight above 0"),
        ("cosine=much", "needs a weight above 0"),
        ("cosine=1:pool=top", "unknown pooling 'top'"),
        ("cosine=1:layer=all", "selects 25 pairs of sites; select one"),
        ("cosine=1:layer=9", "there is no layer 9"),
        ("cosine=1:projection=x", "projection=x must be a whole number"),
        ("cosine=1:temperature=1", "loss 'cosine' has no option 'temperature'"),
    ],
)
def test_faulty_specs_are_one_clear_line(spec, message):
    with pytest.raises(UsageError) as caught:
        _aux(spec)
    assert message in str(caught.value)


def test_given_twice_with_other_weights_is_an_error():
    with pytest.raises(UsageError, match="`aux=cosine` is given twice"):
        Training(aux=("cosine=1", "cosine=2"))
    assert Training(aux=("cosine=1", "cosine=1.0")).aux == ("cosine=1",)


def test_the_contrastive_loss_equals_its_definition():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 9, 5))
    unit = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (x, y)]
    similar = np.exp(unit[0] @ unit[1].T / 0.2)
    own = np.diag(similar)
    expected = -(np.log(own / similar.sum(0)) + np.log(own / similar.sum(1))).mean() / 2
    loss = contrastive(torch.tensor(x), torch.tensor(y), temperature=0.2)
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    same = torch.ones(9, 5, dtype=torch.float64)
    assert float(contrastive(same, same)) == pytest.approx(math.log(9))
    assert float(cosine(torch.tensor(x), torch.tensor(x))) == pytest.approx(1)
    expected = F.cosine_similarity(torch.tensor(x), torch.tensor(y)).mean()
    assert float(cosine(torch.tensor(x), torch.tensor(y))) == pytest.approx(float(expected))


def test_streams_of_other_widths_need_a_projection():
    with pytest.raises(UsageError, match=r"widths 4 and 5.*projection=256"):
        contrastive(torch.ones(3, 4), torch.ones(3, 5))


@pytest.mark.slow
def test_a_third_party_loss_trains_and_is_recorded(tmp_path):
    (tmp_path / "spread.py").write_text(LOSS)
    door = ("--plugin", "spread.py")
    assert "spread" in alignkit(*door, "list", "losses", cwd=tmp_path).stdout
    assert "power" in alignkit(*door, "show", "loss", "spread", cwd=tmp_path).stdout
    done = alignkit(
        *door,
        "train",
        "--task",
        TINY_TASK,
        "-a",
        TINY_MODEL,
        "-p",
        "1",
        "--epochs",
        "1",
        "--aux",
        "spread=0.5:power=1",
        "--aux",
        "cosine=0.1",
        cwd=tmp_path,
    )
    history = (tmp_path / done.stdout.strip() / "history.csv").read_text()
    assert "aux_spread" in history.splitlines()[0]
    assert "aux_cosine" in history.splitlines()[0]


@pytest.mark.slow
def test_it_changes_the_identity_and_pulls_the_streams_together(tmp_path):
    options = {"epochs": 3, "learning_rate": 2e-3, "batch_size": 16}
    runs = [
        train(resolve_config(TINY_TASK, "1,2", TINY_MODEL, Training(**options, aux=aux)), tmp_path)
        for aux in ((), ("cosine=1",))
    ]
    assert len({run.unit for run in runs}) == 2
    values = runs[1].history()["aux_cosine"].dropna()
    assert values.iloc[-1] < values.iloc[0] - 0.1
