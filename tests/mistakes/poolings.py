"""What goes wrong in poolings."""

from mistakes import Mistake
from mistakes.tasks import TRAIN

CHECK = "; to check it: alignkit --plugin wrong.py plugins check pooling mine"
COMMAND = TRAIN.replace("--task mine", "--task toy_match:n_train=8,n_validation=8,n_test=8")
VECTORS = "expected a tensor of finite floating-point numbers of shape (8, 8)"


def pooling(name: str, body: str, said: str, parameters: str = "state") -> Mistake:
    """Return a mistake in a pooling that an auxiliary loss uses."""
    source = (
        f"def mine({parameters}):\n    {body}\n\n\n@alignkit.hookimpl\n"
        "def register_poolings(register):\n    register('mine', mine)\n"
    )
    line = f"Error: pooling 'mine' of wrong.py, asked for its vectors of 8 samples, {said}{CHECK}"
    return Mistake(name, source, f"{COMMAND} --aux cosine=0.1:pool=mine", line)


MISTAKES = [
    pooling(
        "a pooling that keeps the tokens",
        "return state.tokens",
        f"gave a torch.Tensor of shape (8, [...], 8) and type torch.float32; {VECTORS}",
    ),
    pooling("a pooling that gives nothing", "pass", f"gave None; {VECTORS}"),
    pooling(
        "a pooling of another width",
        "return state.tokens[:, 0, :4]",
        f"gave a torch.Tensor of shape (8, 4) and type torch.float32; {VECTORS}",
    ),
    pooling(
        "a pooling that divides by zero",
        "return state.tokens[:, 0] / 0",
        f"gave NaN or infinite values; {VECTORS}",
    ),
    pooling(
        "a pooling of two arguments",
        "return state.tokens[:, 0]",
        "cannot be called: mine() missing 1 required positional argument: 'mask'",
        "state, mask",
    ),
    pooling(
        "a pooling that fails",
        "return state.toknes",
        f"raised AttributeError: 'StreamState' object has no attribute 'toknes'; {VECTORS}",
    ),
    Mistake(
        "a pooling that does not exist",
        "@alignkit.hookimpl\ndef register_poolings(register):\n    register('mine', 'x:mine')\n",
        f"{COMMAND} --aux cosine=0.1:pool=mien",
        "Error: --aux cosine=0.1:pool=mien: unknown pooling 'mien'; did you mean "
        "'mine'? Known: cls, max, mean, mine",
        code=2,
    ),
]
