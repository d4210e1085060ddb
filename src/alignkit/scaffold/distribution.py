"""Write the smallest complete distribution of a plugin: code, test, metadata, workflow, README."""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
import shlex
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import jinja2

from alignkit.errors import PluginError, UsageError
from alignkit.plugins import Plugin, registry
from alignkit.plugins.registry import Collector
from alignkit.runs.files import whole_folder

LINE = 88  # characters of a line of code
LONGEST_NAME = 40  # characters; it becomes the name of files


@dataclass(frozen=True)
class Kind:
    """What is particular to the distribution of one kind of plugin.

    Attributes
    ----------
    registered : str
        The kind under which its name is registered.
    use : str
        A command that uses the name.
    defaults : tuple of str
        The kinds whose default the test needs.
    """

    registered: str
    use: str
    defaults: tuple[str, ...] = ()


SCAFFOLDS = {
    "metric": Kind("metrics", "alignkit measure x.npy y.npy --metric {name}"),
    "placement": Kind("placements", "alignkit train --placement {name}", ("architectures",)),
    "architecture": Kind("architectures", "alignkit train --architecture {name}", ("tasks",)),
    "task": Kind("tasks", "alignkit train --task {name}"),
    "encoder": Kind("encoders", "alignkit show encoder {name}"),
    "target": Kind("targets", "alignkit train --task folder:PATH,kind={name}"),
    "objective": Kind("objectives", "alignkit train --objective {name}"),
    "loss": Kind("losses", "alignkit train --aux {name}=0.1"),
}


@dataclass(frozen=True)
class Scaffold:
    """A distribution that was written.

    Attributes
    ----------
    folder : Path
    files : list of str
        Relative to the folder.
    commands : list of str
        What to run next, in this order.
    """

    folder: Path
    files: list[str]
    commands: list[str]


def write_scaffold(kind: str, name: str, directory: Path, version: str) -> Scaffold:
    """Write the distribution ``alignkit-NAME`` into a new folder of that name.

    Parameters
    ----------
    kind : str
        One of ``SCAFFOLDS``.
    name : str
        What it will register: lower-case letters, digits and underscores.
    directory : Path
        The folder in which to make the new one.
    version : str
        Of alignkit, from which follow the versions that the distribution works with.

    Raises
    ------
    UsageError
        For an unknown kind, a name that is none or is taken, or a folder that exists.
    """
    _check_kind(kind)
    _check_free(kind, name)
    folder = directory / _distribution(name)
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists; choose another name, or another `directory`")
    contents = _contents(kind, name, version)
    with whole_folder(folder) as temporary:
        for file, text in contents.items():
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
            (temporary / file).write_text(text, encoding="utf-8")
    commands = [
        f"cd {shlex.quote(str(folder))}",
        "python -m pip install -e '.[test]'",
        "python -m pytest",
        f"alignkit plugins check {folder.name}",
        SCAFFOLDS[kind].use.format(name=name),
    ]
    return Scaffold(folder, list(contents), commands)


def compatible(version: str) -> str:
    """Return the versions with the same interface for plugins.

    >>> compatible("0.1.4"), compatible("2.3.0rc1")
    ('>=0.1,<0.2', '>=2.3,<3')
    """
    major, minor = (int(re.match(r"\d*", part)[0] or 0) for part in f"{version}.0".split(".")[:2])  # type: ignore[index]
    above = f"{major + 1}" if major else f"0.{minor + 1}"
    return f">={major}.{minor},<{above}"


def _check_kind(kind: str) -> None:
    if kind not in SCAFFOLDS:
        close = get_close_matches(kind, SCAFFOLDS, n=1)
        hint = f"; did you mean '{close[0]}'? Known" if close else "; known"
        raise UsageError(f"unknown kind '{kind}'{hint}: {', '.join(SCAFFOLDS)}")


