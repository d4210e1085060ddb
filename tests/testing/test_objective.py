"""The check of training objectives: what holds passes, and every broken property is named."""

import re

import pytest
from torch import nn

from alignkit.errors import UsageError
from alignkit.testing import check_objective


@pytest.mark.parametrize("spec", ["itc", "itc:width=3,temperature=0.5"])
def test_registered_objectives_pass(spec):
    found = check_objective(spec, samples=16, widths=(4, 6), seed=1)
    assert found["trained"] < found["random"]
    assert found["accuracy"] > 0.5


class Near(nn.Module):
    def __init__(self, context):
        super().__init__()
        self.head = nn.Linear(context.text_width, context.vision_width)

    def forward(self, text, vision, samples):
        return (self.head(text) - vision).square().mean()

    def scores(self, text, vision, samples):
        return {"accuracy": float(1 / (1 + self(text, vision, samples)))}


def _away(self, text, vision, samples):
    return text.mean() * 0 - (self.head(text) - vision).square().mean().detach()


def _first(self, text, vision, samples):
    return (self.head(text[:1]) - vision[:1]).square().mean()


def _write(self, text, vision, samples):
    return (self.head(text.mul_(2)) - vision).square().mean()


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"forward": lambda self, text, vision, samples: text.detach().mean()}, "without a grad"),
        ({"forward": lambda self, text, vision, samples: 0.5}, "gave 0.5; expected a tensor"),
        ({"forward": lambda self, text, vision: 0.5}, "`forward` that cannot be called"),
        ({"forward": _away}, "in training that should lower it"),
        ({"forward": _first}, "with the samples in another order"),
        ({"forward": _write}, "writes to its input"),
        ({"scores": None}, "without `scores`"),
        ({"scores": lambda self, text, vision, samples: {}}, "gave no accuracy"),
        ({"scores": lambda self, text, vision, samples: {"accuracy": 2}}, "gave accuracy 2"),
        (
            {"scores": lambda self, text, vision, samples: {"accuracy": float(text[0, 0] > 0)}},
            "with the samples in another order",
        ),
    ],
)
def test_a_broken_objective_is_named(methods, message):
    assert check_objective(Near)["accuracy"] > 0.5
    with pytest.raises(AssertionError, match=re.escape(message)) as caught:
        check_objective(type("Own", (Near,), methods))
    assert str(caught.value).startswith("objective 'Own'")


def test_calls_that_an_objective_cannot_have_are_usage_errors():
    with pytest.raises(UsageError, match="must be at least 8"):
        check_objective("itc", samples=7)
    with pytest.raises(UsageError, match="leave out `scores`"):
        check_objective("itc", scores=("recall",))
    with pytest.raises(UsageError, match="has no option 'colour'"):
        check_objective("itc:colour=1")
    with pytest.raises(UsageError, match="alignkit's own"):
        check_objective("mlm")
