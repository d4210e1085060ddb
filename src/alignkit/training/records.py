"""The records of a training: a row per optimiser step, and a row per epoch and split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alignkit.errors import UsageError
from alignkit.runs.files import discard, write_csv

STEP_COLUMNS = ["step", "epoch", "loss", "learning_rate", "gradient_norm"]


class Records:
    """The rows of ``steps.csv`` and ``history.csv``, also as TensorBoard events if requested.

    Parameters
    ----------
    tensorboard : Path, optional
        The folder for the events; none are written without it.

    Attributes
    ----------
    steps : list of dict
        One row per optimiser step: ``step``, ``epoch``, ``loss``, ``learning_rate`` and, if
        gradients are clipped, ``gradient_norm``.
    epochs : list of dict
        One row per epoch and split: ``epoch``, ``split``, losses and scores.

    Raises
    ------
    UsageError
        If events are requested but TensorBoard is not installed.
    """

    def __init__(self, tensorboard: Path | None = None) -> None:
        self.steps: list[dict[str, Any]] = []
        self.epochs: list[dict[str, Any]] = []
        self._folder = tensorboard
        self._class: Any = _writer_class() if tensorboard is not None else None
        self._writer: Any = None

    def step(self, epoch: int, step: int, values: dict[str, float]) -> None:
        """Add the row of an optimiser step."""
        self.steps.append({"step": step, "epoch": epoch, **values})
        self._event("step", values, step)

    def epoch(self, epoch: int, split: str, values: dict[str, float]) -> None:
        """Add the row of an epoch and split."""
        self.epochs.append({"epoch": epoch, "split": split, **values})
        self._event(split, values, epoch)

    def scores(self, row: dict[str, Any]) -> dict[str, float]:
        """Return the scores in a row of ``epochs``."""
        return {k: v for k, v in row.items() if k not in ("epoch", "split")}

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint: pairs, because JSON sorts keys."""
        return {
            "steps": [list(row.items()) for row in self.steps],
            "epochs": [list(row.items()) for row in self.epochs],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what ``state`` returned; TensorBoard hides later events."""
        self.steps = [dict(row) for row in state["steps"]]
        self.epochs = [dict(row) for row in state["epochs"]]
        if self._class:
            self._writer = self._class(str(self._folder), purge_step=len(self.steps) + 1)

    def write(self, folder: Path) -> None:
        """Write ``steps.csv`` and ``history.csv``, and close the event file."""
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
            "`tensorboard` needs the package tensorboard; install it with: "
            "pip install 'alignkit[tensorboard]'"
        ) from None
    return SummaryWriter
