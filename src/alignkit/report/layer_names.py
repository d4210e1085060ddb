"""Names of layers and models, as short as they can be without two of them becoming the same."""

from __future__ import annotations

from collections.abc import Sequence


def short_layers(names: Sequence[str], most: int = 12) -> dict[str, str]:
    """Return the shortest dotted ending of every name that no other name has.

    >>> short_layers(["encoder.layer.0", "encoder.layer.1", "final"])
    {'encoder.layer.0': '0', 'encoder.layer.1': '1', 'final': 'final'}

    Parameters
    ----------
    names : sequence of str
        The layers of one model.
    most : int
        The length at which a name is cut, in its middle.
    """
    distinct = list(dict.fromkeys(names))
    parts = {name: name.split(".") for name in distinct}
    shown: dict[str, str] = {}
    for name in distinct:
        for count in range(1, len(parts[name]) + 1):
            ending = parts[name][-count:]
            if sum(other[-count:] == ending for other in parts.values()) == 1:
                break
        shown[name] = ".".join(ending)
    cut = {name: squeezed(text, most) for name, text in shown.items()}
    return cut if len(set(cut.values())) == len(cut) else shown


def squeezed(text: str, most: int) -> str:
    """Return a text that is cut in its middle where it is long: what ends it tells it apart."""
    if len(text) <= most:
        return text
    before = (most - 1) // 2
    return f"{text[:before]}…{text[len(text) - (most - 1 - before) :]}"
