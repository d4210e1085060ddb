"""Tiny models of many families with random weights, in folders as the libraries write them."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = "a small boat on quiet lake the red fish two dogs run over green hill".split()  # noqa: SIM905
TEXTS = ["a small boat", "the red fish on a quiet lake", "dogs", "two dogs run over the green hill"]

# model type, options of its configuration, and whether its tokenizer has a class token
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "vocab_size": 24,
}
TEXT_MODELS = {
    "bert": SIZES,
    "roberta": SIZES,
    "xlm-roberta": SIZES,
    "electra": SIZES | {"embedding_size": 8},
    "albert": SIZES | {"embedding_size": 8},
    "distilbert": {
        "dim": 16,
        "n_layers": 3,
        "n_heads": 2,
        "hidden_dim": 24,
        "max_position_embeddings": 40,
        "vocab_size": 24,
    },
    "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "modernbert": SIZES
    | {
        "local_attention": 8,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "cls_token_id": 1,
        "eos_token_id": 2,
        "sep_token_id": 2,
    },
    "mpnet": SIZES,
    "gpt2": {
        "n_embd": 16,
        "n_layer": 3,
        "n_head": 2,
        "n_positions": 40,
        "vocab_size": 24,
        "bos_token_id": 3,
        "eos_token_id": 3,
    },
    "llama": SIZES | {"num_key_value_heads": 1},
    "qwen2": SIZES | {"num_key_value_heads": 1, "vocab_size": 257},
}
DECODERS = {"gpt2", "llama", "qwen2"}
VISION_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 32,
    "patch_size": 8,
    "num_channels": 3,
}
VISION_MODELS = {
    "vit": VISION_SIZES,
    "deit": VISION_SIZES,
    "dinov2": VISION_SIZES | {"mlp_ratio": 2},
    "dinov2_with_registers": VISION_SIZES | {"num_register_tokens": 4, "mlp_ratio": 2},
    "siglip_vision_model": VISION_SIZES,
    "clip_vision_model": VISION_SIZES,
    "swin": {
        "image_size": 32,
        "patch_size": 2,
        "embed_dim": 8,
        "depths": [1, 1, 2],
        "num_heads": [1, 2, 2],
        "window_size": 4,
    },
    "resnet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 16, 24],
        "depths": [1, 1, 2],
        "layer_type": "basic",
    },
    "convnext": {"hidden_sizes": [8, 16, 24], "depths": [1, 1, 2], "num_stages": 3},
}


def write_tokenizer(folder: Path, *, decoder: bool = False) -> None:
    """Write a tokenizer of whole words: with [CLS] and [SEP], or like a decoder's without pads."""
    specials = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    vocabulary = {word: i for i, word in enumerate([*specials, *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"unk_token": "[UNK]", "eos_token": "[UNK]"}
    if not decoder:
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
        names = {
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "unk_token": "[UNK]",
        }
    backend.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 32, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_bytes_tokenizer(folder: Path) -> None:
    """Write a tokenizer of bytes without merges, which is what Qwen's models take."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate([*letters, "<|endoftext|>"])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_preprocessing(folder: Path, size: int = 32) -> None:
    """Write how pictures are resized and normalised."""
    settings = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.3, 0.4],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def write_model(folder: Path, kind: str, sizes: dict, seed: int = 0) -> Path:
    """Write the folder of a model of transformers with random weights."""
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    config = AutoConfig.for_model(kind, **sizes)
    torch.manual_seed(seed)
    model = AutoModel.from_config(config).eval()
    with torch.no_grad():  # larger than their initial values, so that layers differ
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder


def text_model(folder: Path, kind: str) -> Path:
    write_model(folder, kind, TEXT_MODELS[kind])
    if kind == "qwen2":
        write_bytes_tokenizer(folder)
    else:
        write_tokenizer(folder, decoder=kind in DECODERS)
    return folder


def vision_model(folder: Path, kind: str) -> Path:
    write_model(folder, kind, VISION_MODELS[kind])
    write_preprocessing(folder)
    return folder


def two_towers(folder: Path, kind: str) -> Path:
    """Write a model of two towers: ``clip`` or ``siglip``."""
    text = SIZES | {"eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
    write_model(
        folder,
        kind,
        {"text_config": text, "vision_config": VISION_SIZES}
        | ({"projection_dim": 12} if kind == "clip" else {}),
    )
    write_tokenizer(folder)
    write_preprocessing(folder)
    return folder