def _check_free(kind: str, name: str) -> None:
    """Refuse a name that the registry would refuse, or that something else has."""
    collector = Collector()
    collector.bind(Plugin(name, "", "", ""))
    try:  # to register it, as the plugin will
        collector.registrar(SCAFFOLDS[kind].registered)(name, "module:name")
    except PluginError as error:
        raise UsageError(str(error)) from None
    if len(name) > LONGEST_NAME:
        raise UsageError(f"the name has {len(name)} characters; at most {LONGEST_NAME} are allowed")
    registered = SCAFFOLDS[kind].registered
    owners = [e.plugin.label for e in registry().entries(registered) if e.name == name]
    if owners:
        raise UsageError(
            f"{kind} '{name}' is registered by {' and '.join(owners)}; choose another name"
        )
    installed, package = _distribution(name), _package(name)
    try:
        label = f"{installed} {distribution(installed).version}"
    except PackageNotFoundError:
        if importlib.util.find_spec(package) is None:
            return
        label = f"a package {package}"
    raise UsageError(f"{label} is installed already; choose another name")


def _contents(kind: str, name: str, version: str) -> dict[str, str]:
    """Return the text of every file."""
    package = _package(name)
    facts = {
        "kind": {"loss": "auxiliary loss", "objective": "training objective"}.get(kind, kind),
        "article": "an" if kind[0] in "ae" or kind == "loss" else "a",
        "name": name,
        "package": package,
        "distribution": _distribution(name),
        "function": _function(kind, name),
        "class_name": _class(kind, name),
        "own_import": _import(
            f"{package}.{'objective' if kind == 'objective' else 'plugin'}",
            _function(kind, name) if kind == "loss" else _class(kind, name),
        ),
        "range": compatible(version),
        "test_requires": ", ".join(f'"{each}"' for each in _test_requires(kind)),
        "use": SCAFFOLDS[kind].use.format(name=name),
    }
    files = {
        f"{package}/__init__.py": "__init__.py.j2",
        f"{package}/plugin.py": f"{kind}.py.j2",
        f"{package}/py.typed": "py.typed.j2",
        f"tests/test_{name}.py": f"test_{kind}.py.j2",
        "pyproject.toml": "pyproject.toml.j2",
        "README.md": "README.md.j2",
        ".github/workflows/test.yml": "test.yml.j2",
    }
    if kind == "architecture":
        files[f"{package}/model.py"] = "model.py.j2"
    if kind == "objective":
        files[f"{package}/objective.py"] = "objective_module.py.j2"
    return {file: _render(template, facts) for file, template in files.items()}


def _distribution(name: str) -> str:
    return f"alignkit-{name.replace('_', '-')}"


def _package(name: str) -> str:
    return f"alignkit-{name}".replace("-", "_")


def _render(template: str, facts: dict[str, Any]) -> str:
    environment = jinja2.Environment(  # nosec B701  # code and plain text, of checked names
        loader=jinja2.PackageLoader("alignkit.scaffold"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(facts)


def _test_requires(kind: str) -> list[str]:
    """Return pytest, and the distributions of the defaults that the test uses."""
    owners = [
        entry.plugin.distribution
        for each in SCAFFOLDS[kind].defaults
        for entry in registry().entries(each)
        if entry.default and not entry.plugin.is_file
    ]
    return ["pytest", *dict.fromkeys(owners)]


def _function(kind: str, name: str) -> str:
    """Return a name for the function, which must not hide another that its module uses."""
    taken = keyword.iskeyword(name) or hasattr(builtins, name) or not name.isidentifier()
    return f"{kind}_{name}" if taken or name in ("alignkit", "torch", "test") else name


def _class(kind: str, name: str) -> str:
    """Return a name for the class: ``ColoursTask`` for colours, ``MyTask`` for my_task."""
    words = [*name.removesuffix(f"_{kind}").split("_"), kind]
    words = words if words[0][0].isalpha() else [kind, *words[:-1]]
    return "".join(word.title() for word in words)


def _import(module: str, name: str) -> str:
    """Return the import of a name, wrapped as a formatter wraps what is too long."""
    line = f"from {module} import {name}"
    return line if len(line) <= LINE else f"from {module} import (\n    {name},\n)"
