"""What a training writes down: a row per step, a row per epoch and split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alignkit.errors import UsageError
from alignkit.runs.files import discard, write_csv

STEP_COLUMNS = ["step", "epoch", "loss", "learning_rate", "gradient_norm"]


class Records:
    """The rows of ``steps.csv`` and ``history.csv``, and TensorBoard events if wanted.

    Parameters
    ----------
    tensorboard : Path, optional
        The folder of the events.

    Attributes
    ----------
    steps, epochs : list of dict

    Raises
    ------
    UsageError
        When events are wanted and TensorBoard is not installed.
    """

    def __init__(self, tensorboard: Path | None = None) -> None:
        self.steps: list[dict[str, Any]] = []
        self.epochs: list[dict[str, Any]] = []
        self._folder = tensorboard
        self._class: Any = _writer_class() if tensorboard is not None else None
        self._writer: Any = None

    def step(self, epoch: int, step: int, values: dict[str, float]) -> None:
        """Note an optimiser step."""
        self.steps.append({"step": step, "epoch": epoch, **values})
        self._event("step", values, step)

    def epoch(self, epoch: int, split: str, values: dict[str, float]) -> None:
        """Note what an epoch gave on a split."""
        self.epochs.append({"epoch": epoch, "split": split, **values})
        self._event(split, values, epoch)

    def scores(self, row: dict[str, Any]) -> dict[str, float]:
        """The scores of a row of the history."""
        return {k: v for k, v in row.items() if k not in ("epoch", "split")}

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint; pairs, because JSON does not keep the order of keys."""
        return {
            "steps": [list(row.items()) for row in self.steps],
            "epochs": [list(row.items()) for row in self.epochs],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave; events after it are hidden by TensorBoard."""
        self.steps = [dict(row) for row in state["steps"]]
        self.epochs = [dict(row) for row in state["epochs"]]
        if self._class:
            self._writer = self._class(str(self._folder), purge_step=len(self.steps) + 1)

    def write(self, folder: Path) -> None:
        """Write both tables."""
        import pandas as pd

        steps = pd.DataFrame(self.steps) if self.steps else pd.DataFrame(columns=STEP_COLUMNS)
        write_csv(folder / "steps.csv", steps)
        write_csv(folder / "history.csv", pd.DataFrame(self.epochs))
        if self._writer is not None:
            self._writer.close()

    def _event(self, group: str, values: dict[str, float], at: int) -> None:
        if self._class is None:
            return
        if self._writer is None:
            assert self._folder is not None
            if self._folder.exists():
                discard(self._folder)
            self._writer = self._class(str(self._folder))
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, at)


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError(
            "--tensorboard needs the package tensorboard; install it with: "
            "pip install 'alignkit[tensorboard]'"
        ) from None
    return SummaryWriter
