"""The architecture that docs/models.md prints is whole and runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import alignkit
from tiny import TINY_TASK
from tiny import alignkit as command

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "models.md"


def test_the_printed_architecture_trains_and_is_measured(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    (block,) = [block for block in blocks if "StreamOptions" in block]
    (tmp_path / "own.py").write_text(block)
    done = command(
        "--plugin",
        "own.py",
        "train",
        "--task",
        TINY_TASK,
        "--epochs",
        1,
        "--placement",
        "1,2",
        "-a",
        "mean_shift:depth=3,width=16,heads=2,share=0.25",
        "--freeze",
        "text:0",
        cwd=tmp_path,
    )
    run = alignkit.load_run(tmp_path / done.stdout.strip())
    options = run.stored["architecture"]["options"]
    assert (options["share"], options["freeze"]) == (0.25, "text:0")
    command("--plugin", "own.py", "measure", run.path, "--metric", "cka", cwd=tmp_path)
    shown = command("--plugin", "own.py", "show", "architecture", "mean_shift", cwd=tmp_path)
    assert "Size of the shift" in shown.stdout
    assert "Maximum length of a text in tokens" in shown.stdout


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, alignkit_vilbert, alignkit_vilbert.plugin, alignkit_vilbert.two_stream;"
        "print([name for name in ('torch', 'numpy', 'timm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
