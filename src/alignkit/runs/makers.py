"""Which plugins a run was made with, and what to say of those that are not there any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alignkit.errors import UsageError
from alignkit.plugins import KINDS, registry
from alignkit.plugins.registry import singular
from alignkit.plugins.versions import versions

# What all work on a run needs; objectives and losses, only training and scores without labels do.
NEEDED = ("tasks", "targets", "architectures")
# What is known from the plugins that a run recorded.
RECORDED = ("targets", "objectives", "losses")


def makers_of(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the distributions and versions behind names, as ``config.json`` holds them.

    Parameters
    ----------
    names : iterable of (str, str)
        Kinds and names.

    Returns
    -------
    dict of str to str
        By kind and name, such as ``{"task emoji": "alignkit-emoji 0.1.0"}``.
    """
    return {
        f"{singular(kind)} {name}": registry().get(kind, name).plugin.label for kind, name in names
    }


def missing_plugins(stored: Mapping[str, Any], kinds: Sequence[str] = KINDS) -> list[str]:
    """Return a line for each name of a stored run that no plugin registers now.

    Parameters
    ----------
    stored : mapping
        The content of ``config.json``. Of a run that does not say which plugin registered its
        names, all that it was made with and that are not installed are named.
    kinds : sequence of str
        Of the names: of these kinds only.
    """
    chosen = [("tasks", stored["task"]["name"]), ("architectures", stored["architecture"]["name"])]
    for made in stored.get("plugins", {}):
        word, _, name = made.partition(" ")
        chosen += [(kind, name) for kind in RECORDED if singular(kind) == word]
    chosen = [(kind, name) for kind, name in chosen if kind in kinds]
    missing = [(singular(kind), name) for kind, name in chosen if not registry().claims(kind, name)]
    return [
        f"{kind} '{name}' is not installed{_made_with(f'{kind} {name}', stored)}"
        for kind, name in missing
    ]


def require_plugins(stored: Mapping[str, Any], kinds: Sequence[str] = NEEDED) -> None:
    """Refuse to work with a stored run whose names no plugin registers.

    Parameters
    ----------
    stored : mapping
        The content of ``config.json``.
    kinds : sequence of str
        The kinds that the work needs; by default, what every work on a run needs.

    Raises
    ------
    UsageError
        Which names the distributions and versions that the run was made with.
    """
    missing = missing_plugins(stored, kinds)
    if missing:
        raise UsageError("; ".join(missing))


def targets_in(stored: Mapping[str, Any]) -> list[str]:
    """Return the names of registered targets in what is stored by kind and name."""
    return [name.removeprefix("target ") for name in stored if name.startswith("target ")]


def owned_name(kind: str, name: str, stored: Mapping[str, Any]) -> str:
    """Return a name of a stored run, with the distribution that it had where several claim it."""
    label = stored.get("plugins", {}).get(f"{singular(kind)} {name}", "")
    claims = registry().claims(kind, name)
    mine = [entry.name for entry in claims if entry.plugin.distribution == label.partition(" ")[0]]
    return mine[0] if len(claims) > 1 and mine else name


def _made_with(name: str, stored: Mapping[str, Any]) -> str:
    """Return what a name was made with, and how to have that again."""
    label = stored.get("plugins", {}).get(name)
    labels = [label] if label else _gone(stored)
    if not labels:
        return ""
    made = "it was registered by" if label else "the run was made with"
    broken = {plugin.distribution for plugin in registry().plugins if plugin.error}
    if broken & {each.partition(" ")[0] for each in labels}:
        return f"; {made} {' and '.join(labels)}, which does not load now: alignkit plugins -v"
    packages = [each.replace(" ", "==") for each in labels if not each.endswith(".py")]
    again = [f"pip install {' '.join(packages)}"] if packages else []
    again += [f"alignkit --plugin {file} ..." for file in labels if file.endswith(".py")]
    return f"; {made} {' and '.join(labels)}; to have it again: {' and '.join(again)}"


def _gone(stored: Mapping[str, Any]) -> list[str]:
    """Return what an older run was made with, all plugins together, and is not installed now."""
    working = {plugin.distribution for plugin in registry().plugins if not plugin.error}
    broken = {plugin.distribution for plugin in registry().plugins} - working
    now = versions().keys() - broken
    then = stored.get("versions", {})
    return [f"{name} {version}".strip() for name, version in then.items() if name not in now]
