"""Two separate encoders as a run: measured, never scored."""

import numpy as np
import pytest
import torch

import alignkit
from named_models import text_folder, vision_folder
from tiny import TINY_TASK, train_tiny
from tiny import alignkit as command


@pytest.fixture
def models(tmp_path):
    return [
        "--text-model",
        text_folder(tmp_path / "text"),
        "--vision-model",
        vision_folder(tmp_path / "vision"),
    ]


def _extract(tmp_path, models, *further):
    return command("extract", "--task", TINY_TASK, *models, *further, cwd=tmp_path)


def test_representations_are_the_encoders_own(tmp_path, models):
    from transformers import AutoModel, AutoTokenizer

    folder = tmp_path / _extract(tmp_path, models).stdout.strip()
    run = alignkit.load_run(folder.parents[1])
    task = run.config.task.make().split("test")
    own = AutoModel.from_pretrained(models[1]).eval()
    tokens = AutoTokenizer.from_pretrained(models[1])(
        list(task.texts), padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        expected = own(**tokens).last_hidden_state[:, 0].numpy()
    representation = run.representation("t02", "test", "cls")
    np.testing.assert_allclose(representation.values, expected, atol=1e-5)
    assert list(representation.ids) == list(task.ids)
    assert run.placement == "separate"
    assert [site for site in run.representation_index("test")["sites"] if ".f" in site] == []


@pytest.mark.slow
def test_measure_works_and_scores_are_absent_with_a_reason(tmp_path, models):
    folder = _extract(tmp_path, models).stdout.strip()
    run = folder.rpartition("/representations")[0]
    measured = command(
        "measure", run, "--metric", "cka", "--layers", "last", "--json", cwd=tmp_path
    )
    assert '"value": ' in measured.stdout
    done = command("evaluate", run, cwd=tmp_path, code=1)
    assert "has no scores: its encoders are separate" in done.stderr
    done = command("correlate", "--metric", "cka", cwd=tmp_path, code=1)
    assert "no run has scores: its encoders are separate" in done.stderr
    assert "train a run that has: alignkit train" in done.stderr
    train_tiny(tmp_path / "runs", "1")
    done = command("correlate", "--metric", "cka", cwd=tmp_path)
    assert f"{run} is left out: its encoders are separate" in done.stderr
    assert alignkit.load_run(tmp_path / run).unscored
    listed = command("runs", "--json", cwd=tmp_path)
    assert run in listed.stdout


def test_the_second_time_does_no_work_and_another_split_needs_no_folder(tmp_path, models):
    import shutil

    first = _extract(tmp_path, models).stdout.strip()
    run = tmp_path / first.rpartition("/representations")[0]
    before = (run / "model.safetensors").stat().st_mtime_ns
    assert _extract(tmp_path, models).stdout.strip() == first
    assert (run / "model.safetensors").stat().st_mtime_ns == before
    shutil.rmtree(models[1])
    shutil.rmtree(models[3])
    command("extract", run, "--split", "validation", cwd=tmp_path)


def test_other_weights_are_another_run(tmp_path, models):
    first = _extract(tmp_path, models).stdout
    scratch = _extract(tmp_path, models, "--from-scratch").stdout
    seeded = _extract(tmp_path, models, "--from-scratch", "--seed", 1).stdout
    assert len({first, scratch, seeded}) == 3
    text_folder(models[1], seed=5)
    assert _extract(tmp_path, models).stdout != first


def test_labels_are_not_needed(tmp_path, models):
    (tmp_path / "plain.py").write_text(
        "import numpy as np\nimport alignkit\n"
        "class Plain:\n"
        "    target = alignkit.Binary()\n"
        "    def fingerprint(self):\n        return 'plain'\n"
        "    def split(self, name):\n"
        "        image = lambda i: np.full((8, 8, 3), 9 * i, np.uint8)\n"
        "        return alignkit.Split(list('abc'), ['a red disc', 'the', 'of'], image, None)\n"
        "@alignkit.hookimpl\ndef register_tasks(register):\n"
        "    register('plain', Plain, summary='no labels')\n"
    )
    command("--plugin", "plain.py", "extract", "--task", "plain", *models, cwd=tmp_path)


def test_pairs_for_pretraining_are_extracted_too(tmp_path, models):
    """A task that has no labels at all, and so no outputs to predict."""
    from PIL import Image

    (tmp_path / "pairs").mkdir()
    rows = ["image,text", *(f"{i}.png,a red disc {i}" for i in range(40))]
    (tmp_path / "pairs" / "data.csv").write_text("\n".join(rows) + "\n")
    for i in range(40):
        Image.new("RGB", (9, 8), (i, 0, 0)).save(tmp_path / "pairs" / f"{i}.png")
    done = command("extract", "--task", "folder:pairs", *models, cwd=tmp_path)
    assert "runs/folder-pairs/separate/" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text-model", "x"], "need --text-model, --vision-model and --task"),
        (["--seed", "1"], "need --text-model, --vision-model and --task"),
        (["--text-model", "x", "--vision-model", "y"], "need --text-model, --vision-model and"),
        (
            [
                "--text-model",
                "x",
                "--vision-model",
                "y",
                "--task",
                TINY_TASK,
                "--placement",
                "late",
            ],
            "separate encoders do not belong to a trained run",
        ),
    ],
)
def test_halves_are_refused(tmp_path, words, message):
    done = command("extract", *words, cwd=tmp_path, code=2)
    assert message in done.stderr
