"""What goes wrong in auxiliary losses."""

from mistakes import Mistake

CHECK = "; to check it: alignkit --plugin wrong.py plugins check loss mine"
TRAIN = (
    "train --task toy_match:n_train=16,n_validation=8,n_test=8 --placement 1 --epochs 1 "
    "--aux mine=0.5 --architecture vilbert:depth=2,width=8,heads=1,feedforward=8,fusion_width=8"
)
EXPECTED = "; expected a tensor that holds one floating-point number"
REGISTER = "\n\n\n@alignkit.hookimpl\ndef register_losses(register):\n    register('mine', mine)\n"


def loss(name: str, value: str, said: str, parameters: str = "text, vision") -> Mistake:
    """Return a mistake in a loss of one line."""
    source = f"def mine({parameters}):\n    return {value}{REGISTER}"
    line = f"Error: loss 'mine' of wrong.py, asked for its value, {said}{CHECK}"
    return Mistake(name, source, TRAIN, line)


MISTAKES = [
    loss("a loss that is a number", "0.5", f"gave 0.5{EXPECTED}"),
    loss("a loss that is nothing", "None", f"gave None{EXPECTED}"),
    loss(
        "a loss that counts",
        "(text > vision).sum()",
        f"gave a torch.Tensor of shape () and type torch.int64{EXPECTED}",
    ),
    loss(
        "a loss per sample",
        "(text - vision).square().mean(1)",
        f"gave a torch.Tensor of shape (16,) and type torch.float32{EXPECTED}",
    ),
    loss(
        "a loss without a gradient",
        "(text - vision).square().mean().detach()",
        "gave a value without a gradient, from which nothing can be learnt",
    ),
    loss("a loss that is infinite", "text.mean() / 0", "gave [...]inf; expected a finite number"),
    loss("a loss that writes", "text.mul_(2).mean() - vision.mean()", "writes to its input"),
    loss(
        "a loss of one side",
        "text.mean()",
        "cannot be called: mine() takes 1 positional argument but 2 were given",
        "text",
    ),
    loss("an error in a loss", "text @ vision", f"raised RuntimeError: [...]{EXPECTED}"),
]
