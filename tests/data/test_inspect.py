"""What is found in data: counts, repetitions, overlaps, pictures, problems."""

from dataclasses import dataclass

import numpy as np
import pytest

from alignkit.data.inspect import inspect_data
from alignkit.errors import DataError, MissingError, UsageError
from alignkit.tasks import Binary, MultiLabel, SingleLabel, Split, Target
from alignkit_toy.match import Match


class Made:
    """A task whose listing and loading can be told apart."""

    def __init__(self, target=None, published=None, **splits):
        self.target = target or Binary()
        self.splits = splits
        if published is not None:
            self.published = published

    def fingerprint(self):
        return "f"

    def listed(self, name):
        if name not in self.splits:
            raise UsageError(f"no {name}")
        return self.splits[name]

    def split(self, name):
        return self.listed(name)


def made_split(ids, targets=None, texts=None, bad=()):
    def image(i):
        if i in bad:
            raise (MissingError if i % 2 else DataError)(f"picture {i}")
        return np.zeros((2, 2, 3), np.uint8)

    targets = np.arange(len(ids)) % 2 if targets is None else targets
    return Split(ids, texts or [f"t{i}" for i in ids], image, targets)


def test_a_task_without_further_knowledge_is_looked_at_through_its_splits():
    findings = inspect_data(Match(n_train=64, n_validation=32, n_test=48), pictures=True)
    assert [(r["split"], r["listed"], r["used"], r["missing"]) for r in findings.splits] == [
        ("train", 64, 64, 0),
        ("validation", 32, 32, 0),
        ("test", 48, 48, 0),
    ]
    assert findings.problems == []
    assert findings.labels[0]["train"] + findings.labels[1]["train"] == 64


def test_repetitions_and_overlaps_are_counted():
    task = Made(
        train=made_split(["a", "b", "b"], texts=["x", "x", "y"]),
        validation=made_split(["b", "c"], texts=["x", "z"]),
        test=made_split(["d", "e"]),
    )
    findings = inspect_data(task)
    train = findings.splits[0]
    assert (train["repeated_ids"], train["repeated_texts"]) == (1, 1)
    assert findings.overlaps[0] == {"splits": "train, validation", "ids": 1, "texts": 1}
    assert "train and validation share 1 ids" in findings.problems
    assert "train: 1 ids are repeated" in findings.problems


def test_pictures_are_decoded_only_where_asked_for():
    task = Made(train=made_split(list("abcd"), bad=(1, 2, 3)))
    assert inspect_data(task).splits[0]["missing"] is None
    findings = inspect_data(task, pictures=True)
    assert (findings.splits[0]["missing"], findings.splits[0]["broken"]) == (2, 1)
    assert [(p["id"], p["fault"]) for p in findings.pictures] == [
        ("b", "missing"),
        ("c", "broken"),
        ("d", "missing"),
    ]
    assert "train: 2 of 4 images missing, such as: picture 1" in findings.problems


@pytest.mark.parametrize(
    ("published", "problem"),
    [
        ({"train": 4, "validation": 2, "labels": 2}, None),
        ({"train": 5}, "train: listed samples: 4, published 5"),
        ({"train+validation": (5, 7)}, None),
        ({"train+validation": (7, 8)}, "train+validation: listed samples: 6, published 7 to 8"),
        ({"labels": 3}, "labels: 2, published 3"),
        ({"test": 9}, None),  # there is no test split
    ],
)
def test_counts_beside_the_published_ones(published, problem):
    task = Made(
        published=published, train=made_split(list("abcd")), validation=made_split(list("ef"))
    )
    assert inspect_data(task).problems == ([problem] if problem else [])


def test_class_balance_and_labels_that_are_missing():
    single = Made(
        SingleLabel(("a", "b", "c")), train=made_split(list("wxyz"), np.array([0, 0, 2, -1]))
    )
    findings = inspect_data(single)
    assert [row["train"] for row in findings.labels] == [2, 0, 1]
    assert findings.splits[0]["without_label"] == 1
    assert findings.problems == ["train: no sample has the label 'b'"]
    several = Made(
        MultiLabel(("a", "b")), train=made_split(list("xyz"), np.array([[1, 1], [0, 1], [-1, -1]]))
    )
    findings = inspect_data(several)
    assert [row["train"] for row in findings.labels] == [1, 2]
    assert findings.splits[0]["without_label"] == 1


def test_what_the_loader_refuses_is_a_problem():
    class Refusing(Made):
        def split(self, name):
            raise DataError("will not")

    findings = inspect_data(Refusing(train=made_split(list("ab"))))
    assert findings.problems == ["train: will not"]
    assert findings.splits[0]["used"] == 0


@dataclass(frozen=True)
class Worst(Binary):
    """Judged by the worse of two groups, whose number is the second column."""

    primary: str = "worst"


@dataclass(frozen=True)
class Height(Target):
    """A number to predict."""

    labels: tuple = ("height",)
    primary: str = "rmse"


@pytest.mark.parametrize(
    ("target", "targets"),
    [
        (Worst(), np.array([[0, 1], [1, 1], [1, 1]])),
        (Height(), np.array([0.5, -1.5, 2.5])),
        (Height(), np.array([3, 1, 2])),
        (SingleLabel(("a", "b")), np.array([[0.5, 0.5]] * 3)),
        (MultiLabel(("a", "b")), np.array([[1, 0, 0]] * 3)),
    ],
)
def test_targets_that_are_no_labels_are_not_counted_as_labels(target, targets):
    task = Made(target, train=made_split(["a", "b", "c"], targets))
    findings = inspect_data(task)
    assert findings.labels == []
    assert findings.problems == []
    assert findings.splits[0]["without_label"] == 0
    assert findings.splits[0]["notes"] == {"targets that are numbers": 3}


def test_a_split_that_differs_when_it_is_read_again_is_a_problem_of_verify():
    class Changing(Made):
        asked = 0

        def split(self, name):
            self.asked += 1
            targets = (np.arange(4) + self.asked) % 2
            return made_split([f"{name}{i}" for i in range(4)], targets)

        listed = split

    assert inspect_data(Changing()).problems == []
    assert inspect_data(Changing(), pictures=True).problems == [
        f"{name}: other targets, or another order, when read again"
        for name in ("train", "validation", "test")
    ]
