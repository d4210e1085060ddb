"""Where memory ends, on a GPU or on the CPU, a command says so in one line with what to lower."""

import pytest
import torch

from tiny import TINY_MODEL, TINY_TASK, alignkit

ERRORS = (
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: ..."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
)


@pytest.mark.parametrize("error", ERRORS, ids=range(len(ERRORS)))
def test_training_without_memory_is_one_line(error, tmp_path, monkeypatch):
    def fails(*_):
        raise error

    monkeypatch.setattr(torch.nn.Linear, "forward", fails)
    words = ("--task", TINY_TASK, "--architecture", TINY_MODEL, "--placement", "1")
    done = alignkit("train", *words, "--epochs", "1", cwd=tmp_path, code=1)
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("Error: out of memory; try a smaller --batch-size")


def test_another_error_is_no_lack_of_memory(tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(torch.nn.Linear, "forward", fails)
    words = ("--task", TINY_TASK, "--architecture", TINY_MODEL, "--placement", "1")
    done = alignkit("train", *words, "--epochs", "1", cwd=tmp_path, code=1)
    assert (
        "asked for the state after text layer 0, raised RuntimeError: shapes differ; to check"
        in (done.stderr.splitlines()[-1])
    )
