"""What goes wrong in architectures, their inputs, their models and fusions."""

from mistakes import Mistake

CHECK = "; to check it: alignkit --plugin wrong.py plugins check architecture mine"
TRAIN = (
    "train --task toy_match:n_train=16,n_validation=8,n_test=8 --placement 1 --epochs 1 "
    "--architecture mine:depth=2,width=8,heads=1,feedforward=8"
)

# A sound architecture, of which each row changes one thing.
ARCHITECTURE = """import dataclasses

import torch

from alignkit_vilbert import StreamOptions, TwoStream


class Mix(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.text = torch.nn.Linear(width, width)
        self.vision = torch.nn.Linear(width, width)
        self.gate = torch.nn.Parameter(torch.zeros(()))

    def forward(self, text, vision, carry):
        given = [state.pooled("mean")[:, None] for state in (vision, text)]
        return (
            text.with_tokens(text.tokens + torch.tanh(self.gate) * self.text(given[0])),
            vision.with_tokens(vision.tokens + self.vision(given[1])),
            carry,
        )


class Fusion(Mix):
    def forward(self, text, vision, carry):
        text, vision, carry = super().forward(text, vision, carry)
{fusion}
        return text, vision, carry


class Mine(TwoStream):
    Options = StreamOptions

    def fusions(self, placement, text, vision):
        return [Fusion(text.width) for _ in range(len(placement))]


class Wrong(Mine):
{body}


@alignkit.hookimpl
def register_architectures(register):
    register("mine", Wrong)
"""


def architecture(name: str, body: str, said: str, fusion: str = "pass", code: int = 1) -> Mistake:
    """Return a mistake in a class that is otherwise a sound architecture."""
    source = ARCHITECTURE.format(
        body="\n".join(f"    {line}" for line in body.splitlines()),
        fusion="\n".join(f"        {line}" for line in fusion.splitlines()),
    )
    line = f"Error: architecture 'mine' of wrong.py, asked for {said}{CHECK}" if code else ""
    return Mistake(name, source, TRAIN, line, code)


def fusion(name: str, body: str, said: str) -> Mistake:
    """Return a mistake in what a fusion does with the states that it has made."""
    return architecture(name, "pass", f"the states after fusion 0, {said}", body)


def built(name: str, change: str, said: str) -> Mistake:
    """Return a mistake in a model that is otherwise sound."""
    body = (
        "def build(self, placement, n_outputs, inputs):\n"
        f"    model = super().build(placement, n_outputs, inputs)\n    {change}\n    return model"
    )
    return architecture(name, body, said)


def fitted(name: str, change: str, said: str) -> Mistake:
    """Return a mistake in inputs that are otherwise sound."""
    body = (
        "def inputs(self, texts):\n    inputs = super().inputs(texts)\n"
        f"    {change}\n    return inputs"
    )
    return architecture(name, body, said)


SCHEDULE = "the schedule of placement 'at_1',"
MODEL = "a model on placement 'at_1',"

