"""The commands of docs/questions.md run as they stand, on tiny runs."""

import re
import shlex
from pathlib import Path

import pytest

from tiny import alignkit

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
SMALLER = {"64": "16", "128": "32"}


def test_every_command_of_the_page_runs(own_runs, tmp_path):
    root, _ = own_runs
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    commands = [shlex.split(line) for line in block.splitlines()]
    assert {words[1] for words in commands} == {"hypotheses", "agreement", "stability", "sanity"}
    for words in commands:
        words = [SMALLER.get(word, word) for word in words[1:]]
        runs = [] if words[0] == "sanity" else ["--runs", root]
        assert alignkit(*words, *runs, cwd=tmp_path).stdout.strip(), words
