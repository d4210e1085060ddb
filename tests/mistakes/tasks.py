"""What goes wrong in tasks, their splits and their targets."""

from mistakes import Mistake

CHECK = "; to check it: alignkit --plugin wrong.py plugins check task mine"
INFO = "data info mine"
TRAIN = (
    "train --task mine --placement 1 --epochs 1 --architecture "
    "vilbert:depth=2,width=8,heads=1,feedforward=8,fusion_width=8"
)

# A sound task, of which each row changes one thing.
TASK = '''import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Mean(alignkit.Target):
    """A number to predict, judged by its error."""

    labels: tuple = ("height",)
    primary: str = "rmse"

    def loss(self, logits, targets, weights=None):
        return (logits[:, 0] - targets).square().mean()

    def scores(self, targets, logits):
        return {{"rmse": float(np.sqrt(np.square(logits[:, 0] - targets).mean()))}}

    def declared_scores(self):
        return (alignkit.Score("rmse", higher_is_better=False, high=float("inf")),)


class Mine:
    target = alignkit.Binary()

    def fingerprint(self):
        return "mine"

    def parts(self, name):
        labels = np.arange(12) % 2
        return {{
            "ids": [f"{{name}}{{i}}" for i in range(12)],
            "texts": ["some words"] * 12,
            "image": lambda i: np.full((8, 8, 3), 100 * labels[i], np.uint8),
            "targets": labels,
        }}

    def split(self, name):
        return alignkit.Split(**self.parts(name))


class Wrong(Mine):
{body}


@alignkit.hookimpl
def register_tasks(register):
    register("mine", Wrong)
'''


def task(name: str, body: str, said: str, command: str = TRAIN) -> Mistake:
    """Return a mistake in a class that is otherwise a sound task."""
    source = TASK.format(body="\n".join(f"    {line}" for line in body.splitlines()))
    return Mistake(name, source, command, f"Error: task 'mine' of wrong.py{said}{CHECK}")


def part(name: str, key: str, value: str, said: str, asked: str = "its split 'train'") -> Mistake:
    """Return a mistake in one part of a split."""
    body = f"def parts(self, name):\n    return super().parts(name) | {{'{key}': {value}}}"
    return task(name, body, f", asked for {asked}, {said}")


def target(name: str, body: str, said: str) -> Mistake:
    """Return a mistake in a target of a task's own."""
    inner = "\n".join(f"    {line}" for line in body.splitlines())
    body = (
        f"class Own(Mean):\n{inner}\ntarget = Own()\ndef parts(self, name):\n"
        "    return super().parts(name) | {'targets': np.linspace(0, 3, 12)}"
    )
    return task(name, body, f", asked for {said}")


LABELS = "the targets of its split 'train'"

