"""What goes wrong in training objectives."""

from mistakes import Mistake

CHECK = "; to check it: alignkit --plugin wrong.py plugins check objective mine"
TRAIN = (
    "train --task toy_match:n_train=16,n_validation=8,n_test=8 --placement 1 --epochs 1 "
    "--objective mine --architecture vilbert:depth=2,width=8,heads=1,feedforward=8,fusion_width=8"
)
LOSS = ", asked for its loss, "
SCORES = ", asked for its scores, "
NUMBER = "; expected a tensor that holds one floating-point number"
RIGHT_LOSS = "return (self.head(text) - vision).square().mean()"
RIGHT_SCORES = 'return {"accuracy": 0.5}'
OPENING = "import torch\nfrom torch import nn\n\n\n"
HOOK = """

@alignkit.hookimpl
def register_objectives(register):
    register('mine', Mine{})
"""


def objective(
    name: str,
    said: str,
    loss: str = RIGHT_LOSS,
    scores: str = RIGHT_SCORES,
    forward: str = "self, text, vision, samples",
    setup: str = "pass",
    source: str = "",
) -> Mistake:
    """Return a mistake in one method of an objective."""
    text = f"""
class Mine(nn.Module):
    def __init__(self, context):
        super().__init__()
        self.head = nn.Linear(context.text_width, context.vision_width)
        {setup}

    def forward({forward}):
        {loss}

    def scores(self, text, vision, samples):
        {scores}
"""
    line = f"Error: objective 'mine' of wrong.py{said}{CHECK}"
    return Mistake(name, OPENING + (source or text) + HOOK.format(""), TRAIN, line)


def declared(name: str, declaration: str, expected: str) -> Mistake:
    """Return a mistake in what an objective declares: the plugin is left out."""
    source = f"{OPENING}class Mine(nn.Module):\n    pass\n{HOOK.format(', ' + declaration)}"
    line = (
        "alignkit: plugin [...]wrong.py (wrong.py) is left out: objective 'mine' declares "
        f"{declaration}; expected {expected}; see 'alignkit plugins -v'"
    )
    return Mistake(name, source, "list objectives", line, 0)


MISTAKES = [
    objective(
        "an objective without a gradient",
        f"{LOSS}gave a value without a gradient, from which nothing can be learnt",
        "return (text - vision).square().mean().detach()",
    ),
    objective(
        "an objective that reaches neither side",
        f"{LOSS}gave a value whose gradient reaches neither text nor vision",
        "return self.head.weight.sum() ** 2",
    ),
    objective(
        "an objective per sample",
        f"{LOSS}gave a torch.Tensor of shape (8,) and type torch.float32{NUMBER}",
        "return (self.head(text) - vision).square().mean(1)",
    ),
    objective("an objective that is a number", f"{LOSS}gave 0.5{NUMBER}", "return 0.5"),
    objective(
        "an objective that is not finite",
        f"{LOSS}gave nan; expected a finite number",
        "return (text - vision).mean() * float('nan')",
    ),
    objective(
        "an objective that writes",
        f"{LOSS}writes to its input",
        "return (self.head(text) - vision.mul_(1 + self.training)).square().mean()",
    ),
    objective(
        "an objective that draws",
        f"{LOSS}gave [...], then [...] for the same representations; an objective draws no random "
        "numbers",
        "return (self.head(text) - vision).square().mean() * (1 + torch.rand(()))",
    ),
    objective(
        "an objective without samples",
        " has a 'forward' that cannot be called with text, vision and samples: too many positional "
        "arguments",
        forward="self, text, vision",
    ),
    objective(
        "an error in an objective",
        f"{LOSS}raised RuntimeError: [...]",
        "return (text @ vision).mean()",
    ),
    objective(
        "an objective that gives a tuple",
        f"{LOSS}gave a tuple of 2{NUMBER}",
        "return text.mean(), vision.mean()",
    ),
    objective(
        "an objective without accuracy",
        f"{SCORES}gave no accuracy; expected accuracy",
        scores='return {"recall": 0.5}',
    ),
    objective(
        "a score of an objective that is not declared",
        f"{SCORES}gave recall, which it does not declare; register it with scores=('recall',)",
        scores='return {"accuracy": 0.5, "recall": 0.5}',
    ),
    objective(
        "a score in percent",
        f"{SCORES}gave accuracy 50; expected a number from 0 to 1",
        scores='return {"accuracy": 50}',
    ),
    objective(
        "a score that is nan",
        f"{SCORES}gave accuracy nan; expected a number from 0 to 1",
        scores='return {"accuracy": float("nan")}',
    ),
    objective(
        "scores that are one number",
        f"{SCORES}gave 0.5; expected numbers by name",
        scores="return 0.5",
    ),
    objective(
        "an objective without scores",
        " is of the class Mine, without 'scores'",
        source="class Mine(nn.Module):\n    def __init__(self, context):\n"
        "        super().__init__()\n\n    def forward(self, text, vision, samples):\n"
        "        return (text - vision).square().mean()\n",
    ),
    objective(
        "an objective without forward",
        " is of the class Mine, without 'forward'",
        source="class Mine(nn.Module):\n    def __init__(self, context):\n"
        "        super().__init__()\n\n    def scores(self, text, vision, samples):\n"
        "        return {'accuracy': 0.5}\n",
    ),
    objective(
        "an objective that is no module",
        " is of the class Mine; expected a torch.nn.Module",
        source="class Mine:\n    def __init__(self, context):\n        pass\n",
    ),
    objective(
        "an objective made for nothing",
        ", asked for an objective with its options, cannot be called: [...]",
        source="class Mine(nn.Module):\n    def __init__(self):\n        super().__init__()\n",
    ),
    declared(
        "scores that are declared as text",
        "scores='f1'",
        "names of scores in lower-case letters, digits and underscores, without accuracy",
    ),
    declared(
        "a loss among the scores",
        "scores=['my_loss']",
        "scores of which higher is better, which my_loss does not say",
    ),
]
