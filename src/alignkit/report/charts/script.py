"""The JavaScript of a page: Vega, and the few lines that draw what is chosen."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def script() -> str:
    """Return everything that a page with charts runs; it loads nothing."""
    import vl_convert  # most of its time is spent here, so that nothing else waits for it

    own = files("alignkit.report").joinpath("templates/report.js").read_text(encoding="utf-8")
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    text = f"{vega}\n{own}"
    if "</script" in text.lower():
        raise AssertionError("the script would end early")
    return text


def hash_of(text: str) -> str:
    """Return the hash by which a policy of a page allows a script or a style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