MISTAKES = [
    part("fewer texts than ids", "texts", "['a'] * 11", "gave 12 ids but 11 texts"),
    part("ids that repeat", "ids", "['a'] * 12", "gave the id 'a' to 12 samples; ids are unique"),
    part("ids that are numbers", "ids", "range(12)", "gave 0 at 0 of 'ids'; expected text"),
    part(
        "targets that are a list",
        "targets",
        "[0, 1] * 6",
        "gave a list of 12 as 'targets'; expected a numpy array or None",
    ),
    part(
        "more targets than ids",
        "targets",
        "np.arange(13) % 2",
        "gave 12 ids but targets of shape (13,)",
    ),
    part(
        "labels out of range",
        "targets",
        "np.arange(12) % 3",
        "gave the label 2 to sample 'train2' (4 of 12); labels are 0 to 1",
        LABELS,
    ),
    part(
        "labels that are fractions",
        "targets",
        "np.linspace(0, 1, 12)",
        "gave a numpy.ndarray of shape (12,) and type float64; expected one whole number "
        "per sample",
        LABELS,
    ),
    part(
        "targets of two columns",
        "targets",
        "np.zeros((12, 2), int)",
        "gave a numpy.ndarray of shape (12, 2) and type int64; expected one whole number "
        "per sample",
        LABELS,
    ),
    part(
        "a target that is missing",
        "targets",
        "np.array([float('nan')] + [1.0] * 11)",
        "gave NaN or infinite values to sample 'train0' (1 of 12)",
        LABELS,
    ),
    part(
        "a grey picture",
        "image",
        "lambda i: np.zeros((8, 8), np.uint8)",
        "gave a numpy.ndarray of shape (8, 8) and type uint8; expected an RGB picture of "
        "PIL, or an "
        "(height, width, 3) array of uint8",
        "the picture of sample 'train0'",
    ),
    part(
        "an error in a picture",
        "image",
        "lambda i: {}[i]",
        "raised KeyError: 0; expected an RGB picture of PIL, or an (height, width, 3) "
        "array of uint8",
        "the picture of sample 'train0'",
    ),
    part(
        "a fact of too few samples",
        "facts",
        "{'scene': ['a']}",
        "gave 12 ids but 1 texts as the fact 'scene'",
    ),
    task(
        "a split that is no Split",
        "def split(self, name):\n    return ['a'], ['b']",
        ", asked for its split 'train', gave a tuple of 2; expected an alignkit.Split",
    ),
    Mistake(
        "an error in a split",
        TASK.format(body="    def split(self, name):\n        return self.rows[name]"),
        "data verify mine",
        "",
        stdout="problem: train: task 'mine' of wrong.py, asked for its split 'train', raised "
        "AttributeError: 'Wrong' object has no attribute 'rows'; expected an alignkit.Split",
    ),
    task(
        "a split without a name",
        "def split(self):\n    return None",
        ", asked for its split 'train', cannot be called: Wrong.split() takes 1 positional "
        "argument "
        "but 2 were given",
    ),
    task(
        "a task without a fingerprint",
        "def __init__(self):\n    del Mine.fingerprint",
        " is of the class Wrong, without 'fingerprint'",
        INFO,
    ),
    task(
        "a fingerprint that is a number",
        "def fingerprint(self):\n    return 7",
        ", asked for its fingerprint, gave 7; expected text that is the same whenever the data are",
        INFO,
    ),
    task(
        "a constructor that fails",
        "def __init__(self, n: int = 0):\n    self.share = 1 / n",
        ", asked for a task with its options, raised ZeroDivisionError: division by zero",
        INFO,
    ),
    task(
        "a target that is a text",
        "target = 'binary'",
        ", asked for its 'target', gave 'binary'; expected an alignkit.Target, or None for pairs "
        "without labels",
        INFO,
    ),
    target(
        "a score that is not declared",
        "def declared_scores(self):\n    return ()",
        "the scores of its target, gave [...] as 'rmse', outside [0, 1], which is assumed "
        "of a score "
        "that 'declared_scores' leaves out: add alignkit.Score('rmse', higher_is_better=..., "
        "low=..., high=...)",
    ),
    target(
        "a score beyond its range",
        "def scores(self, targets, logits):\n    return {'rmse': -1}",
        "the scores of its target, gave -1 as 'rmse', outside [0, inf], its declared range",
    ),
    target(
        "no primary score",
        "def scores(self, targets, logits):\n    return {'mse': 0.5}",
        "the scores of its target, gave mse, without 'rmse', its 'primary'",
    ),
    target(
        "scores that are a list",
        "def scores(self, targets, logits):\n    return [0.5]",
        "the scores of its target, gave a list of 1; expected numbers by the name of a score",
    ),
    target(
        "a task's loss without a gradient",
        "def loss(self, logits, targets, weights=None):\n"
        "    return super().loss(logits.detach(), targets)",
        "the loss of its target, gave a value without a gradient, from which nothing can be learnt",
    ),
    target(
        "a task's loss per sample",
        "def loss(self, logits, targets, weights=None):\n    return (logits[:, 0] - targets) ** 2",
        "the loss of its target, gave a torch.Tensor of shape (12,) and type torch.[...]; "
        "expected a "
        "tensor that holds one floating-point number",
    ),
]
