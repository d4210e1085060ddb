"""The study's two files: the study itself, and the same at a size that can be tried anywhere."""

import tomllib
from pathlib import Path

from alignkit.plugins.options import parse_spec

EXAMPLES = Path(__file__).parents[2] / "examples"
# The options of an architecture that say how large a model is; a named model brings its own.
MODEL_SIZES = {
    *("text_model", "vision_model", "depth", "width", "heads", "feedforward", "fusion_width"),
    *("max_tokens", "image_size", "patch_size"),
}
SIZES = {"batch_size", "accumulate", "epochs", "samples", "k", "shard_size"}
PLACES = {"runs", "output"}


def _read(name):
    return tomllib.loads((EXAMPLES / name).read_text())


def _without_numbers(spec):
    name, options = parse_spec(spec)
    return name, set(options)


def _differences(large, small, path=()):
    """Yield where two tables differ in more than sizes."""
    if set(large) != set(small):
        yield path, set(large) ^ set(small)
    for key in set(large) & set(small):
        if isinstance(large[key], dict):
            yield from _differences(large[key], small[key], (*path, key))
        elif not _differ_in_size(key, large[key], small[key]):
            yield (*path, key), small[key]


def _differ_in_size(key, large, small):
    """Whether two values of a key are equal, or the second is only smaller."""
    if key in ("placements", "seeds"):  # some of those of the study
        return set(small) <= set(large)
    if key == "architecture":
        return _without_sizes(large) == _without_sizes(small)
    if key == "metrics":  # with fewer neighbours or dimensions
        return [_without_numbers(s) for s in large] == [_without_numbers(s) for s in small]
    if key in SIZES and isinstance(large, list):
        return max(small) <= max(large)
    if key in SIZES:
        return isinstance(small, int) and small <= large
    return large == small or key in PLACES


def _without_sizes(spec):
    name, options = parse_spec(spec)
    return name, {key: value for key, value in options.items() if key not in MODEL_SIZES}


def test_the_small_study_differs_from_the_study_by_nothing_but_sizes():
    study, small = _read("study.toml"), _read("study_small.toml")
    assert list(_differences(study, small)) == []
    small["task"]["mm_imdb"]["learning_rate"] = 1e-3
    small["measure"]["pools"] = ["cls"]
    small["options"]["architecture"] += ",head=sum"
    del small["agreement"]
    assert len(list(_differences(study, small))) == 4


def test_the_study_is_that_of_bert_base_and_vit_base():
    study = _read("study.toml")
    _, options = parse_spec(study["options"]["architecture"])
    assert options == {
        "preset": "study",
        "text_model": "bert-base-uncased",
        "vision_model": "vit_base_patch16_224",
    }
    rates = {name: task["learning_rate"] for name, task in study["task"].items()}
    assert rates == {"hateful_memes": 4.4e-5, "mm_imdb": 5.9e-5, "upmc_food": 5.9e-5}
    epochs = {name: task["epochs"] for name, task in study["task"].items()}
    assert epochs == {"hateful_memes": 6, "mm_imdb": 8, "upmc_food": 8}
    first = study["pretrain"]
    assert (first["epochs"], first["learning_rate"], first["seed"]) == (7, 1e-4, 1567)
    assert (first["batch_size"], first["accumulate"]) == (20, 22)
    options = study["options"]
    assert (options["batch_size"], options["accumulate"], options["patience"]) == (24, 26, 3)
    assert (options["warmup"], options["floor"]) == (0.1, 0.2)
