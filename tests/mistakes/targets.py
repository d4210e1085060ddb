"""What goes wrong in registered targets, in a task that uses one."""

from mistakes import Mistake
from mistakes.tasks import TRAIN

CHECK = "; to check it: alignkit --plugin wrong.py plugins check target mine"

# A sound target and a task that lets its users choose; each row changes one thing.
TARGET = '''import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Mean(alignkit.Target):
    """A number to predict, judged by its error."""

    labels: tuple
    primary: str = "rmse"

    def loss(self, logits, targets, weights=None):
        return (logits[:, 0] - targets).square().mean()

    def scores(self, targets, logits):
        return {{"rmse": float(np.sqrt(np.square(logits[:, 0] - targets).mean()))}}

    def declared_scores(self):
        return (alignkit.Score("rmse", higher_is_better=False, high=float("inf")),)


class Mine(Mean):
{body}


class Pictures:
    def __init__(self, kind: str = "mine"):
        self.kind = kind

    @property
    def target(self):
        return alignkit.choose_target(self.kind).make(("height",))

    def fingerprint(self):
        return "pictures"

    def split(self, name):
        heights = np.linspace(0, 1, 12)
        return alignkit.Split(
            [f"{{name}}{{i}}" for i in range(12)],
            ["some words"] * 12,
            lambda i: np.full((8, 8, 3), int(200 * heights[i]), np.uint8),
            heights,
        )


@alignkit.hookimpl
def register_tasks(register):
    register("pictures", Pictures)


@alignkit.hookimpl
def register_targets(register):
    register("mine", {given}, reads={reads!r})
'''


def target(name, body, said, given="Mine", spec="pictures", reads="number", line="", **more):
    """Return a mistake in a target that is otherwise sound."""
    inner = "\n".join(f"    {each}" for each in body.splitlines())
    source = TARGET.format(body=inner or "    pass", given=given, reads=reads)
    line = line or f"Error: target 'mine' of wrong.py, asked for {said}{CHECK}"
    return Mistake(name, source, TRAIN.replace("--task mine", f"--task {spec}"), line, **more)


MISTAKES = [
    target(
        "a registered target that is none",
        "",
        "a target for labels, gave the class Mine; expected an alignkit.Target",
        given="lambda labels: Mine",
    ),
    target(
        "a registered target that takes no labels",
        "",
        "a target with its options, cannot be called: [...] unexpected keyword argument 'labels'",
        given="lambda names=(): Mine(names)",
    ),
    target(
        "a registered target whose loss is per sample",
        "def loss(self, logits, targets, weights=None):\n    return (logits[:, 0] - targets) ** 2",
        "its loss, gave a torch.Tensor of shape (12,) and type torch.[...]; expected a tensor "
        "that holds one floating-point number",
    ),
    target(
        "a registered target without its primary score",
        "def scores(self, targets, logits):\n    return {'mse': 0.5}",
        "its scores, gave mse, without 'rmse', its 'primary'",
    ),
    *(
        target(
            f"a registered target whose score is {value}",
            f"def scores(self, targets, logits):\n    return {{'rmse': float('{value}')}}",
            f"its scores, gave {value} as 'rmse'; expected a finite number, or alignkit.DataError "
            "where it is undefined",
        )
        for value in ("nan", "inf")
    ),
    target(
        "a registered target whose scores fail",
        "def scores(self, targets, logits):\n    return {'rmse': targets.nothing}",
        "its scores, raised AttributeError: 'numpy.ndarray' object has no attribute 'nothing'; "
        "expected numbers by the name of a score",
    ),
    target(
        "a target that is not registered",
        "",
        "",
        spec="pictures:kind=mien",
        line="Error: unknown target 'mien'; did you mean 'mine'? Known: binary, mine, multi, "
        "ordinal, regression, single",
        code=2,
    ),
    target(
        "labels given to a registered target",
        "",
        "",
        spec="pictures:kind=single:labels=a",
        line="Error: target 'single' has no option 'labels'; it has: primary",
        code=2,
    ),
    target(
        "a target that reads something unknown",
        "",
        "",
        reads="numbers",
        line="alignkit: plugin wrong.py (wrong.py) is left out: target 'mine' declares "
        "reads='numbers'; expected one of label, labels, number; did you mean 'number'?; see "
        "'alignkit plugins -v'",
        code=2,
    ),
]
