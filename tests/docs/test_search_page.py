"""The commands of the page on search are run, on tiny models, in their order."""

import re
import shlex
from pathlib import Path

import pytest

from tiny import TINY_MODEL, TINY_TASK, alignkit

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "search.md"


def test_every_command_of_the_page_runs(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) == 6
    for number, words in enumerate(commands):
        assert words[0] == "alignkit"
        words = [w.replace("toy_match", TINY_TASK) if w == "toy_match" else w for w in words]
        words = [TINY_TASK.replace("match", "unique") if w == "toy_unique" else w for w in words]
        if "run" in words:
            if "--trials" in words:
                words[words.index("--trials") + 1] = "1"
            else:
                words += ["--trials", "1", "--study", f"study{number}"]
            words += ["--architecture", TINY_MODEL, "--epochs", "1"]
            words += ["--placement", "1"] if "hparams" in words else []  # late is too deep here
        done = alignkit(*words[1:], cwd=tmp_path)
        assert done.stdout.strip(), words
    assert (tmp_path / "found.py").is_file()