MISTAKES = [
    architecture("a sound architecture with a gate at zero", "pass", "", code=0),
    fusion(
        "a fusion that cuts a gradient",
        "text = text.with_tokens(text.tokens.detach())",
        "cuts the gradient from the text state to the text stream; if it is meant to, it "
        "says so with "
        "`detached = ('text',)`",
    ),
    fusion(
        "a fusion that zeroes a stream",
        "vision = vision.with_tokens(vision.tokens * 0)",
        "gives a vision state that depends on nothing that it was given",
    ),
    fusion(
        "a fusion that mixes samples",
        "text = text.with_tokens(text.tokens - text.tokens.mean(0))",
        "mixes samples: what it gives for one depends on the others in its batch",
    ),
    fusion(
        "a fusion that divides by zero",
        "text = text.with_tokens(text.tokens / 0)",
        "gave NaN or infinite tokens for text",
    ),
    fusion(
        "a fusion of another type",
        "text = text.with_tokens(text.tokens.double())",
        "gave tokens of type torch.float64 for text; it was given torch.float32",
    ),
    fusion(
        "a fusion that shortens a stream",
        "text = text.with_tokens(text.tokens[:, :1])",
        "gave text tokens of shape (2, 1, 8); it was given (2, [...], 8)",
    ),
    fusion(
        "a fusion without a carry",
        "return text, vision",
        "gave a tuple of 2; expected both states and what is carried on",
    ),
    fusion(
        "a fusion of plain tensors",
        "return text.tokens, vision.tokens, carry",
        "gave a torch.Tensor of shape (2, [...], 8) and type torch.float32 for text; expected an "
        "alignkit.StreamState",
    ),
    fusion(
        "an error in a fusion",
        "text = self.norm(text)",
        "raised AttributeError: 'Fusion' object has no attribute 'norm'",
    ),
    architecture(
        "a model that is random",
        "pass",
        "its logits in evaluation mode, gave others for the same samples when asked again",
        "text = text.with_tokens(torch.nn.functional.dropout(text.tokens, 0.5))",
    ),
    built(
        "a head that ignores a stream",
        "model.head = lambda text, vision: model.classifier(text.pooled('cls'), "
        "0 * vision.pooled('cls'))",
        "the logits of its head, ignores the vision stream; if it is meant to, the model "
        "says so with "
        "`reads = ('text',)`",
    ),
    built(
        "a head without a gradient",
        "head = model.head; model.head = lambda text, vision: head(text, vision).detach()",
        "the logits of its head, cuts the gradient from the logits to the text stream; if "
        "it is meant "
        "to, the model says so with `detached = ('text',)`",
    ),
    built(
        "a head of too many outputs",
        "head = model.head; model.head = lambda *states: torch.cat([head(*states)] * 2, 1)",
        "the logits of its head, gave a torch.Tensor of shape (2, 2) and type "
        "torch.float32; expected "
        "floating point of shape (2, 1)",
    ),
    built(
        "a model without streams",
        "model = torch.nn.Linear(1, 1)",
        f"{MODEL} gave [...] without 'streams', 'fusions', 'head'",
    ),
    built(
        "no model",
        "model = None",
        f"{MODEL} gave None; expected a torch.nn.Module with 'streams', 'fusions' and 'head'",
    ),
    built(
        "a model with too few fusions",
        "model.fusions = model.fusions[:0]",
        f"{MODEL} gave one that does not go with its schedule: it runs 1 fusions, but the "
        "model has 0",
    ),
    architecture(
        "a schedule without the fusion",
        "def schedule(self, placement):\n    return super().schedule(alignkit.Placement([], []))",
        f"{SCHEDULE} gave one with 0 of the 1 fusions of the placement",
    ),
    architecture(
        "a schedule with the fusion elsewhere",
        "def schedule(self, placement):\n    return super().schedule(alignkit.Placement([2], [1]))",
        f"{SCHEDULE} gave one that runs fusion 0 after text layer 1; it is placed before layer 1",
    ),
    architecture(
        "a schedule of texts",
        "def schedule(self, placement):\n    return ['run text 0', 'fuse 0']",
        f"{SCHEDULE} gave 'run text 0' among its steps; expected alignkit.RunLayer, Fuse or Record",
    ),
    architecture(
        "a schedule without sites",
        "def schedule(self, placement):\n    return [alignkit.Fuse(0)]",
        f"{SCHEDULE} gave one without a site of the text stream",
    ),
    architecture(
        "the depth of one stream",
        "def depths(self):\n    return {'text': 2}",
        "[...]; expected [...]",
    ),
    fitted(
        "inputs that JSON cannot hold",
        "inputs.to_json = lambda: {'words': {1, 2}}",
        "what to store of its inputs, gave what JSON cannot hold: Object of type set is not JSON "
        "serializable; expected plain values by name, as JSON has them",
    ),
    architecture(
        "inputs that change when they are stored",
        "def load_inputs(self, stored):\n"
        "    return super().load_inputs({'words': stored['words'][::-1]})",
        "'load_inputs' of what 'to_json' gave, gave inputs that make other tokens of a text than "
        "before",
    ),
    fitted(
        "tokens that are a list",
        "inputs.tokens = lambda text: [1, 2]",
        "the tokens of a text, gave a list of 2; expected an array of whole numbers, one per token",
    ),
    fitted(
        "pixels without channels",
        "inputs.pixels = lambda image: torch.zeros(8, 8).numpy()",
        "the pixels of a picture, gave a numpy.ndarray of shape (8, 8) and type float32; "
        "expected a "
        "(3, height, width) array of one shape",
    ),
    fitted(
        "a batch that is a list",
        "inputs.batch = lambda tokens, pixels: [tokens, pixels]",
        "the batch of 2 samples, gave a list of 2; expected tensors by name, under 'text' "
        "and 'vision'",
    ),
]
