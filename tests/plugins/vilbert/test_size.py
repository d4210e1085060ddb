"""The size that an architecture declares is that of the model it builds."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from alignkit.models.placement import Placement
from alignkit_vilbert import Vilbert

TINY = {"depth": 3, "width": 32, "heads": 2, "feedforward": 64, "fusion_width": 32}


@pytest.mark.parametrize("placement", [Placement([], []), Placement([1, 2], [0, 3])])
@pytest.mark.parametrize(
    "further", [{}, {"preset": "study", "vision_depth": 4, "vision_width": 16}]
)
def test_weights_and_operations_are_those_of_the_built_model(placement, further):
    from alignkit.models.walk import walk

    architecture = Vilbert(**TINY, **further, vocabulary=50)
    size = architecture.size(placement)
    inputs = architecture.inputs([" ".join(f"w{number}" for number in range(50))])
    model = architecture.build(placement, 1, inputs)
    assert size.parameters == sum(p.numel() for p in model.parameters())
    assert size.sites["text"] == 1 + 3 + len(placement)
    assert size.widths == {"text": 32, "vision": further.get("vision_width", 32)}
    length = 48 if further else 32
    batch = inputs.batch([inputs.tokens("w1 " * (length - 2))], torch.zeros(1, 3, 32, 32).numpy())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        walk(model, architecture.schedule(placement), batch)
    # Attention itself, embeddings and the head are left out; new versions of torch count it.
    operations = counter.get_flop_counts()["Global"].items()
    counted = sum(flops for operation, flops in operations if "attention" not in str(operation))
    assert counted / 1.3 < size.flops < counted * 1.3
