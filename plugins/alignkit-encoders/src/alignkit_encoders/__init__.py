"""Frozen encoders: models of transformers and timm, anyone's torch modules, and small packages.

The functions below find and read the folders of models; other packages that build on named
models use them too. Everything else in this package is internal.
"""

from alignkit_encoders.folders import (
    check_label,
    fetched_folder,
    first_of,
    label_of,
    local_folder,
    read_config,
    read_timm_config,
    require_safetensors,
    split_commit,
)
from alignkit_encoders.quiet import quiet
from alignkit_encoders.sizes import check_memory, check_sizes, check_vocabulary

__all__ = [
    "check_label",
    "check_memory",
    "check_sizes",
    "check_vocabulary",
    "fetched_folder",
    "first_of",
    "label_of",
    "local_folder",
    "quiet",
    "read_config",
    "read_timm_config",
    "require_safetensors",
    "split_commit",
]
