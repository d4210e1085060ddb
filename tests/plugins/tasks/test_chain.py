"""The published data sets through the chain and ``alignkit data``, in their real formats."""

import json

import captions
import dishes
import movies
import numpy as np
import pytest
from PIL import Image

from alignkit.runs.config import choose_task
from alignkit_tasks.mm_imdb_layouts import GENRES
from alignkit_vilbert.architecture import Vilbert
from tiny import TINY_MODEL, alignkit

MAKE = {
    "mm_imdb": (movies.original, "macro_f1", list(GENRES), "dataset/0000001.jpeg"),
    "upmc_food": (
        dishes.titles,
        "accuracy",
        list(dishes.CLASSES),
        "images/train/tacos/tacos_0.jpg",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", MAKE)
def test_a_run_knows_its_labels_its_notes_and_its_score(task, tmp_path):
    make, primary, labels, lost = MAKE[task]
    root = make(tmp_path / "data")
    (root / lost).unlink()
    done = alignkit(
        "train",
        "--task",
        f"{task}:images=blank",
        "--data",
        root,
        "--architecture",
        TINY_MODEL,
        "--placement",
        "1",
        "--epochs",
        "1",
        cwd=tmp_path,
    )
    run = tmp_path / done.stdout.strip()
    config = json.loads((run / "config.json").read_text())
    assert config["data"]["labels"] == labels
    notes = {note for notes in config["data"]["notes"].values() for note in notes}
    assert "picture missing, shown blank" in notes
    assert "1 picture missing, shown blank" in done.stderr
    assert config["task"]["options"]["splits"] in ("official", "stratified")
    performance = json.loads((run / "performance.json").read_text())
    assert performance["primary"] == primary
    (scores,) = json.loads(alignkit("evaluate", run, "--json", cwd=tmp_path).stdout)
    known = {"macro_f1", "micro_f1", "per_label_accuracy"} if task == "mm_imdb" else {"macro_f1"}
    assert known | {primary} <= set(scores)


@pytest.mark.slow
def test_hateful_memes_through_the_chain(memes, tmp_path):
    done = alignkit(
        "train",
        "--task",
        f"hateful_memes:{memes},validation=both",
        "--architecture",
        TINY_MODEL,
        "--placement",
        "1",
        "--epochs",
        "1",
        cwd=tmp_path,
    )
    assert "2 listed twice, taken once" in done.stderr
    (scores,) = json.loads(alignkit("evaluate", "--json", cwd=tmp_path).stdout)
    assert {"auroc", "accuracy"} <= set(scores)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("extract",),
        ("evaluate",),
        ("measure", "--metric", "cka"),
        ("correlate", "--metric", "cka"),
        ("report", "--metric", "cka"),
    ],
)
def test_a_run_for_pretraining_does_not_stop_other_commands(words, memes, tmp_path):
    """Its data have no test split, which is what every command takes by default."""
    train = ("train", "--architecture", TINY_MODEL, "--placement", "1", "--epochs", "1", "--task")
    pairs = captions.tsv(tmp_path / "pairs")
    alignkit(*train, f"conceptual_captions:{pairs}", "--objective", "pretrain", cwd=tmp_path)
    only = alignkit(*words, cwd=tmp_path, code=1)
    assert "Error: conceptual_captions has no test split" in only.stderr
    alignkit(*train, f"hateful_memes:{memes}", cwd=tmp_path)
    done = alignkit(*words, cwd=tmp_path)
    assert "is left out: conceptual_captions has no test split" in done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("task", "make", "size"),
    [
        ("mm_imdb", movies.original, (9, 12)),
        ("upmc_food", dishes.titles, (12, 8)),
        ("conceptual_captions", captions.tsv, (10, 8)),
        ("hateful_memes", None, (12, 8)),
    ],
)
def test_pictures_become_squares_in_one_way_whatever_the_task(task, make, size, memes, tmp_path):
    """No task bends or cuts its pictures: the model's inputs alone decide."""
    root = make(tmp_path / "data") if make else memes
    picture = choose_task(task, root).make().split("train").image(0)
    assert picture.size == size
    inputs = Vilbert().inputs(["a"])
    expected = np.asarray(picture.resize((32, 32), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(inputs.pixels(picture), expected.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("task", "make", "problem"),
    [
        ("mm_imdb", movies.original, "train: listed samples: 7, published 15552"),
        ("upmc_food", dishes.titles, "test: listed samples: 6, published 22716"),
        ("conceptual_captions", captions.tar, "train: listed samples: 5, published 3318333"),
    ],
)
def test_verify_compares_with_what_was_published(task, make, problem, tmp_path):
    root = make(tmp_path / "data")
    done = alignkit("data", "verify", task, root, "--json", cwd=tmp_path, code=1)
    findings = json.loads(done.stdout)
    assert problem in findings["problems"]
    assert findings["pictures"] == []
    assert all(row["missing"] == row["broken"] == 0 for row in findings["splits"])
    assert all(row["used"] == row["listed"] for row in findings["splits"])


def test_verify_lists_pictures_whatever_the_policy(memes, tmp_path):
    (memes / "img/01002.png").unlink()
    (memes / "img/04003.png").write_bytes(b"GIF89a")
    for policy in ("error", "skip", "blank"):
        words = ("data", "verify", f"hateful_memes:images={policy}", memes, "--json")
        findings = json.loads(alignkit(*words, cwd=tmp_path, code=1).stdout)
        assert [(p["split"], p["id"], p["fault"]) for p in findings["pictures"]] == [
            ("train", "01002", "missing"),
            ("test", "04003", "broken"),
        ]
        used = {row["split"]: row["used"] for row in findings["splits"]}
        assert used["train"] == {"error": 0, "skip": 7, "blank": 8}[policy]


def test_info_of_a_data_set_with_repetitions(memes, tmp_path):
    words = ("data", "info", "hateful_memes:validation=both", memes, "--json")
    findings = json.loads(alignkit(*words, cwd=tmp_path).stdout)
    validation = findings["splits"][1]
    assert (validation["listed"], validation["used"], validation["repeated_ids"]) == (16, 14, 2)
    assert validation["published"] == "1040"
    assert not [problem for problem in findings["problems"] if "repeated" in problem]
    assert findings["labels"] == [
        {"label": "not hateful", "train": 4, "validation": 8, "test": 4},
        {"label": "hateful", "train": 4, "validation": 8, "test": 4},
    ]
