"""What heavy libraries say of this machine; run by ``doctor`` in a process of its own."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any


def torch_facts() -> dict[str, Any]:
    """Return the devices, whether each computes, the threads, and the libraries behind them."""
    import scipy.linalg  # noqa: F401  (its BLAS is listed once it is loaded)
    import torch
    from threadpoolctl import threadpool_info

    devices = [_gpu(torch, i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "memory": 0, "error": _fault(torch, "mps")})
    pools = [
        {
            "library": pool["internal_api"],
            "kind": pool["user_api"],
            "version": pool["version"] or "",
            "threads": pool["num_threads"],
            "prefix": pool["prefix"],
        }
        for pool in threadpool_info()
    ]
    return {
        "devices": devices,
        "cuda": torch.version.cuda or "",
        "threads": torch.get_num_threads(),
        "pools": pools,
    }


def _gpu(torch: Any, index: int) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(index)
    return {
        "name": f"cuda:{index} {properties.name}",
        "memory": properties.total_memory,
        "error": _fault(torch, f"cuda:{index}"),
    }


def _fault(torch: Any, device: str) -> str:
    """Return what goes wrong in a product of two small matrices; empty if nothing does."""
    try:
        ones = torch.ones(8, 8, device=device)
        return "" if float((ones @ ones).sum()) == 512 else "it computes wrong values"
    except Exception as error:
        return " ".join(str(error).split())[:200] or type(error).__name__


def font_facts() -> dict[str, Any]:
    """Return the font of figures, the scripts that it lacks, and where fonts are listed."""
    import matplotlib
    from matplotlib import font_manager

    family = matplotlib.rcParams["font.family"]
    path = font_manager.findfont(font_manager.FontProperties(family=family))
    known = font_manager.get_font(path).get_charmap()
    scripts = {
        "Greek": "\u03b1",
        "Cyrillic": "\u0436",
        "Arabic": "\u0639",
        "Hebrew": "\u05d0",
        "Devanagari": "\u0915",
        "Thai": "\u0e01",
        "Chinese": "\u4e2d",
        "Japanese": "\u3042",
        "Korean": "\ud55c",
    }
    return {
        "font": font_manager.get_font(path).family_name,
        "latin": ord("a") in known,
        "lacks": [script for script, letter in scripts.items() if ord(letter) not in known],
    }


FACTS = {"torch": torch_facts, "fonts": font_facts}

if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print is no answer
        facts = FACTS[sys.argv[1]]()
    print(json.dumps(facts))
