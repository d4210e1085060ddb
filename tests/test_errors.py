"""What libraries say when they fail, as one line of a message."""

import re
from pathlib import Path

import numpy as np
import pytest

import alignkit
from alignkit.errors import LONGEST, LOWER, OutOfMemoryError, first_line, in_one_line

ROOT = Path(__file__).parent.parent
SPACES = ("", " ", "\t", "\n", "\r\n", " \n \n", "\v", "\u2028")
WORDS = ("shape", "weights", "of layer 3", "expected 16, got 24:", "see:", "…", "é", ".", ":")


def _texts(seed, count):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        parts = rng.choice([*SPACES, *WORDS], rng.integers(0, 9))
        yield "".join(parts.tolist())


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, OSError, Exception])
def test_whatever_a_library_says_is_one_line(kind):
    for text in _texts(0, 300):
        error = kind(text)
        line = first_line(error)
        assert line == line.strip() != ""
        assert len(line.splitlines()) == 1
        assert in_one_line(error).startswith(kind.__name__)
        assert len(in_one_line(error).splitlines()) == 1
        lines = [line for line in text.splitlines() if any(map(str.isalnum, line))]
        assert line.startswith(" ".join(lines[0].split()).rstrip(".: ") if lines else kind.__name__)


def test_a_line_that_introduces_the_next_is_joined_with_it():
    error = RuntimeError(
        "Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight.\n"
    )
    assert (
        first_line(error) == "Error(s) in loading state_dict for Linear: size mismatch for weight"
    )


def test_an_error_that_says_nothing_is_named_by_its_kind():
    assert [first_line(ValueError(text)) for text in ("", "\n \n", "...")] == ["ValueError"] * 3
    assert in_one_line(EOFError()) == "EOFError"


def test_long_lists_are_cut():
    line = first_line(ValueError("known: " + ", ".join(map(str, range(10_000)))))
    assert line.endswith("...")
    assert len(line) == LONGEST + 3


def test_a_missing_key_is_not_shown_as_a_bare_word():
    assert first_line(KeyError("linear.weight")) == "there is no 'linear.weight'"


def test_memory_is_worded_once():
    for error in (MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")):
        assert first_line(error) == "out of memory"
        assert in_one_line(error) == LOWER
    assert in_one_line(OutOfMemoryError("lower `samples`")) == "lower `samples`"


def test_errors_of_alignkit_are_said_whole():
    long = "a" * 2 * LONGEST
    assert first_line(alignkit.DataError(long)) == in_one_line(alignkit.DataError(long)) == long


def test_nowhere_else_is_an_error_cut_to_a_line():
    cut = re.compile(r"str\((error|cause)\)[^\n]*(splitlines|split\(\"\\n|partition\(\"\\n|\[0\])")
    for file in [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]:
        if file.name != "errors.py":
            for line in file.read_text().splitlines():
                assert not cut.search(line), f"{file}: {line.strip()}"
