"""The code that computed a result: a key of a plugin's own files, or of its version.

A ``.py`` file, and a package that is used from its source tree, change without a new version;
their key is a hash of what they hold, without comments and blank lines. An installed
distribution's key is its name and version. A plugin with ``VERSIONED = True`` in its module vouches
for the versions that it declares, and has the key of the declared version.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from alignkit.file_names import is_leftover
from alignkit.plugins.registry import Entry, Plugin

# Where installers put packages, whose files do not change.
INSTALLED = frozenset({"site-packages", "dist-packages"})
_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.DEDENT, tokenize.ENDMARKER)


class _FreshLoader(SourceFileLoader):
    """Reads the source, never compiled code beside it: that may be of a second before an edit."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_file(name: str, path: Path) -> ModuleType | None:
    """Import a Python file as a module of this name; None where it is no such file."""
    spec = spec_from_file_location(name, path, loader=_FreshLoader(name, str(path)))
    if path.suffix != ".py" or spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def code_of(entry: Entry) -> str:
    """Return the key of the code behind a registered name.

    Equal keys mean equal code; results of other keys may differ.
    """
    plugin = entry.plugin
    if plugin.versioned:
        return f"version {int(entry.declarations.get('version', 1))}"
    return code_of_plugin(plugin)


def code_of_plugin(plugin: Plugin) -> str:
    """Return the hash of a plugin's own files, or the name and version of what is installed."""
    if not plugin.code:
        places = _places(plugin)
        edited = places and not any(INSTALLED & set(place.parts) for place in places)
        plugin.code = _hash_of(places) if edited else plugin.label
    return plugin.code


def _places(plugin: Plugin) -> list[Path]:
    """Return the file of a plugin, or the folders of its package."""
    if plugin.is_file:
        return [Path(plugin.file)]
    try:
        spec = find_spec(plugin.module.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(folder) for folder in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin else []


def _hash_of(places: list[Path]) -> str:
    """Return a hash of files by their names in the package, wherever that lies."""
    digest = hashlib.sha256()
    for place in places:
        for name, file in _files(place):
            content = meaning_of(file.read_bytes()) if file.suffix == ".py" else file.read_bytes()
            digest.update(f"{name}\n{len(content)}\n".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()[:16]


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    if place.is_file():
        yield "", place
        return
    for file in sorted(place.rglob("*")):
        name = file.relative_to(place).as_posix()
        compiled = "__pycache__" in file.parts or file.suffix == ".pyc"
        if file.is_file() and not compiled and not is_leftover(name):
            yield name, file


@lru_cache(maxsize=4096)  # reading tokens takes a hundred times as long as reading the file
def meaning_of(source: bytes) -> bytes:
    r"""Return Python code without its comments and the lines that hold nothing else.

    Text that is not Python is returned as it is.

    >>> meaning_of(b"# as in the paper\nx = '# 1'  # of two\n\n")
    b"x = '# 1'"
    """
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
        text = source.decode(tokens[0].string).splitlines()
    except (tokenize.TokenError, SyntaxError, LookupError, ValueError):
        return source
    kept = {
        line
        for token in tokens[1:]
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for token in tokens[1:]:
        if token.type == tokenize.COMMENT and token.start[0] in kept:
            line = text[token.start[0] - 1]
            text[token.start[0] - 1] = line[: token.start[1]].rstrip() + line[token.end[1] :]
    lines = [line for number, line in enumerate(text, 1) if number in kept]
    return "\n".join(lines).encode()
