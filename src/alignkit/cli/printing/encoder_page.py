"""What ``alignkit show encoder`` prints of a model: its sites, poolings, inputs and size."""

import re
from collections.abc import Sequence
from typing import Any

from alignkit.cli.printing import console
from alignkit.models.encoders import EncoderSite

COLUMNS = ["site", "shape", "poolings"]
NUMBER = re.compile(r"(?<![A-Za-z])\d+(?![A-Za-z])|(?<=#)\d+")


def encoder_facts(made: Any) -> dict[str, Any]:
    """Return what is known of an encoder that was made, its sites among it.

    Parameters
    ----------
    made : Encoder
        Its sites may be found by running a few samples.
    """
    sites: Sequence[EncoderSite] = made.sites()
    describe = getattr(made, "describe", dict)
    default = [site for site in sites if site.default]
    return {
        "label": made.label,
        "stream": made.stream,
        **describe(),
        "sites": f"{len(default)} by default, {len(sites)} in all",
        "every site": [
            {
                "site": site.name,
                "shape": list(site.shape),
                "poolings": list(site.pools),
                "refused": dict(site.refused),
                "default": site.default,
            }
            for site in sites
        ],
        "notes": list(made.notes()),
    }


def print_sites(sites: Sequence[dict[str, Any]], notes: Sequence[str], stream: str) -> None:
    """Print the default sites one by one, others by the patterns of their names."""
    default = [_row(site, stream) for site in sites if site["default"]]
    console.print_table(default, COLUMNS, title="sites that are extracted by default")
    others: dict[tuple[str, str], list[str]] = {}
    for site in sites:
        if not site["default"]:
            row = _row(site, stream)
            key = NUMBER.sub("*", row["site"]), row["poolings"]
            others.setdefault(key, []).append(row["shape"])
    if others:
        console.print_text("")
        rows = [
            {"site": name, "shape": _range(shapes), "poolings": pools, "number": len(shapes)}
            for (name, pools), shapes in others.items()
        ]
        console.print_table(rows, [*COLUMNS, "number"], title="other sites, for --sites")
    console.print_text("")
    console.print_text("The first pooling of a site is its default.")
    for line in (*_lacking([site for site in sites if site["default"]]), *notes):
        console.print_text(line)


def _row(site: dict[str, Any], stream: str) -> dict[str, str]:
    sizes = ["tokens" if size is None else str(size) for size in site["shape"]]
    if stream == "vision" and len(sizes) == 2:
        sizes[0] += " tokens"
    return {
        "site": site["site"],
        "shape": " x ".join(sizes),
        "poolings": ", ".join(site["poolings"]),
    }


def _range(shapes: Sequence[str]) -> str:
    """Return the shape of several sites; where they differ, the first and the last."""
    return shapes[0] if len(set(shapes)) == 1 else f"{shapes[0]} to {shapes[-1]}"


def _lacking(sites: Sequence[dict[str, Any]]) -> list[str]:
    """Say which poolings no site has that has several positions, and why."""
    several = [site for site in sites if len(site["shape"]) > 1]
    having = {pool for site in several for pool in site["poolings"]}
    reasons = {
        pool: reason
        for site in several
        for pool, reason in site["refused"].items()
        if pool in ("cls", "last") and pool not in having
    }
    return [f"No pooling {pool}: {reason}." for pool, reason in reasons.items()]
