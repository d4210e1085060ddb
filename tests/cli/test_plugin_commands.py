"""Commands of plugins: listed from metadata, imported when called, blamed by name."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from tiny import alignkit_process, train_tiny

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party" / "alignkit-best"
MODULE = """
print("imported")
import typer

app = typer.Typer()

@app.command()
def first(n: int = 3) -> None:
    print("first", n)

@app.command()
def second() -> None:
    raise RuntimeError("no such luck")

def greet(name: str, loud: bool = False) -> None:
    "Greet somebody."
    print("HI" if loud else "hi", name)

number = 3
"""
COMMANDS = {
    "several": "their_commands:app",
    "greet": "their_commands:greet",
    "number": "their_commands:number",
    "absent": "absent_module:app",
    "list": "their_commands:greet",
}


def _install(site, distribution, commands):
    """Write what an installer leaves of a distribution: its metadata."""
    folder = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = [f"{name} = {target}" for name, target in commands.items()]
    (folder / "entry_points.txt").write_text("\n".join(["[alignkit.commands]", *lines, ""]))


@pytest.fixture
def run(tmp_path):
    """Run a command where a distribution with commands is installed."""
    site = tmp_path / "site"
    _install(site, "their-commands", COMMANDS)
    (site / "their_commands.py").write_text(MODULE)

    def run(*words, code=0, **environment):
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(site)]))
        return alignkit_process(*words, cwd=tmp_path, code=code, PYTHONPATH=path, **environment)

    run.site = site
    return run


def test_help_lists_commands_and_imports_none(run):
    shown = run("--help").stdout
    assert "imported" not in shown
    for name in ("several", "greet", "number", "absent"):
        assert re.search(rf"\b{name} +Added by their-commands 1.0\.", shown), name


def test_an_application_and_a_function_are_called(run):
    assert run("several", "first", "--n", "4").stdout == "imported\nfirst 4\n"
    assert run("greet", "bob", "--loud").stdout == "imported\nHI bob\n"
    assert "Greet somebody." in run("greet", "--help").stdout
    assert "Missing argument" in run("greet", code=2).stderr


def test_alignkits_own_commands_come_first(run):
    assert "imported" not in run("list", "--help").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["number"], "command 'number' of their-commands 1.0 is 3; expected a typer.Typer"),
        (["absent"], "command 'absent' of their-commands 1.0, asked for its code, raised Module"),
        (["several", "second"], "RuntimeError: no such luck"),
    ],
)
def test_what_goes_wrong_is_one_line(run, words, message):
    done = run(*words, code=1)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("selection", ["", "alignkit-toy", "-their-commands"])
def test_a_selection_of_plugins_is_one_of_commands(run, selection):
    done = run("greet", "bob", code=2, ALIGNKIT_PLUGINS=selection)
    assert "No such command 'greet'" in done.stderr


def test_a_selection_that_names_the_distribution_keeps_it(run):
    assert run("greet", "bob", ALIGNKIT_PLUGINS="their_commands").stdout.endswith("hi bob\n")


def test_a_name_that_two_distributions_claim_names_both(run):
    _install(run.site, "another", {"greet": "their_commands:greet"})
    done = run("greet", "bob", code=1)
    assert "command 'greet' is claimed by another 1.0 and their-commands 1.0" in done.stderr
    assert run("several", "first").stdout.endswith("first 3\n")


def test_they_are_listed_and_none_is_imported(run):
    done = run("list", "commands", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(COMMANDS) <= set(rows)
    assert rows["greet"]["plugin"] == "their-commands"
    assert rows["greet"]["summary"] == "their_commands:greet"


def test_plugins_check_finds_what_cannot_be_called(run):
    done = run("plugins", "check", "their-commands", "--json", code=1)
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert {name for name, row in rows.items() if row["result"] == "holds"} == {
        "several",
        "greet",
        "list",
    }
    assert "'number' of their-commands 1.0 is 3; expected" in rows["number"]["detail"]
    assert "raised ModuleNotFoundError" in rows["absent"]["detail"]
    assert "1 of 1 checks hold" in run("plugins", "check", "greet").stdout


@pytest.mark.slow
def test_the_example_names_the_best_run(tmp_path):
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    site = tmp_path / "site"
    _install(site, project["name"], project["entry-points"]["alignkit.commands"])
    runs = [train_tiny(tmp_path / "runs", seed=seed) for seed in (0, 1)]

    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(site), str(EXAMPLE)])
    done = alignkit_process("best", cwd=tmp_path, PYTHONPATH=path)
    name = runs[0].performance()["primary"]
    scores = {run.path.name: run.scores("validation")[name] for run in runs}
    (line,) = done.stdout.splitlines()
    best = max(scores, key=scores.get)
    assert best in line
    assert f"{name} {scores[best]:.3f}" in line
    failed = alignkit_process("best", "--split", "test", cwd=tmp_path, PYTHONPATH=path, code=1)
    assert "no run below runs has scores on test" in failed.stderr
