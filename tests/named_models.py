"""Tiny models in the forms that transformers and timm store: random weights, real files."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "picture",
    "caption",
    "shows",
    "disc",
    "square",
    "red",
    "blue",
    "green",
    "##s",
    "a",
    "on",
    "in",
    ".",
    "of",
]
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "vocab_size": 40,
}
KINDS = {
    "bert": SMALL,
    "roberta": SMALL | {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "electra": SMALL | {"embedding_size": 12},
    "distilbert": {
        "dim": 16,
        "n_layers": 3,
        "n_heads": 2,
        "hidden_dim": 24,
        "vocab_size": 40,
        "max_position_embeddings": 40,
    },
}


def text_folder(folder: Path, kind: str = "bert", seed: int = 0, **config: int) -> Path:
    """A BERT-like model of three layers with a WordPiece tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = AutoModel.from_config(AutoConfig.for_model(kind, **KINDS[kind] | config))
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder


def vision_folder(folder: Path, name: str = "test_vit", size: int = 32, seed: int = 0) -> Path:
    """A ViT of timm, its weights as the hub holds them."""
    import timm
    import torch

    torch.manual_seed(seed)
    model = timm.create_model(name, num_classes=0, img_size=size)
    timm.models.save_for_hf(model, str(folder), safe_serialization=True)
    (folder / "pytorch_model.bin").unlink(missing_ok=True)
    return folder
