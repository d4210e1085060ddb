"""A run directory: one trained model and everything made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cached_property
from glob import escape
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from alignkit.cleaning import as_html
from alignkit.documents import NUMBER, Form, check_form, read_json
from alignkit.errors import AlignkitError, DamagedError, DataError, UsageError, first_line
from alignkit.plugins.registry import in_path
from alignkit.runs.config import RunConfig, config_from_json
from alignkit.runs.data_sets import tell_apart
from alignkit.runs.files import read_once, read_results
from alignkit.runs.listing import found
from alignkit.runs.manifests import Entry, inputs_of_table, read_checked, verify
from alignkit.runs.representations import RepresentationStore
from alignkit.runs.training import RuntimeOptions, Training, read_options
from alignkit.tasks import named_like_a_loss

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.models.schedule import Schedule

DEFAULT_RUNS = Path("runs")
_OPTIONS: dict[str, Any] = {
    "task": {"name": str, "alias?": (str, NoneType), "options": dict},
    "placement": {"name": str, "text": [int], "vision": [int]},
    "architecture": {"name": str, "options": dict},
    "training": dict,
}
_INIT: dict[str, Any] = {"run": str, "identity": str}
_STARTED: Form = {**_OPTIONS, "data": {"fingerprint": str}, "init?": (_INIT, NoneType)}
# What config.json must hold for a run to be listed; what opens its model may need more.
STORED: Form = {
    "identity": str,
    "unit": str,
    "seed": int,
    **_OPTIONS,
    "init?": ({**_INIT, "config?": _STARTED}, NoneType),
    "conduct?": dict,
    "data": {"fingerprint": str, "n?": {"*": int}, "splits?": {"*": str}},
    "versions?": {"*": str},
    "plugins?": {"*": str},
}
# What training was made from besides the configuration, as runs/inputs.py records it.
INPUTS: Form = {"data?": {"*": str}, "code?": {"*": str}, "init?": str}
# What train.json may hold.
TRAINED: Form = {
    "files?": {"*": {"size": int, "sha256": str}},
    "model_sha256?": str,
    "inputs?": INPUTS,
    "*": object,
}
# What performance.json must hold: scores, and for each score its noise.
_SCORE = (*NUMBER, NoneType)
PERFORMANCE: Form = {
    "primary": (str, NoneType),
    "splits": {"*": {"*": _SCORE}},
    "errors?": {"*": {"*": dict}},
    "higher_is_better?": {"*": bool},
    "extra?": {"*": [str]},
    "inputs?": {"*": {"*": str}},
    "unscored?": str,
}
POOLS = ("cls", "mean")


class Run(RepresentationStore):
    """A run directory; this class only locates and reads its files.

    Parameters
    ----------
    path : Path
        The directory: ``runs/<task>/<placement>/seed<k>``.
    """

    task_label = ""

    @classmethod
    def planned(cls, root: Path, config: RunConfig) -> Run:
        """Return the run that a configuration will make below a folder; it need not exist."""
        run = run_of(root, config)
        run.stored = config.to_json()
        return run

    @property
    def model_file(self) -> Path:
        """The weights."""
        return self.path / "model.safetensors"

    @property
    def performance_file(self) -> Path:
        """Scores per split."""
        return self.path / "performance.json"

    @property
    def train_manifest(self) -> Path:
        """The file that training writes last; a run without it is not trained."""
        return self.path / "train.json"

    @property
    def alignment_file(self) -> Path:
        """The table of all alignment values."""
        return self.path / "alignment.csv"

    @cached_property
    def stored(self) -> dict[str, Any]:
        """The content of ``config.json``."""
        file = self.trained_file("config.json")
        content: dict[str, Any] = read_json(file, STORED)
        first = (content.get("init") or {}).get("config", {})
        for kind, key, holder in (
            (Training, "training", content),
            (RuntimeOptions, "conduct", content),
            (Training, "training", first),
        ):
            try:
                read_options(kind, holder.get(key, {}))
            except Exception as error:  # of whatever kind: a value that nobody expects
                raise DataError(
                    f"{file} is damaged: the options in '{key}' cannot be used: {first_line(error)}"
                ) from None
        return content

    @cached_property
    def config(self) -> RunConfig:
        """The resolved configuration.

        Raises
        ------
        DataError
            When ``config.json`` lacks an entry.
        UsageError
            When a plugin that the run needs is not installed.
        """
        try:
            return config_from_json(self.stored)
        except KeyError as error:
            raise DataError(f"{self.path / 'config.json'} lacks {error}") from None

    @property
    def task(self) -> str:
        """The name of the task: its alias, or else its registered name.

        Where runs of one name are on different data, ``tell_apart`` gives them another one.
        """
        return self.task_label or self.stored_task

    @property
    def stored_task(self) -> str:
        """The name of the task as it is stored."""
        task = self.stored["task"]
        return str(task.get("alias") or in_path(task["name"]))

    @property
    def placement(self) -> str:
        """The name of the placement."""
        return str(self.stored["placement"]["name"])

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return int(self.stored["seed"])

    @property
    def unit(self) -> str:
        """Hash of everything but the seed, which runs that differ in the seed only share."""
        return str(self.stored["unit"])

    def _repr_html_(self) -> str:
        """Return what the run is and its scores, for a notebook."""
        facts = {
            "run": self.path,
            "task": self.task,
            "architecture": self.stored["architecture"]["name"],
            "placement": self.placement,
            "seed": self.seed,
        }
        splits = self.performance()["splits"] if self.is_trained else {}
        for split, scores in splits.items():
            facts |= {f"{split} {name}": f"{value:.4g}" for name, value in _numbers(scores)}
        cells = (f"<tr><th>{as_html(k)}</th><td>{as_html(v)}</td></tr>" for k, v in facts.items())
        return f"<table>{''.join(cells)}</table>"

    @property
    def is_trained(self) -> bool:
        """Whether training is complete; an imported run may lack the weights."""
        return self.train_manifest.is_file()

    @property
    def model_digest(self) -> str:
        """The SHA-256 of the weights, as training wrote them; empty where it is not known."""
        return str(self._manifest().get("model_sha256", ""))

    @property
    def inputs(self) -> dict[str, Any]:
        """What training was made from besides the configuration; empty where it is not known.

        ``data``, ``code`` and ``init``, as ``alignkit.runs.inputs`` records them.
        """
        inputs: dict[str, Any] = self._manifest().get("inputs", {})
        return inputs

    def are_current(self, index: Mapping[str, Any]) -> bool:
        """Whether representations are of the weights that the run has; true where unknown."""
        return index.get("model") in (None, "", self.model_digest)

    @property
    def trained_files(self) -> dict[str, Entry]:
        """Size and SHA-256 of the files that training wrote; none of an older or untrained run."""
        entries: dict[str, Entry] = self._manifest().get("files", {})
        return entries

    def _manifest(self) -> dict[str, Any]:
        """Return the manifest of training; empty where the run is not trained."""
        try:
            return _trained(self.train_manifest) if self.is_trained else {}
        except DataError as error:
            raise DamagedError(f"{error}; see: alignkit runs verify {self.path}") from None

    def trained_file(self, name: str) -> Path:
        """Return a file that training wrote, checked against its manifest.

        Raises
        ------
        DamagedError
            When it is not what training wrote.
        """
        try:
            return verify(self.path / name, self.trained_files)
        except DamagedError as error:
            raise DamagedError(f"{error}; see: alignkit runs verify {self.path}") from None

    def performance(self) -> dict[str, Any]:
        """Return the scores: ``{"primary": ..., "splits": {"test": {"accuracy": ...}}}``."""
        return deepcopy(_performance(self.performance_file))

    def scores(self, split: str) -> dict[str, float]:
        """Return the scores on a split that are stored; empty where it was not scored."""
        if not self.performance_file.is_file():
            return {}
        scores: dict[str, float] = self.performance()["splits"].get(split, {})
        return scores

    def extra_scores(self, split: str) -> list[str]:
        """Return the names of stored scores on a split that its task does not give by itself."""
        names: list[str] = []
        if self.performance_file.is_file():
            names = self.performance().get("extra", {}).get(split, names)
        return names

    def higher_is_better(self, score: str) -> bool:
        """Return whether higher values of a score are better, as the run's task declared it.

        Where the run stores no direction, higher is better, except of ``loss`` and of scores
        whose names contain a word such as loss, error, perplexity or nll.
        """
        stored = self.performance().get("higher_is_better", {})
        return bool(stored.get(score, not named_like_a_loss(score)))

    def score_errors(self, split: str) -> dict[str, dict[str, Any]]:
        """Return the noise of the scores on a split: ``{"auroc": {"se": 0.02, "low": ...}}``.

        With ``chance`` where it is known. Empty where the split was not scored, or by a version
        that stored no errors.
        """
        errors: dict[str, dict[str, Any]] = self.performance().get("errors", {}).get(split, {})
        return errors

    def number_of_samples(self, split: str) -> int | None:
        """Return how many samples of a split its representations, scores or training saw.

        None where the split was not used yet.
        """
        index = self.representation_index(split)
        if index is not None:
            return int(index["n"])
        n = self.scores(split).get("n", self.stored["data"].get("n", {}).get(split))
        return None if n is None else int(n)

    @property
    def unscored(self) -> str:
        """Why the run cannot have scores; empty for a run that was trained."""
        return str(self.performance().get("unscored", ""))

    def history(self) -> pd.DataFrame:
        """Return the losses and scores of training, one row per epoch and split."""
        return read_results(self.trained_file("history.csv"), "alignkit train")

    def tracking(self) -> pd.DataFrame | None:
        """Return the alignment that training tracked, a row per step, metric and pair of sites.

        None where nothing was tracked.
        """
        if not (self.path / "tracking.csv").is_file():
            return None
        return read_results(self.trained_file("tracking.csv"), "alignkit train")

    def alignment(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return all alignment values, one row per metric, parameters and pair of sites.

        Parameters
        ----------
        columns : sequence of str, optional
            The columns to read, of those that the table has; all when None.
        """
        command = f"alignkit measure {self.path}"
        if self.alignment_file.is_file():
            try:
                inputs_of_table(self.alignment_file)
            except DamagedError as error:
                raise DamagedError(f"{error}; it is made again by: {command}") from None
        return read_results(self.alignment_file, command, columns)

    def schedule(self) -> Schedule:
        """Return the schedule of the run's model, as data."""
        return self._schedule

    @cached_property
    def _schedule(self) -> Schedule:
        schedule: Schedule = self.config.architecture.make().schedule(self.config.placement)
        return schedule


