"""Two-stream co-attention models after ViLBERT (Lu et al. 2019), with placements as data.

The names below are for other packages that build on these models: `TwoStream` brings two
streams, their inputs, a head and freezing, and a subclass adds the fusions. Everything else in
this package is internal. Importing the package is cheap; a name's module is imported when the
name is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "BlockSizes": "alignkit_vilbert.sizes",
    "CoAttention": "alignkit_vilbert.coattention",
    "CrossAttention": "alignkit_vilbert.coattention",
    "CrossAttentionOptions": "alignkit_vilbert.options",
    "STREAMS": "alignkit_vilbert.freeze",
    "Stream": "alignkit_vilbert.streams",
    "StreamOptions": "alignkit_vilbert.options",
    "TwoStream": "alignkit_vilbert.two_stream",
    "Vilbert": "alignkit_vilbert.architecture",
    "VilbertOptions": "alignkit_vilbert.options",
}

__all__ = list(_PUBLIC)


if not TYPE_CHECKING:  # a type checker would take any name for one that exists

    def __getattr__(name: str) -> Any:
        if name not in _PUBLIC:
            raise AttributeError(f"module 'alignkit_vilbert' has no attribute '{name}'")
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from alignkit_vilbert.architecture import Vilbert as Vilbert
    from alignkit_vilbert.coattention import CoAttention as CoAttention
    from alignkit_vilbert.coattention import CrossAttention as CrossAttention
    from alignkit_vilbert.freeze import STREAMS as STREAMS
    from alignkit_vilbert.options import CrossAttentionOptions as CrossAttentionOptions
    from alignkit_vilbert.options import StreamOptions as StreamOptions
    from alignkit_vilbert.options import VilbertOptions as VilbertOptions
    from alignkit_vilbert.sizes import BlockSizes as BlockSizes
    from alignkit_vilbert.streams import Stream as Stream
    from alignkit_vilbert.two_stream import TwoStream as TwoStream
