"""What is predicted of anyone's own data, by the name of a registered target."""

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error, r2_score
from test_folder import rows, write

import alignkit
from alignkit.contracts.guard import plain
from alignkit.data.inspect import inspect_data
from alignkit.testing import check_task
from alignkit_tasks.folder import Folder
from alignkit_tasks.targets import Ordinal, Regression


def graded(n=60):
    return [row | {"label": i % 4, "score": i / 8} for i, row in enumerate(rows(n))]


def test_grades(tmp_path):
    task = Folder(write(tmp_path, graded()), kind="ordinal")
    assert type(plain(task.target)) is Ordinal
    assert task.target.labels == ("0", "1", "2", "3")
    assert task.target.n_outputs == 3
    split = task.split("train")
    assert [int(sample) % 4 for sample in split.ids] == split.targets.tolist()
    check_task(f"folder:{tmp_path},kind=ordinal")
    check_task(f"folder:{tmp_path},kind=ordinal:primary=accuracy")


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl"])
def test_numbers(tmp_path, name):
    root = write(tmp_path, graded(), name)
    task = Folder(root, kind="regression:centre=3+scale=2", label="score")
    assert (task.target.labels, task.target.centre) == (("score",), 3)
    splits = [task.split(name) for name in ("train", "validation", "test")]
    assert [len(split) for split in splits] == [42, 9, 9]
    for split in splits:
        assert split.targets.dtype == np.float32
        assert split.targets.tolist() == [int(sample) / 8 for sample in split.ids]
    check_task(f"folder:{tmp_path},label=score,kind=regression:centre=3+scale=2")


def test_a_number_that_is_missing_is_listed_as_such(tmp_path):
    table = graded()
    table[3]["score"] = ""
    task = Folder(write(tmp_path, table), kind="regression", label="score")
    listed = [task.listed(name) for name in ("train", "validation", "test")]
    assert sum(int(np.isnan(split.targets).sum()) for split in listed) == 1
    with pytest.raises(alignkit.DataError, match="has no label"):
        for name in ("train", "validation", "test"):
            task.split(name)
    findings = inspect_data(task)
    assert sum(split["without_label"] for split in findings.splits) == 1


@pytest.mark.parametrize("value", ["much", True, "inf", "nan", [1.0]])
def test_what_is_no_number_is_named_with_its_place(tmp_path, value):
    table = graded()
    table[2]["score"] = value
    task = Folder(write(tmp_path, table, "data.jsonl"), kind="regression", label="score")
    with pytest.raises(alignkit.DataError, match=r"data.jsonl:3: the label .* no[t a finite]+ num"):
        task.split("train")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("ordnal", "kind=ordnal: unknown target 'ordnal'; did you mean 'ordinal'"),
        ("ordinal:primary=kappa", "'primary=kappa' is not one of mae, accuracy"),
        ("regression:colour=1", "target 'regression' has no option 'colour'"),
    ],
)
def test_an_unknown_kind_is_refused_at_once(kind, message):
    with pytest.raises(alignkit.UsageError, match=message):
        Folder(kind=kind)


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (["bad", "good"], "ordinal", r"kind=ordinal, but the labels are: bad, good \(the order"),
        (["1", "2", "3"], "binary", "kind=binary, but the labels are: 1, 2, 3"),
        ([["1"], ["2", "3"]], "ordinal", "kind=ordinal, but rows of .* have several labels"),
        ([["1"], ["2", "3"]], "single", "kind=single, but rows of .* have several labels"),
    ],
)
def test_labels_that_a_target_cannot_have(tmp_path, labels, kind, message):
    table = [row | {"label": labels[i % len(labels)]} for i, row in enumerate(rows(24))]
    task = Folder(write(tmp_path, table, "data.jsonl"), kind=kind)
    with pytest.raises(alignkit.UsageError, match=message):
        _ = task.target
    with pytest.raises(alignkit.UsageError, match=message):
        task.split("train")


def test_identities_change_with_what_is_predicted_only(tmp_path):
    write(tmp_path, graded())
    plain_kinds = ["auto", "single", "ordinal", "regression", "regression:scale=2"]
    tasks = {kind: Folder(tmp_path, kind=kind) for kind in plain_kinds}
    assert len({task.fingerprint() for task in tasks.values()}) == 5
    digests = {kind: task.split_fingerprint("train") for kind, task in tasks.items()}
    # What is inferred is what is named; options of a target are other data to a run.
    assert digests["auto"] == digests["single"]
    assert len(set(digests.values())) == 4
    assert digests["auto"] == STORED


# Of `graded()`, as versions without registered targets computed it.
STORED = "11602fe5ab6e3147"


def test_scores_of_grades():
    target = Ordinal(("1", "2", "3"))
    targets = np.array([0, 1, 2, 2])
    logits = np.array([[-1, -1], [1, 1], [1, 1], [-1, -1]])
    assert target.scores(targets, logits) == {"mae": 0.75, "accuracy": 0.5}
    assert target.class_weights(targets).tolist() == [1 / 3, 1]
    for labels in (("2", "1"), ("a", "b"), ("1",), ("1", "1")):
        with pytest.raises(alignkit.UsageError):
            Ordinal(labels)


def test_scores_of_numbers():
    rng = np.random.default_rng(0)
    numbers, logits = rng.normal(50, 20, 30), rng.standard_normal((30, 1))
    target = Regression(("price",), centre=50, scale=20)
    said = 20 * logits[:, 0] + 50
    scores = target.scores(numbers, logits)
    assert scores["r2"] == pytest.approx(r2_score(numbers, said))
    assert scores["rmse"] == pytest.approx(mean_squared_error(numbers, said) ** 0.5)
    assert scores["mae"] == pytest.approx(abs(numbers - said).mean())
    with pytest.raises(alignkit.DataError, match="every price of the split is 1"):
        target.scores(np.ones(3), logits[:3])
    with pytest.raises(alignkit.UsageError, match="scale above 0"):
        Regression(("price",), scale=0)