@read_once
def _performance(file: Path) -> dict[str, Any]:
    content = read_checked(file)
    check_form(content, PERFORMANCE, str(file))
    return content


@read_once
def _trained(file: Path) -> dict[str, Any]:
    content = read_checked(file)
    check_form(content, TRAINED, str(file))
    return content


def run_of(root: Path, config: RunConfig) -> Run:
    """Return the run of a configuration below a folder; it need not exist.

    The name of a folder of data may be part of the run's folder. Where that folder holds no run,
    it is the one that holds the same run under another name of the data.
    """
    run = Run(root / config.folder)
    if not config.alias or _is_begun(run.path):
        return run
    others = found(root, f"*/{escape(config.placement.name)}/{escape(run.path.name)}")
    return next((Run(p) for p in others if _identity(p) == config.identity), run)


def _is_begun(folder: Path) -> bool:
    return (folder / "config.json").is_file() or (folder / "checkpoint").is_dir()


def _identity(folder: Path) -> str:
    """Return the identity of a run that is trained or has a checkpoint; empty without one."""
    for file in (folder / "config.json", *found(folder, "checkpoint/step-*/state.json")):
        with suppress(DataError):
            return str(read_json(file, {"identity": str, "*": object})["identity"])
    return ""


def load_run(path: str | Path) -> Run:
    """Open a run directory.

    Raises
    ------
    DataError
        When the folder is not a run directory.
    """
    run = Run(path)
    if not (run.path / "config.json").is_file():
        if (run.path / "checkpoint").is_dir():
            raise DataError(
                f"the training in {path} was interrupted; rerun the same alignkit train command to "
                "resume it"
            )
        raise DataError(
            f"{path} is not a run directory (it has no config.json); see: alignkit runs"
        )
    return run


