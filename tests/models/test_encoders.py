"""Sites and poolings of encoders."""

import pytest
import torch

from alignkit.errors import UsageError
from alignkit.models.encoders import EncoderSite, SiteState, select_sites

TOKENS = torch.tensor([[[9.0, 1], [1, 2], [3, 4], [0, 0]], [[0, 0], [9, 1], [5, -6], [7, 8]]])
# The first sample is padded on the right and the second on the left; both begin with a class
# token.
MASK = torch.tensor([[True, True, True, False], [False, True, True, True]])
CONTENT = torch.tensor([[False, True, True, False], [False, False, True, True]])
STATE = SiteState(TOKENS, MASK, CONTENT, torch.tensor([0, 1]), torch.tensor([[1.0], [2.0]]))


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("cls", [[9, 1], [9, 1]]),
        ("mean", [[2, 3], [6, 1]]),
        ("last", [[3, 4], [7, 8]]),
        ("max", [[3, 4], [7, 8]]),
        ("gap", [[13 / 4, 7 / 4], [21 / 4, 3 / 4]]),
        ("own", [[1], [2]]),
    ],
)
def test_poolings_leave_padding_and_special_tokens_out(pool, expected):
    assert STATE.pooled(pool).tolist() == expected


def test_a_sample_without_content_is_zero():
    state = SiteState(TOKENS, MASK, torch.zeros_like(CONTENT))
    assert not state.pooled("mean").any()
    assert not state.pooled("max").any()


@pytest.mark.parametrize("pool", ["cls", "own", "sum"])
def test_a_state_without_a_pooling_refuses_it(pool):
    with pytest.raises(ValueError, match=pool):
        SiteState(TOKENS, MASK, CONTENT).pooled(pool)


def test_half_precision_is_pooled_in_single_precision():
    half = SiteState(
        torch.full((1, 4096, 1), 10.0, dtype=torch.float16), *[torch.ones(1, 4096) > 0] * 2
    )
    assert half.pooled("mean").item() == 10
    assert half.pooled("mean").dtype == torch.float32


SITES = [
    EncoderSite("embeddings", (None, 8), ("mean", "last"), {"cls": "there is no class token"}),
    EncoderSite("layer.0", (None, 8), ("cls", "mean")),
    EncoderSite("layer.0.attention", (None, 8), ("mean",), default=False),
    EncoderSite("final", (8,), ("own",)),
]


def test_sites_are_selected_by_default_name_or_glob():
    def names(*patterns):
        return [site.name for site in select_sites(SITES, patterns)]

    assert names() == ["embeddings", "layer.0", "final"]
    assert names("layer.*") == ["layer.0", "layer.0.attention"]
    assert names("final", "embed*") == ["embeddings", "final"]
    with pytest.raises(UsageError, match=r"no site matches 'layer.1'.*layer.0"):
        names("layer.1", "final")


def test_a_site_refuses_poolings_with_the_reason():
    assert SITES[0].pool(None) == "mean"
    assert SITES[0].pool("last") == "last"
    with pytest.raises(UsageError, match="'embeddings' has no pooling 'cls': there is no class"):
        SITES[0].pool("cls")
    with pytest.raises(UsageError, match="unknown pooling 'sum'; known: cls"):
        SITES[0].pool("sum")
