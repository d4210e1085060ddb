"""Model folders as people have them: every odd config.json is refused in one line, or is right."""

import json

import numpy as np
import pytest

import alignkit
from alignkit.plugins import registry
from alignkit_encoders import read_config, read_timm_config
from named_models import text_folder, vision_folder
from odd_folders import ABSENT, NOT_OBJECTS, ODD, changed, odd_files, odd_weights

TEXT_KEYS = (
    "model_type",
    "num_hidden_layers",
    "max_position_embeddings",
    "hidden_size",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "pad_token_id",
    "hidden_act",
    "layer_norm_eps",
)
TIMM_KEYS = ("architecture", "model_args", "pretrained_cfg", "num_classes")
PICTURE_KEYS = ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")
LAYOUTS = ("gpt2", "t5", "clip", "vit", "llama", "wav2vec2", "bart", "deberta", "xlnet", "no_such")


def _build(**options):
    """Build the architecture with its inputs, as training does; the weights are random."""
    given = {"fusion_width": 8, "fusion_heads": 2, "depth": 2, "width": 16, "heads": 2}
    kind = registry().get("architectures", "vilbert").load()
    architecture = kind(**given | {"from_scratch": True} | options)
    inputs = architecture.inputs(["the picture shows a red disc"])
    architecture.build(alignkit.Placement([1], [1]), 2, inputs)


def _right_or_one_line(**options):
    refused = None
    try:
        _build(**options)
    except alignkit.AlignkitError as error:
        refused = str(error)
    assert refused is None or (refused and "\n" not in refused)
    return refused


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return text_folder(tmp_path_factory.mktemp("text") / "bert")


@pytest.fixture(scope="module")
def vision(tmp_path_factory):
    return vision_folder(tmp_path_factory.mktemp("vision") / "vit")


@pytest.mark.parametrize("content", NOT_OBJECTS, ids=range(len(NOT_OBJECTS)))
def test_a_config_that_is_no_object_is_named(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    for read in (read_config, read_timm_config):
        with pytest.raises(alignkit.DataError, match=r"config\.json") as refused:
            read(tmp_path)
        assert "\n" not in str(refused.value)
    assert "config.json" in _right_or_one_line(text_model=str(tmp_path))
    assert "config.json" in _right_or_one_line(vision_model=str(tmp_path))


def test_a_byte_order_mark_before_a_config_is_no_part_of_it(tmp_path):
    (tmp_path / "config.json").write_text("\ufeff{}", encoding="utf-8")
    assert read_config(tmp_path) == {}
    assert "does not declare" in _right_or_one_line(text_model=str(tmp_path))
    assert "does not name an architecture" in _right_or_one_line(vision_model=str(tmp_path))


@pytest.mark.parametrize("key", TEXT_KEYS)
def test_odd_values_of_text_models(key, text):
    for value in (*ODD, ABSENT):
        whole = changed(text / "config.json", **{key: value})
        try:
            _right_or_one_line(text_model=str(text))
        finally:
            (text / "config.json").write_text(whole)


def test_a_text_model_without_positions_has_the_library_s_number(text):
    whole = changed(text / "config.json", max_position_embeddings=ABSENT)
    try:
        assert _right_or_one_line(text_model=str(text)) is None
    finally:
        (text / "config.json").write_text(whole)


def test_a_text_model_without_a_type_is_named(text):
    whole = changed(text / "config.json", model_type=ABSENT)
    try:
        assert "does not declare model_type" in _right_or_one_line(text_model=str(text))
    finally:
        (text / "config.json").write_text(whole)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts_of_other_tasks(kind, text):
    whole = changed(text / "config.json", model_type=kind)
    try:
        assert _right_or_one_line(text_model=str(text))
        assert _right_or_one_line(vision_model=str(text))
    finally:
        (text / "config.json").write_text(whole)


@pytest.mark.parametrize("key", [*TIMM_KEYS, *PICTURE_KEYS])
def test_odd_values_of_vision_models(key, vision):
    for value in (*ODD, ABSENT):
        for nested in (True, False) if key in PICTURE_KEYS else (False,):
            values = {"pretrained_cfg": {key: value}} if nested else {key: value}
            if key in PICTURE_KEYS and not nested:
                values["pretrained_cfg"] = ABSENT
            whole = changed(vision / "config.json", **values)
            try:
                _right_or_one_line(vision_model=str(vision))
            finally:
                (vision / "config.json").write_text(whole)


def test_random_configs(tmp_path):
    rng = np.random.default_rng(0)
    keys = [*TEXT_KEYS, *TIMM_KEYS, *PICTURE_KEYS]
    for _ in range(60):
        chosen = rng.choice(keys, int(rng.integers(0, 6)), replace=False)
        config = {str(key): ODD[rng.integers(len(ODD))] for key in chosen}
        if rng.random() < 0.5:
            config["architecture"] = "test_vit"
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert _right_or_one_line(text_model=str(tmp_path))
        _right_or_one_line(vision_model=str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["text", "vision"])
def test_odd_files_and_weights(stream, text, vision):
    folder = text if stream == "text" else vision
    named = {f"{stream}_model": str(folder)}
    for _ in odd_files(folder):
        _right_or_one_line(**named)
        _right_or_one_line(**named, from_scratch=False)
    allowed = ("half", "one is nan", "one more", "integers", "prefix", "an index of {'")
    for what in odd_weights(folder):
        refused = _right_or_one_line(**named, from_scratch=False)
        assert refused or any(word in what for word in allowed), what
