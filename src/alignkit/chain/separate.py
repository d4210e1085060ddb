"""Two separate encoders as a run: nothing is trained, and there are no scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alignkit.chain.model import build, make_repeatable, outputs_of, save
from alignkit.errors import DataError
from alignkit.models.placement import Placement
from alignkit.plugins.versions import versions
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run, RunConfig, Training
from alignkit.runs.files import locked, sha256_of, write_json
from alignkit.tasks import Task

SEPARATE = Placement([], [], "separate")
REASON = "its encoders are separate and were not trained on the task"


def separate(config: RunConfig) -> RunConfig:
    """Return the configuration of two encoders that never interact: no fusion, no training."""
    return replace(config, placement=SEPARATE, training=Training(epochs=0))


def store_separate(config: RunConfig, root: Path, reporter: Reporter = SILENT) -> Run:
    """Store a pair of encoders as a run, unless it is stored already.

    Labels are not read. The files are those of a trained run, so every step that needs no
    scores works on it.

    Parameters
    ----------
    config : RunConfig
        From ``separate``.
    root : Path
        The folder of runs.
    reporter : Reporter

    Returns
    -------
    Run

    Raises
    ------
    DataError
        If the folder of the run contains another run.
    """
    run = Run(root / config.folder)
    if (run.path / "config.json").is_file() and run.stored.get("identity") != config.identity:
        raise DataError(
            f"{run.path} contains another run; move it away, or choose another folder with `runs`"
        )
    with locked(run.path):
        if not run.is_trained:
            _store(run, config, reporter)
    return run


def _store(run: Run, config: RunConfig, reporter: Reporter) -> None:
    make_repeatable(config.seed, config.training.threads)
    task: Task = config.task.make()
    target = task.target  # a task of pairs may have none
    inputs = config.architecture.make().inputs(task.split("train").texts)
    model, _ = build(config, outputs_of(task), inputs)
    stored = config.to_json()
    stored["data"] |= {"labels": list(target.labels) if target else []}
    write_json(run.path / "config.json", stored | {"versions": versions()})
    save(run, model, inputs)
    write_json(
        run.performance_file,
        {"primary": target.primary if target else "", "splits": {}, "unscored": REASON},
    )
    write_json(run.train_manifest, {"model_sha256": sha256_of(run.model_file)})
    reporter.note(f"stored the two encoders in {run.path}")
