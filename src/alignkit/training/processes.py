"""Data-parallel training by several processes.

``torchrun --nproc-per-node 2 -m alignkit train ...`` (or ``accelerate launch``) starts them.
Every batch is divided among the processes, so the result does not depend on their number
except for rounding. Gradients are summed explicitly, so the model needs no wrapper.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor


class Processes:
    """The processes that train one model together; here, a single one.

    Attributes
    ----------
    rank : int
        The index of the current process.
    size : int
        The number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether the current process is the one that writes files and reports progress."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of a batch that the current process handles."""
        return rows[self.rank :: self.size]

    def total(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the sum of every value over all processes."""
        return dict(values)

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process."""
        return flag

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its sum over all processes."""

    def gather(self, rows: Tensor) -> tuple[Tensor, slice]:
        """Return the rows of all processes, and the slice of those from the current one."""
        return rows, slice(0, len(rows))

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite the tensors with those of the first process."""

    def wait(self) -> None:
        """Wait until all processes have reached this point."""


class DistributedProcesses(Processes):
    """Several processes, connected by ``torch.distributed``.

    Parameters
    ----------
    device : torch.device
        The device of the current process; it decides the backend: nccl or gloo.
    """

    def __init__(self, device: torch.device) -> None:
        import torch.distributed as dist

        self.dist, self.device = dist, device
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def total(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the sum of every value over all processes; all must call this alike."""
        numbers = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        self.dist.all_reduce(numbers)
        return dict(zip(values, numbers.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process."""
        return self.total({"flag": float(flag)})["flag"] > 0

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its sum over all processes."""
        # A process whose share lacks a term has no gradient for its head: use zeros.
        trained = [p for p in parameters if p.requires_grad]
        has = torch.tensor(
            [p.grad is not None for p in trained], dtype=torch.int32, device=self.device
        )
        self.dist.all_reduce(has, op=self.dist.ReduceOp.MAX)
        used = [p for p, flag in zip(trained, has.tolist(), strict=True) if flag]
        for p in used:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        if not used:
            return
        flat = torch.cat([p.grad.reshape(-1) for p in used if p.grad is not None])
        self.dist.all_reduce(flat)
        for p, part in zip(used, torch.split(flat, [p.numel() for p in used]), strict=True):
            p.grad = part.view_as(p)

    def gather(self, rows: Tensor) -> tuple[Tensor, slice]:
        """Return the rows of all processes, and the slice of those from the current one."""
        sizes = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(self.size)]
        self.dist.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
        lengths = [int(size) for size in sizes]
        padded = rows.new_zeros(max(lengths), *rows.shape[1:])
        padded[: len(rows)] = rows.detach()
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        self.dist.all_gather(parts, padded)
        start = sum(lengths[: self.rank])
        everyone = torch.cat([part[:n] for part, n in zip(parts, lengths, strict=True)])
        return everyone, slice(start, start + len(rows))

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite the tensors with those of the first process."""
        for tensor in tensors:
            self.dist.broadcast(tensor, src=0)

    def wait(self) -> None:
        """Wait until all processes have reached this point."""
        self.dist.barrier()


def join_processes(device: torch.device) -> Processes:
    """Return the processes of this training, connected if a launcher started several."""
    return DistributedProcesses(device) if world_size() > 1 else Processes()


def world_size() -> int:
    """Return how many processes a launcher has started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_device(name: str) -> str:
    """Return the name of this process's own GPU if ``auto`` or ``cuda`` leaves the choice open."""
    if world_size() > 1 and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return name
