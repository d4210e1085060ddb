"""A run directory: one trained model and everything made from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignkit.errors import DataError, UsageError
from alignkit.runs.config import RunConfig, config_from_json
from alignkit.runs.files import read_json
from alignkit.tasks import named_like_a_loss

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.metrics import Representation

DEFAULT_RUNS = Path("runs")
POOLS = ("cls", "mean")


class Run:
    """A run directory, readable by anyone; this class only names and reads its files.

    Parameters
    ----------
    path : Path
        ``runs/<task>/<placement>/seed<k>``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def model_file(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def performance_file(self) -> Path:
        return self.path / "performance.json"

    @property
    def train_manifest(self) -> Path:
        """Written last by training; a run without it is not trained."""
        return self.path / "train.json"

    @property
    def alignment_file(self) -> Path:
        return self.path / "alignment.csv"

    def representations_folder(self, split: str) -> Path:
        return self.path / "representations" / split

    def alignment_folder(self, split: str) -> Path:
        return self.path / "alignment" / split

    @cached_property
    def stored(self) -> dict[str, Any]:
        """``config.json`` as it stands on disk."""
        return read_json(self.path / "config.json")

    @cached_property
    def config(self) -> RunConfig:
        """The resolved configuration, with plugins looked up."""
        try:
            return config_from_json(self.stored)
        except KeyError as error:
            raise DataError(f"{self.path / 'config.json'} lacks {error}") from None

    @property
    def task(self) -> str:
        """What the task is called: its registered name, unless it gave itself another."""
        return self.stored["task"].get("alias") or self.stored["task"]["name"]

    @property
    def placement(self) -> str:
        return self.stored["placement"]["name"]

    @property
    def seed(self) -> int:
        return self.stored["seed"]

    @property
    def unit(self) -> str:
        """Hash that repetitions with other seeds share."""
        return self.stored["unit"]

    @property
    def is_trained(self) -> bool:
        """Whether training is through; the weights may have been left out since."""
        return self.train_manifest.is_file()

    def performance(self) -> dict[str, Any]:
        """Scores per split: ``{"primary": ..., "splits": {"test": {"accuracy": ...}}}``."""
        return read_json(self.performance_file)

    def higher_is_better(self, score: str) -> bool:
        """Return whether higher values of a score are better, as the run's task declared it.

        Where the run stores no direction, higher is better, except of ``loss`` and of scores
        whose names contain a word such as loss, error, perplexity or nll.
        """
        stored = self.performance().get("higher_is_better", {})
        return bool(stored.get(score, not named_like_a_loss(score)))

    @property
    def unscored(self) -> str:
        """Why the run has no scores and cannot have any; empty for a run that was trained."""
        return self.performance().get("unscored", "")

    def history(self) -> pd.DataFrame:
        """One row per epoch and split."""
        return _read_csv(self.path / "history.csv", "alignkit train")

    def alignment(self) -> pd.DataFrame:
        """One row per metric, parameters and pair of sites."""
        return _read_csv(self.alignment_file, f"alignkit measure {self.path}")

    def schedule(self) -> Sequence[Any]:
        """The schedule of the run's model, as data."""
        return self.config.architecture.make().schedule(self.config.placement)

    def representation_index(self, split: str) -> dict[str, Any] | None:
        """The manifest of extracted representations, or None where there are none."""
        file = self.representations_folder(split) / "index.json"
        return read_json(file) if file.is_file() else None

    def representation(
        self, site: str, split: str = "test", pool: str = "cls", **options: Any
    ) -> Representation:
        """One site's representation, opened without reading it whole.

        Options are those of ``Representation``: ``dtype``, ``device``.

        Raises
        ------
        DataError
            When it was not extracted.
        """
        import numpy as np

        from alignkit.metrics import Representation

        folder = self.representations_folder(split)
        index = self.representation_index(split)
        if index is None or site not in index["sites"] or pool not in index["pools"]:
            raise DataError(
                f"{self.path} holds no {pool} representation of {site} on {split}; "
                f"make it with: alignkit extract {self.path} --split {split} --pool {pool}"
            )
        ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
        values = np.load(folder / f"{site}.{pool}.npy", mmap_mode="r", allow_pickle=False)
        if values.shape[0] != len(ids):
            raise DataError(
                f"{folder}: {site} has {values.shape[0]} rows for {len(ids)} sample ids"
            )
        return Representation(values, ids=ids, name=site, **options)


def load_run(path: str | Path) -> Run:
    """Open a run directory.

    Raises
    ------
    DataError
        When the folder holds no run.
    """
    run = Run(path)
    if not (run.path / "config.json").is_file():
        if (run.path / "checkpoint").is_dir():
            raise DataError(
                f"the training in {path} was interrupted; the same alignkit train command goes on"
            )
        raise DataError(f"{path} is no run directory (it has no config.json); see: alignkit runs")
    return run


def load_runs(
    root: str | Path = DEFAULT_RUNS, task: Sequence[str] = (), placement: Sequence[str] = ()
) -> list[Run]:
    """Open every trained run below a folder, sorted by path; of some tasks or placements.

    Raises
    ------
    UsageError
        When there is none.
    """
    found = [Run(file.parent) for file in sorted(Path(root).glob("*/*/*/train.json"))]
    chosen = [
        run
        for run in found
        if (not task or {run.task, run.stored["task"]["name"]} & set(task))
        and (not placement or run.placement in placement)
    ]
    if not chosen:
        of = f" of {', '.join([*task, *placement])}" if task or placement else ""
        wanted = f" --task {task[0]}" if task else ""
        raise UsageError(
            f"there is no trained run{of} under {root}; make one: alignkit train{wanted}"
        )
    return chosen


def _read_csv(path: Path, command: str) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise DataError(f"there is no {path}; make it with: {command}")
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"parameters": str})
