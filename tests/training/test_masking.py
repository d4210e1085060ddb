"""Words, patches and captions: what is hidden, and what never is."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignkit.errors import DataError
from alignkit.training.masking import GREY, Captions, PatchGrid, choose_share, mask_words


@dataclass
class Vocabulary:
    size: int = 40
    mask: int = 4
    special: frozenset = frozenset(range(5))


def _texts(n, rng, longest=20):
    lengths = rng.integers(1, longest, n)
    return [np.concatenate([[1], rng.integers(3, 40, length), [2]]) for length in lengths]


def _masked(n=3000, share=0.15, seed=0):
    rng = np.random.default_rng(seed)
    tokens = _texts(n, rng)
    longest = max(map(len, tokens))
    hidden, chosen = mask_words(tokens, Vocabulary(), share, rng.random((n, longest, 3)))
    return tokens, hidden, chosen


def test_special_tokens_are_never_chosen_and_never_drawn():
    tokens, hidden, chosen = _masked()
    for before, after, row in zip(tokens, hidden, chosen, strict=True):
        row = row[: len(before)]
        special = np.isin(before, list(Vocabulary.special))
        assert not row[special].any()
        np.testing.assert_array_equal(before[~row], after[~row])
        new = after[row & (after != before)]
        assert not set(new.tolist()) & (Vocabulary.special - {Vocabulary.mask})
    assert not any(row[len(before) :].any() for before, row in zip(tokens, chosen, strict=True))


def test_of_the_chosen_80_are_masked_10_replaced_10_kept():
    tokens, hidden, chosen = _masked(20000)
    before = np.concatenate([t[c[: len(t)]] for t, c in zip(tokens, chosen, strict=True)])
    after = np.concatenate([t[c[: len(t)]] for t, c in zip(hidden, chosen, strict=True)])
    masked = (after == Vocabulary.mask).mean()
    kept = (after == before).mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    assert kept == pytest.approx(0.1 + 0.1 / 35, abs=0.01)
    replaced = after[(after != Vocabulary.mask) & (after != before)]
    assert set(replaced.tolist()) == set(range(5, 40)), "any word may stand in"


def test_the_share_is_kept_with_at_least_one_word_of_a_text():
    tokens, _, chosen = _masked()
    words = np.array([(t >= 5).sum() for t in tokens])
    np.testing.assert_array_equal(
        chosen.sum(1)[words > 0], np.maximum(1, np.round(0.15 * words[words > 0]))
    )
    assert not chosen[words == 0].any()


def test_what_is_given_is_left_as_it_is():
    tokens = [np.array([1, 7, 8, 2])]
    mask_words(tokens, Vocabulary(), 0.9, np.zeros((1, 4, 3)))
    assert tokens[0].tolist() == [1, 7, 8, 2]


def test_padding_changes_no_choice():
    rng = np.random.default_rng(0)
    tokens, draws = _texts(50, rng), rng.random((50, 40, 3))
    longest = max(map(len, tokens))
    hidden, chosen = mask_words(tokens, Vocabulary(), 0.15, draws[:, :longest])
    for i, row in enumerate(tokens):
        alone, one = mask_words([row], Vocabulary(), 0.15, draws[i : i + 1, : len(row)])
        np.testing.assert_array_equal(alone[0], hidden[i])
        np.testing.assert_array_equal(one[0], chosen[i, : len(row)])


@given(st.integers(1, 30), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_choices_stay_within_what_is_eligible(length, share, seed):
    rng = np.random.default_rng(seed)
    eligible = rng.random((4, length)) < 0.5
    chosen = choose_share(eligible, share, rng.random((4, length)))
    assert not (chosen & ~eligible).any()
    expected = np.minimum(eligible.sum(1), np.maximum(1, np.round(share * eligible.sum(1))))
    np.testing.assert_array_equal(chosen.sum(1), expected)


def test_patches_correspond_to_what_is_hidden():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 3, 12, 12), dtype=np.uint8)
    grid = PatchGrid(4)
    chosen = rng.random((3, 16)) < 0.4
    hidden = grid.hide(pixels, chosen)
    assert hidden.dtype == np.uint8
    for i in range(3):
        for k in range(16):
            y, x = divmod(k, 4)
            cut = (i, slice(None), slice(3 * y, 3 * y + 3), slice(3 * x, 3 * x + 3))
            np.testing.assert_array_equal(grid.patches(pixels)[i, k], pixels[cut].ravel())
            expected = np.full_like(pixels[cut], GREY) if chosen[i, k] else pixels[cut]
            np.testing.assert_array_equal(hidden[cut], expected)


def test_equal_captions_are_no_negatives():
    texts = ["a cat", "A  cat", "a dog", "a bird", "a dog", "a cat"]
    captions = Captions(texts, "train")
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(texts), 4000)
    other = captions.other(rows, rng.random(4000))
    plain = [" ".join(t.lower().split()) for t in texts]
    assert all(plain[a] != plain[b] for a, b in zip(rows, other, strict=True))
    of_bird = np.bincount(other[rows == 3], minlength=6)
    assert of_bird[3] == 0
    assert of_bird[[0, 1, 2, 4, 5]] == pytest.approx((rows == 3).sum() / 5, rel=0.25)


def test_one_caption_for_all_is_refused():
    with pytest.raises(DataError, match="all captions of the train split are equal"):
        Captions(["a cat", "A cat"], "train")
