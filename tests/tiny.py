"""Runs that are small enough to be made in a second, and the command line as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TINY_TASK = "toy_match:n_train=64,n_validation=32,n_test=48"
TINY_MODEL = "vilbert:depth=3,width=16,heads=2,feedforward=32,fusion_width=16"


def alignkit(
    *words: str, cwd: Path, code: int = 0, **environment: str
) -> subprocess.CompletedProcess:
    """Run the command line as a user would, and check its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "alignkit", *map(str, words)],
        capture_output=True, text=True, cwd=cwd, env=os.environ | environment, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def train_tiny(root: Path, placement: str = "1,2", task: str = TINY_TASK, seed: int = 0):
    """Train a run of three layers for one epoch."""
    from alignkit.chain.train import train
    from alignkit.runs import Training, resolve_config

    return train(resolve_config(task, placement, TINY_MODEL, Training(epochs=1), seed), root)
