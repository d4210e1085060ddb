"""Messages of the library name parameters; the command line shows them as its options."""

import ast
import sys
from pathlib import Path

import pytest

from alignkit.cli.options import as_options, use_options_of
from alignkit.errors import UsageError


@pytest.fixture(autouse=True)
def _commands():
    from alignkit.cli.main import app

    use_options_of(app)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], "--samples is 1; measure with --samples 50 and --force"),
        (["measure"], "--samples is 1; measure with --samples 50 and --force"),
        (["runs", "gc"], "'samples' is 1; measure with 'samples = 50' and 'force = True'"),
    ],
    ids=["no command", "a command", "a command without them"],
)
def test_parameters_are_shown_as_options_of_the_command(monkeypatch, words, shown):
    monkeypatch.setattr(sys, "argv", ["alignkit", *words])
    text = "`samples` is 1; measure with `samples=50` and `force=True`"
    assert as_options(text) == shown


def test_a_command_of_a_group_is_found(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["alignkit", "--quiet", "search", "run"])
    assert as_options("`trials=0` is too few") == "--trials 0 is too few"


def test_an_option_of_another_name_than_its_parameter(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["alignkit", "correlate"])
    assert as_options("name more `metrics`") == "name more --metric"
    assert as_options("`lower_is_better=nll`") == "--lower-is-better nll"


def test_an_error_carries_the_names_of_its_parameters():
    error = UsageError("`k=7` needs more samples than `samples=5`; `k` is at most 4")
    assert error.parameters == ["k", "samples"]


def test_the_margin_of_commands_is_that_of_the_statistics():
    from alignkit.cli.arguments import MARGIN
    from alignkit.statistics import equivalence

    assert MARGIN == equivalence.MARGIN


def test_an_option_whose_metavar_is_its_name_is_named():
    # Typer 0.27 takes such a metavar for the name and calls the option --DEVICE.
    from alignkit.cli import app as commands

    folder = Path(commands.__file__).parent
    unnamed = [
        f"{file.name}: {argument.arg}"
        for file in folder.glob("*.py")
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef)
        for argument in function.args.args
        for call in ast.walk(argument.annotation or ast.Constant(0))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Option"
        for keyword in call.keywords
        if keyword.arg == "metavar"
        and ast.literal_eval(keyword.value) == argument.arg.upper()
        and not call.args
    ]
    assert unnamed == []
