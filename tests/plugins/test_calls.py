"""Calls into a plugin's code: what becomes one line, and what passes."""

import numpy as np
import pytest
import torch

from alignkit.errors import (
    AlignkitError,
    DataError,
    MissingError,
    PluginError,
    UndefinedError,
    UsageError,
)
from alignkit.plugins.calls import PluginCall, described
from alignkit.plugins.registry import Entry, Plugin
from alignkit.signals import Terminated

ENTRY = Entry("metrics", "rv", lambda x: x, Plugin("rv:x", "alignkit-rv", "0.2", "rv"))
CALL = PluginCall(ENTRY, "its value", "a number")


class Odd(BaseException):
    """No Exception: only a bare except would catch it."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no\nway"), "raised ValueError: no way"),
        (SystemExit(3), "raised SystemExit: 3"),
        (Odd(), "raised Odd"),
        (StopIteration(), "raised StopIteration"),
        (FileNotFoundError(2, "No such file", "a.npy"), "raised FileNotFoundError: [Errno 2]"),
        (RecursionError("too deep"), "raised RecursionError: too deep"),
    ],
)
def test_a_fault_is_one_line_that_names_the_owner(error, said):
    def target():
        raise error

    with pytest.raises(PluginError) as caught, CALL:
        target()
    text = str(caught.value)
    assert text.startswith(f"metric 'rv' of alignkit-rv 0.2, asked for its value, {said}")
    assert text.endswith("; expected a number; to check it: alignkit plugins check metric rv")
    assert "\n" not in text
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        UndefinedError("constant"),
        UsageError("k"),
        DataError("no"),
        MissingError("gone"),
        AlignkitError("no"),
        KeyboardInterrupt(),
        Terminated(),
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        GeneratorExit(),
    ],
)
def test_what_is_no_fault_passes(error):
    with pytest.raises(type(error)) as caught, CALL:
        raise error
    assert caught.value is error


def test_a_signature_that_does_not_fit_is_told_from_an_error_inside():
    def one(x):
        return len(x, x)

    with pytest.raises(PluginError, match=r"cannot be called: .*one\(\) takes 1 positional"), CALL:
        one(1, 2)
    with pytest.raises(PluginError, match=r"raised TypeError: len\(\) takes exactly one"), CALL:
        one(1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (True, "True"),
        (2.5, "2.5"),
        (1 + 2j, "(1+2j)"),
        ("a" * 200, "'" + "a" * 79 + "..."),
        ([1, 2], "a list of 2"),
        (np.zeros((2, 3)), "a numpy.ndarray of shape (2, 3) and type float64"),
        (torch.zeros(2), "a torch.Tensor of shape (2,) and type torch.float32"),
        (np.float32(1), "a numpy.float32 of shape () and type float32"),
        (Plugin, "the class Plugin"),
        (Odd(), f"a {__name__}.Odd"),
    ],
)
def test_values_in_words(value, words):
    assert described(value) == words
    assert f"gave {words}; expected a number" in str(CALL.gave(value))


def test_code_that_is_not_registered_is_named_without_a_command():
    with pytest.raises(PluginError) as caught, PluginCall("metric 'f'", "its value"):
        raise ValueError("no")
    assert str(caught.value) == "metric 'f', asked for its value, raised ValueError: no"


def test_the_command_that_checks_what_a_file_registers_loads_the_file():
    plugin = Plugin("a b.py", "a b.py", "", "b", file="a b.py", is_file=True)
    entry = Entry("losses", "mine", lambda x: x, plugin)
    assert entry.check == "alignkit --plugin 'a b.py' plugins check loss mine"
