"""A small chain of commands, run in forks of this process, in folders that can be compared."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tiny import digest

TASK = "toy_match:n_train=64,n_validation=32,n_test=160"  # its test split makes two shards
MODEL = "vilbert:depth=2,width=16,heads=2,feedforward=32,fusion_width=16"

ENCODER = """
import torch
from torch import nn

class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(64, 4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    def forward(self, ids, attention_mask):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x).tanh()
        return x

def prepare(texts):
    rows = [[ord(c) % 64 for c in text] for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return {"ids": ids, "attention_mask": mask}

def bag():
    return Bag(), prepare
"""
TRAIN = (
    *("train", "--task", TASK, "--architecture", MODEL, "--placement", "1"),
    *("--epochs", "2", "--batch-size", "16", "--checkpoint-every", "3"),
)
CHAIN: dict[str, tuple[str, ...]] = {
    "train": TRAIN,
    "evaluate": ("evaluate",),
    "extract": ("extract", "--shard-size", "128"),
    "extract --encoder": (
        *("extract", "--task", TASK, "--encoder", "module:encoder.py:bag,stream=text"),
        *("--encoders", "encoders", "--batch-size", "32", "--shard-size", "64"),
    ),
    "measure": ("measure", "--metric", "unbiased_cka", "--metric", "mknn", "--layers", "all"),
    "report": ("report", "--output", "report"),
}


BESIDE_STORAGES = (".turn", "-wal", "-shm")
LITTER = re.compile(r"(^|/)\.[^/]*\.(tmp|old)(/|$)")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative after a signal, and what it said on stderr."""

    code: int
    said: str

    @property
    def is_clean(self) -> bool:
        """Whether it succeeded, or failed in one line that says why."""
        last = self.said.rstrip().rpartition("\n")[2]
        return self.code == 0 or (
            self.code in (1, 2) and last.startswith("Error: ") and "Traceback" not in self.said
        )


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary folder, in memory if possible, where fsync is quick; work on one thread."""
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True  # no result: what Python makes of plugins
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def study(runs: str, output: str, options: str, metric: str) -> str:
    """Return the file of a study of two placements and two seeds."""
    return f"""
runs = "{runs}"
output = "{output}"
[grid]
tasks = ["{TASK}"]
placements = ["none", "1"]
seeds = [0, 1]
[options]
architecture = "{MODEL}"
{options}
[measure]
metrics = ["{metric}"]
[correlate]
layer = ["last"]
"""


def prepare(folder: Path) -> None:
    """Do the chain once in this process, so that the forks have all that it imports."""
    import torch

    from alignkit.cli.main import main

    torch.set_num_threads(1)
    fresh(folder)
    with contextlib.chdir(folder), (folder / "log").open("w") as log:
        for words in CHAIN.values():
            sys.argv = ["alignkit", *words]
            with (
                contextlib.redirect_stdout(log),
                contextlib.redirect_stderr(log),
                contextlib.suppress(SystemExit),
            ):
                main()


def start(
    words: tuple[str, ...], folder: Path, log: Path, before: Callable[[], None] | None = None
) -> int:
    """Run a command in a fork whose working directory is a folder; return its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # the fork has done it
            os.setpgid(pid, pid)
        return pid
    code = 99
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        handle = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(handle, 2)
        sys.stdin = open(os.devnull)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv = ["alignkit", *words]
        from alignkit.cli.main import main

        if before is not None:
            before()
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 98
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def finish(pid: int, log: Path, within: float = 120) -> Ended:
    """Wait for a command; one that hangs is killed, and counts as that."""
    deadline = time.monotonic() + within
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Ended(-9, "it hung")
        time.sleep(0.005)
    return Ended(os.waitstatus_to_exitcode(status), log.read_text(errors="replace"))


def run(
    words: tuple[str, ...], folder: Path, log: Path, before: Callable[[], None] | None = None
) -> Ended:
    """Run a command in a fork, to its end."""
    return finish(start(words, folder, log, before), log)


def succeed(
    words: tuple[str, ...], folder: Path, log: Path, before: Callable[[], None] | None = None
) -> None:
    """Run a command in a fork; end this program where it does not succeed."""
    ended = run(words, folder, log, before)
    if ended.code:
        sys.exit(f"{' '.join(words)}: exit code {ended.code}\n{ended.said}")


def fresh(folder: Path, source: Path | None = None) -> Path:
    """Return an empty folder, or a copy of another."""
    shutil.rmtree(folder, ignore_errors=True)
    if source is None:
        folder.mkdir(parents=True)
        (folder / "encoder.py").write_text(ENCODER)
    else:
        shutil.copytree(source, folder)
    return folder


def made_in(folder: Path) -> tuple[dict[str, str], int]:
    """Return the checksums of all that commands have made, and how much litter `runs gc` removes.

    Litter is what could not be removed after a failure: it is nobody's result. The locks of
    searches, and what SQLite keeps beside a database while it is open, are no results either.
    """
    from alignkit.runs.litter import find_litter

    files = digest(folder)
    litter = [str(each.path.relative_to(folder)) for each in find_litter(folder)]
    kept = (
        name
        for name in files
        if not name.endswith(BESIDE_STORAGES)
        and not any(name == each or name.startswith(f"{each}/") for each in litter)
    )
    return {name: files[name] for name in kept}, len(litter)


def machine() -> str:
    """Return what the counts were made on."""
    versions = f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {versions}, {time.strftime('%Y-%m-%d')}"
