"""One training by several processes: what they share, and what each does of it.

``torchrun --nproc-per-node 2 -m alignkit train ...`` (or ``accelerate launch``) starts them.
Every batch is dealt out among the processes, so the result does not depend on their number
but for rounding; gradients are summed, which is why nothing wraps the model.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor


class Processes:
    """This process among those that train one model together; alone by default.

    Attributes
    ----------
    rank, size : int
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """The rows of a batch that fall to this process."""
        return rows[self.rank :: self.size]

    def total(self, values: Mapping[str, float]) -> dict[str, float]:
        """Sums over the processes."""
        return dict(values)

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process."""
        return flag

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Add up every gradient over the processes."""

    def gather(self, rows: Tensor) -> tuple[Tensor, slice]:
        """Rows of all processes, and which of them are this one's."""
        return rows, slice(0, len(rows))

    def equalise(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's values."""

    def wait(self) -> None:
        """Wait for the others."""


class Together(Processes):
    """Several processes, connected by ``torch.distributed``."""

    def __init__(self, device: torch.device) -> None:
        import torch.distributed as dist

        self.dist, self.device = dist, device
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def total(self, values: Mapping[str, float]) -> dict[str, float]:
        numbers = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        self.dist.all_reduce(numbers)
        return dict(zip(values, numbers.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        return self.total({"flag": float(flag)})["flag"] > 0

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        # A process whose share lacks a term has no gradient for its head: zeros stand in.
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
        for p, part in zip(used, flat.split([p.numel() for p in used]), strict=True):
            p.grad = part.view_as(p)

    def gather(self, rows: Tensor) -> tuple[Tensor, slice]:
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

    def equalise(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            self.dist.broadcast(tensor, src=0)

    def wait(self) -> None:
        self.dist.barrier()


def join_processes(device: torch.device) -> Processes:
    """Connect to the other processes of this training, if a launcher has started several."""
    return Together(device) if started_together() > 1 else Processes()


def started_together() -> int:
    """How many processes a launcher has started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_device(name: str) -> str:
    """The GPU of this process, where ``auto`` or ``cuda`` leaves it open."""
    if started_together() > 1 and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return name


def dealt(group: Sequence[np.ndarray], processes: Processes) -> list[np.ndarray]:
    """The share of every batch of a group that falls to this process."""
    return [processes.share(rows) for rows in group]
