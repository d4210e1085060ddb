"""Two processes train what one does: the same samples, the same losses, but for rounding."""

import os
import socket
import subprocess
import sys

import pandas as pd
import pytest
from safetensors.numpy import load_file

import forks
from tiny import TINY_MODEL, alignkit

pytestmark = pytest.mark.slow

TASK = "toy_match:n_train=61,n_validation=33,n_test=16"  # shares are uneven, some of them empty
WORDS = (
    "train",
    "--task",
    TASK,
    "--architecture",
    TINY_MODEL,
    "--placement",
    "1",
    "--epochs",
    "2",
    "--batch-size",
    "12",
    "--device",
    "cpu",
)
VARIANTS = {
    "plain": ("--clip", "0"),
    "accumulated, with a virtual batch": ("--accumulate", "2", "--aux", "contrastive=0.5"),
    "words and pairs": ("--objective", "mlm", "--objective", "itm"),
    "contrast": (
        *("--objective", "itc=0.5:width=8", "--objective", "itm", "--accumulate", "2"),
        *("--learning-rate", "1e-4"),  # AdamW turns rounding of zero gradients into whole steps
    ),
}


def _launched(folder, *words, before=""):
    """Run a command in two processes that torchrun starts."""
    code = f"{before}\nfrom alignkit.cli.main import main\nmain()\n"
    (folder / "go.py").write_text(code)
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "go.py",
        *words,
    ]
    return subprocess.run(
        launch,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def _together(folder, *words, before):
    """Run a command in two processes, told of each other as torchrun does; give what is printed."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    processes = [
        forks.start(
            f"{before}\n{forks.COMMAND}",
            *words,
            cwd=folder,
            out=folder / f"out{rank}",
            **told | {"LOCAL_WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank},
        )
        for rank in "01"
    ]
    for rank, process in enumerate(processes):
        process.join()
        assert process.exitcode == 0, (folder / f"out{rank}.err").read_text()
    return (folder / "out0").read_text()


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_two_processes_train_what_one_does(tmp_path, options):
    note = (
        "from alignkit.training.batches import Collator\n"
        "plain = Collator.__call__\n"
        "def call(self, rows, epoch):\n"
        "    if self.data.name == 'train':\n"
        "        with open('seen', 'a') as file:\n"
        "            file.writelines(f'{epoch} {self.data.split.ids[r]}\\n' for r in rows)\n"
        "    return plain(self, rows, epoch)\n"
        "Collator.__call__ = call\n"
    )
    folder = _together(tmp_path, *WORDS, *options, before=note).split()[0]
    alone = alignkit(*WORDS, *options, "--runs", "alone", cwd=tmp_path).stdout.strip()
    seen = sorted((tmp_path / "seen").read_text().splitlines())
    assert seen == sorted(f"{epoch} train-{i:05d}" for epoch in (1, 2) for i in range(61))
    for name in ("steps.csv", "history.csv"):
        two, one = (pd.read_csv(tmp_path / run / name) for run in (folder, alone))
        pd.testing.assert_frame_equal(two, one, rtol=1e-3, atol=1e-5)
    for file in tmp_path.glob(f"{folder}/*.safetensors"):
        two, one = (load_file(tmp_path / run / file.name) for run in (folder, alone))
        for name in one:
            assert two[name] == pytest.approx(one[name], abs=2e-4), name


def test_a_launcher_may_stop_them_and_they_go_on(tmp_path):
    stop = (
        "import os, signal\n"
        "from alignkit.training.loop import Loop\n"
        "plain = Loop._record\n"
        "def record(self, *args):\n"
        "    plain(self, *args)\n"
        "    if self.position.step == 4 and self.processes.is_first:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "Loop._record = record\n"
    )
    done = _launched(tmp_path, *WORDS, before=stop)
    assert done.returncode != 0
    assert "after step 4 of 12 and wrote a checkpoint" in done.stderr
    again = _launched(tmp_path, *WORDS)
    assert again.returncode == 0, again.stderr
    assert "resuming from step 4" in again.stderr
    alone = alignkit(*WORDS, "--runs", "alone", cwd=tmp_path).stdout.strip()
    two, one = (
        pd.read_csv(tmp_path / run / "steps.csv") for run in (again.stdout.split()[0], alone)
    )
    pd.testing.assert_frame_equal(two, one, rtol=1e-3, atol=1e-5)
