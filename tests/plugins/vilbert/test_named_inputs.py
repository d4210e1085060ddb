"""Tokenizers and pictures of named models, against the libraries' own."""

import numpy as np
import pytest
import torch
from PIL import Image

import alignkit
from alignkit_vilbert.architecture import Vilbert
from named_models import text_folder, vision_folder

TEXT = "The red discs on a PURPLE picture."


def _picture(width, height):
    rng = np.random.default_rng(width * height)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def test_tokens_are_the_models_own(tmp_path):
    from transformers import AutoTokenizer

    folder = text_folder(tmp_path / "t")
    inputs = Vilbert(text_model=str(folder)).inputs([])
    own = AutoTokenizer.from_pretrained(folder)
    assert inputs.tokens(TEXT).tolist() == own(TEXT)["input_ids"]
    short = Vilbert(text_model=str(folder), max_tokens=5).inputs([])
    assert short.tokens(TEXT).tolist() == own(TEXT, truncation=True, max_length=5)["input_ids"]
    assert len(inputs.tokens("red " * 99)) == 40  # as many as the model has positions for


def test_a_folder_without_a_vocabulary_is_refused(tmp_path):
    """The library would make a tokenizer to which every word is unknown."""
    folder = text_folder(tmp_path / "t")
    (folder / "vocab.txt").unlink()
    with pytest.raises(alignkit.DataError, match=r"has no tokenizer; expected tokenizer.json"):
        Vilbert(text_model=str(folder)).inputs([])


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    folder = text_folder(tmp_path / "t")
    with (folder / "vocab.txt").open("a") as file:
        file.writelines(f"word{i}\n" for i in range(21))
    with pytest.raises(alignkit.DataError, match="has 41 tokens, but the model embeds 40"):
        Vilbert(text_model=str(folder)).inputs([])


def test_the_vocabulary_says_what_may_be_masked(tmp_path):
    vocabulary = Vilbert(text_model=str(text_folder(tmp_path / "t"))).inputs([]).vocabulary
    assert (vocabulary.size, vocabulary.mask) == (20, 4)
    assert vocabulary.special == frozenset({0, 1, 2, 3, 4})


def test_the_mean_leaves_out_padding_and_special_tokens(tmp_path):
    architecture = Vilbert(text_model=str(text_folder(tmp_path / "t")))
    inputs = architecture.inputs([])
    model = architecture.build(architecture_placement(), 2, inputs)
    batch = inputs.batch(
        [inputs.tokens("red"), inputs.tokens("a red disc")], np.zeros((2, 3, 32, 32), np.uint8)
    )
    state = model.streams["text"].embed(**batch["text"])
    assert state.content.tolist() == [
        [False, True, False, False, False],
        [False, True, True, True, False],
    ]
    assert state.mask.sum(1).tolist() == [3, 5]


def architecture_placement():
    from alignkit import Placement

    return Placement([], [])


@pytest.mark.parametrize("shape", [(50, 40), (33, 90), (160, 160), (32, 32), (20, 31)])
def test_pictures_are_as_timm_prepares_them(tmp_path, shape):
    import timm

    inputs = Vilbert(vision_model="test_vit", from_scratch=True).inputs([])
    model = timm.create_model("test_vit", num_classes=0)
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))
    picture = _picture(*shape)
    batch = inputs.batch([np.array([1, 2])], inputs.pixels(picture)[None])
    torch.testing.assert_close(batch["vision"]["pixels"][0], transform(picture), atol=1e-6, rtol=0)


def test_a_picture_may_be_squashed_instead(tmp_path):
    folder = vision_folder(tmp_path / "v")
    picture = _picture(60, 30)
    whole = Vilbert(vision_model=str(folder), fit="squash").inputs([]).pixels(picture)
    expected = np.asarray(picture.resize((32, 32), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    np.testing.assert_array_equal(whole, expected)
    cropped = Vilbert(fit="crop").inputs(["a"]).pixels(picture)
    middle = picture.resize((64, 32), Image.Resampling.BICUBIC).crop((16, 0, 48, 32))
    np.testing.assert_array_equal(cropped, np.asarray(middle).transpose(2, 0, 1))


def test_the_study_pads_to_the_longest_possible(tmp_path):
    folder = str(text_folder(tmp_path / "t"))
    pixels = np.zeros((1, 3, 32, 32), np.uint8)

    def length(**options):
        inputs = Vilbert(**options).inputs(["a b"])
        return inputs.batch([inputs.tokens("a")], pixels)["text"]["tokens"].shape[1]

    assert length(text_model=folder) == 3
    assert length(text_model=folder, max_tokens=30, preset="study") == 30
    assert length(text_model=folder, preset="study") == 40  # as many as it has positions for
    assert length(preset="study") == 48
    assert Vilbert(text_model=folder, preset="study").options.max_tokens == 197


def test_inputs_come_back_without_the_folder(tmp_path):
    import json
    import shutil

    folder, vision = text_folder(tmp_path / "t"), vision_folder(tmp_path / "v")
    architecture = Vilbert(text_model=str(folder), vision_model=str(vision))
    inputs = architecture.inputs([])
    stored = json.loads(json.dumps(inputs.to_json()))
    shutil.rmtree(folder)
    shutil.rmtree(vision)
    again = architecture.load_inputs(stored)
    assert again.tokens(TEXT).tolist() == inputs.tokens(TEXT).tolist()
    assert again.vocabulary == inputs.vocabulary
    picture = _picture(50, 40)
    np.testing.assert_array_equal(again.pixels(picture), inputs.pixels(picture))
    assert again.text_source.folder is again.vision_source.folder is None


def test_words_and_a_named_vision_model(tmp_path):
    architecture = Vilbert(vision_model=str(vision_folder(tmp_path / "v")))
    inputs = architecture.inputs(["a red disc"])
    again = architecture.load_inputs(inputs.to_json())
    assert again.tokens("red disc").tolist() == inputs.tokens("red disc").tolist()
    assert again.words == inputs.words
