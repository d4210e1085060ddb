"""Checks everything that a plugin registers, for tests and for ``alignkit plugins check``."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from alignkit.errors import DataError, UsageError, in_one_line
from alignkit.metrics import resolve
from alignkit.plugins import KINDS, Entry, Plugin, registry, use_plugin_files
from alignkit.plugins.commands import InstalledCommand, installed_commands
from alignkit.plugins.load import extra_plugin_files, normal_name
from alignkit.plugins.options import options_of
from alignkit.plugins.registry import singular
from alignkit.progress import Reporter
from alignkit.runs.config import choose
from alignkit.runs.training import OWN
from alignkit.testing.encoder import check_encoder
from alignkit.testing.layer_rule import check_layer_rule
from alignkit.testing.loss import check_loss
from alignkit.testing.metric import examine
from alignkit.testing.model import check_architecture, check_placement
from alignkit.testing.objective import check_objective
from alignkit.testing.pooling import check_pooling
from alignkit.testing.score import check_score
from alignkit.testing.section import check_section
from alignkit.testing.space import check_space
from alignkit.testing.target import check_target
from alignkit.testing.task import check_task

HOLDS, FAILS, NOT_CHECKED = "holds", "fails", "not checked"
_HINT = "; to check it: "  # ends messages about plugins; whoever reads a result has just done so

# By kind: what is checked, the function that checks it, and its result in words.
_CHECKS: dict[str, tuple[str, Callable[[str], Any], Callable[[Any], str]]] = {
    "architectures": (
        "builds and walks",
        check_architecture,
        lambda counts: f"on {_counted(len(counts), 'placement')}",
    ),
    "placements": (
        "fits the default architecture",
        check_placement,
        lambda schedule: f"{_counted(len(schedule), 'step')} of the schedule",
    ),
    "scores": (
        "numbers in its range, in any order of the samples",
        check_score,
        lambda values: ", ".join(f"{v:.3f} on {target}" for target, v in values.items()),
    ),
    "sections": (
        "can be made, of made-up tables",
        check_section,
        lambda made: "nothing to show" if made is None else f"'{made.title}'",
    ),
    "layer_rules": (
        "names layers on every placement",
        check_layer_rule,
        lambda counts: f"on {_counted(len(counts), 'placement')}",
    ),
    "poolings": (
        "a vector of every sample",
        check_pooling,
        lambda shape: f"of {shape[1]} columns, as its tokens",
    ),
    "spaces": (
        "its points can be trained",
        check_space,
        lambda runs: f"{_counted(runs, 'run')} of 50 points",
    ),
    "tasks": (
        "splits, pictures, loss and scores",
        check_task,
        lambda counts: ", ".join(f"{n} {split}" for split, n in counts.items()) + " samples",
    ),
    "targets": (
        "loss and scores",
        check_target,
        lambda scores: ", ".join(f"{name} {value:.4g}" for name, value in scores.items()),
    ),
    "objectives": (
        "loss, gradient, training and scores",
        check_objective,
        lambda values: ", ".join(f"{name} {value:.4g}" for name, value in values.items()),
    ),
    "losses": (
        "value, gradient and training",
        check_loss,
        lambda values: ", ".join(f"{name} {value:.4g}" for name, value in values.items()),
    ),
    "encoders": (
        "sites and representations",
        check_encoder,
        lambda widths: _counted(len(widths), "site"),
    ),
}


@dataclass(frozen=True)
class Result:
    """One check of a plugin, or of a name that it registers.

    Attributes
    ----------
    kind : str
        ``plugin``, or that of the name in the singular, such as ``metric``.
    name : str
        Of the plugin, or the registered name with its options.
    check : str
        What was checked.
    result : str
        ``holds``, ``fails`` or ``not checked``.
    detail : str
        The numbers that show it, what is wrong, or what the check needs.
    """

    kind: str
    name: str
    check: str
    result: str
    detail: str = ""


def check_plugin(*words: str) -> list[Result]:
    """Check a plugin, or names that are registered, by everything that this package checks.

    Parameters
    ----------
    *words : str
        A distribution, a ``.py`` file or a registered name; after a kind (``"metric", "rv"``)
        names of that kind, which may have options (``"mknn:k=5"``). Several are checked one after
        the other.

    Returns
    -------
    list of Result
        Names that need data or a download are ``not checked``.

    Raises
    ------
    AssertionError
        When a check fails; the message names each.
    UsageError
        When nothing of that name is installed.

    Examples
    --------
    >>> check_plugin("alignkit-rv")  # doctest: +SKIP
    """
    results = examine_plugin(words)
    failures = [each for each in results if each.result == FAILS]
    if failures:
        lines = (f"  {each.kind} {each.name}, {each.check}: {each.detail}" for each in failures)
        raise AssertionError(f"{' '.join(words)} fails:\n" + "\n".join(lines))
    return results


def examine_plugin(words: Sequence[str], reporter: Reporter | None = None) -> list[Result]:
    """Return the results of all checks of what ``check_plugin`` accepts; none raises."""
    with _loaded([Path(word) for word in words if word.endswith(".py")]):
        plugins, named = _meant(list(words))
        results = [result for plugin in plugins for result in _of_plugin(plugin)]
        results += [result for word in words for result in _of_commands(word)]
        with (reporter or Reporter()).progress("checking", len(named)) as bar:
            for kind, spec in named:
                bar.describe(f"checking {singular(kind)} {spec}")
                results += _of_name(kind, spec)
                bar.advance()
        return results


@contextlib.contextmanager
def _loaded(files: Sequence[Path]) -> Iterator[None]:
    """Load files, unless they are plugins already, for as long as the block runs."""
    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no file {file}")
    before = extra_plugin_files()
    known = {Path(plugin.file).resolve() for plugin in registry().plugins if plugin.file}
    new = [file for file in files if file.resolve() not in known]
    if new:
        use_plugin_files([*before, *new])
    try:
        yield
    finally:
        if new:
            use_plugin_files(before)


def _meant(words: list[str]) -> tuple[list[Plugin], list[tuple[str, str]]]:
    """Return the plugins that are meant, and all names to check, each with its kind."""
    kinds = {singular(kind): kind for kind in KINDS} | {kind: kind for kind in KINDS}
    if len(words) > 1 and words[0] in kinds:
        kind = kinds[words[0]]
        return [], [(registry().get(kind, _name_of(spec)).kind, spec) for spec in words[1:]]
    plugins: list[Plugin] = []
    named: list[tuple[str, str]] = []
    for word in words:
        owned = _plugins_of(word)
        claims = [] if owned else _claims(word)
        if not owned and not claims and not _commands_of(word):
            raise UsageError(_unknown(word))
        plugins += owned
        named += [(entry.kind, entry.name) for plugin in owned for entry in plugin.entries]
        named += claims
    return list({id(plugin): plugin for plugin in plugins}.values()), list(dict.fromkeys(named))


def _plugins_of(word: str) -> list[Plugin]:
    """Return the plugins of a file, of a distribution, or of one of its entry points."""
    if word.endswith(".py"):
        file = Path(word).resolve()
        return [each for each in registry().plugins if _is_file(each, file)]
    return [
        plugin
        for plugin in registry().plugins
        if normal_name(plugin.distribution) == normal_name(word) or plugin.name == word
    ]


def _is_file(plugin: Plugin, file: Path) -> bool:
    return bool(plugin.file) and Path(plugin.file).resolve() == file


def _claims(word: str) -> list[tuple[str, str]]:
    """Return the kinds in which a name is registered."""
    return [(kind, word) for kind in KINDS if _name_of(word) in registry().names(kind)]


def _name_of(spec: str) -> str:
    return spec.partition(":")[0].strip()


def _unknown(word: str) -> str:
    installed = {plugin.distribution for plugin in registry().plugins}
    known = sorted(installed | {name for kind in KINDS for name in registry().names(kind)})
    close = get_close_matches(word, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    listed = ", ".join(sorted(installed)) or "none"
    return (
        f"'{word}' is no installed plugin, no registered name and no .py file{hint or ';'} "
        f"{'Installed' if hint else 'installed'}: {listed}; to install one of your own: "
        f"python -m pip install -e {shlex.quote(word) if Path(word).is_dir() else 'FOLDER'}"
    )


def _of_plugin(plugin: Plugin) -> list[Result]:
    """Check that a plugin loads, that it registers something, and that its names are its own."""

    def result(check: str, holds: bool, detail: str) -> Result:
        return Result("plugin", plugin.distribution, check, HOLDS if holds else FAILS, detail)

    if plugin.error:
        return [result("loads", False, plugin.error)]
    results = [result("loads", True, f"in {plugin.seconds:.2f} s")]
    counts = {kind: sum(e.kind == kind for e in plugin.entries) for kind in KINDS}
    registered = ", ".join(
        f"{n} {kind if n > 1 else singular(kind)}" for kind, n in counts.items() if n
    )
    nothing = "nothing; a hook such as register_metrics must call `register`"
    results.append(result("registers", bool(plugin.entries), registered or nothing))
    contested = [
        f"{singular(kind)} '{name}' is claimed by {' and '.join(owners)}"
        for kind, name, owners in registry().contested()
        if any((entry.kind, entry.name) == (kind, name) for entry in plugin.entries)
    ]
    results.append(result("names", not contested, "; ".join(contested) or "its own"))
    return results


def _commands_of(word: str) -> list[InstalledCommand]:
    """Return the commands that a distribution adds, or the one of this name."""
    return [
        command
        for command in installed_commands().values()
        if word == command.name or normal_name(word) == normal_name(command.owner)
    ]


def _of_commands(word: str) -> list[Result]:
    """Check that commands can be imported, and have parameters that Typer knows."""
    results = []
    for command in _commands_of(word):
        state, said = HOLDS, command.point.value
        with contextlib.redirect_stdout(sys.stderr):
            try:
                command.made()
            except (Exception, SystemExit) as error:
                state, said = FAILS, in_one_line(error)
        results.append(Result("command", command.name, "can be called", state, said))
    return results


def _of_name(kind: str, spec: str) -> list[Result]:
    """Check one name; an error of any kind is a failure, and ends no other check."""

    def result(check: str, state: str, detail: str) -> Result:
        return Result(singular(kind), spec, check, state, detail)

    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is no result
        try:
            entry = registry().get(kind, _name_of(spec))
            needed = _needed(entry, spec)
            if needed:
                return [result("", NOT_CHECKED, needed)]
            if kind == "metrics":
                checks = examine(resolve(spec)).checks
                return [result(c.name, HOLDS if c.holds else FAILS, c.detail) for c in checks]
            if kind not in _CHECKS:
                return [result("", NOT_CHECKED, f"there is no check of {kind}")]
            what, check, describe = _CHECKS[kind]
            return [result(what, HOLDS, describe(check(spec)))]
        except AssertionError as error:
            said = str(error) or in_one_line(error)
        except (Exception, SystemExit) as error:
            said = in_one_line(error)
        said = said.partition(_HINT)[0]
        return [result(_CHECKS[kind][0] if kind in _CHECKS else "value", FAILS, said)]


def _needed(entry: Entry, spec: str) -> str:
    """Return what a name needs before it can be checked, empty for nothing.

    That may be options without which it makes nothing, a package, or data in a folder.
    """
    if ":" not in spec and entry.kind == "scores":
        try:
            check_score(spec)
        except UsageError as error:
            return str(error)
        except Exception:  # the check itself says it
            return ""
    if entry.kind == "objectives" and entry.plugin.distribution == OWN:
        return "alignkit's own, which its tests check"
    if ":" in spec or entry.kind not in ("tasks", "encoders", "architectures"):
        return ""
    target = entry.load()
    reads = hasattr(target, "positional") or any(o.is_path for o in options_of(target).values())
    try:
        made = choose(entry.kind, spec).make()
    except (DataError, UsageError) as error:
        return str(error)
    if entry.kind != "tasks" or not reads:
        return ""
    try:
        made.split("train")
    except DataError as error:
        return str(error)
    return ""


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