def folders_of_runs(path: Path) -> list[Path]:
    """Return the trained runs in a folder: that of all runs, of a task, or of a placement."""
    if (path / "config.json").is_file():
        return []
    depths = ("*/train.json", "*/*/train.json", "*/*/*/train.json")
    return [file.parent for file in found(path, *depths)]


def _numbers(scores: Mapping[str, Any]) -> list[tuple[str, float]]:
    kept = ((name, value) for name, value in scores.items() if name != "n")
    return [(name, value) for name, value in kept if isinstance(value, (int, float))]


def load_runs(
    root: str | Path = DEFAULT_RUNS,
    task: Sequence[str] = (),
    placement: Sequence[str] = (),
    on_damaged: Callable[[Run, AlignkitError], None] | None = None,
    folders: Sequence[Path] | None = None,
) -> list[Run]:
    """Open all trained runs below a folder, or those of some tasks or placements, by path.

    Parameters
    ----------
    root : Path
    task, placement : sequence of str
    on_damaged : callable, optional
        Called with every run whose files cannot be read, which is left out.
    folders : sequence of Path, optional
        The runs to open, of which ``root`` is the folder; all of those below it when None.

    Data sets that share the name of a task are told apart, as by ``tell_apart``.

    Raises
    ------
    UsageError
        When there is no such run.
    DataError
        For a run whose files cannot be read, without ``on_damaged``.
    """
    opened = []
    if folders is None:
        folders = [file.parent for file in found(Path(root), "*/*/*/train.json")]
    for run in map(Run, folders):
        try:
            run.performance()
            if run.stored["task"]["name"] and run.placement:
                opened.append(run)
        except AlignkitError as error:
            if on_damaged is None:
                raise
            on_damaged(run, error)
    tell_apart(opened)
    chosen = [
        run
        for run in opened
        if (not task or {run.task, run.stored_task, run.stored["task"]["name"]} & set(task))
        and (not placement or run.placement in placement)
    ]
    if not chosen:
        of = f" of {', '.join([*task, *placement])}" if task or placement else ""
        command = f"alignkit train --task {task[0]}" if task else "alignkit train"
        raise UsageError(f"there is no trained run{of} under {root}; train one with: {command}")
    return chosen
