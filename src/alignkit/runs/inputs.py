"""What results were made from, and what of it has changed since: pictures, code and weights.

The identity of a run names its data by their annotations and the sizes of their files. What the
files hold, the code of the plugins and the weights that a run starts from are recorded beside the
results instead, and compared where results might be used again. What was not recorded, or cannot
be looked at now, counts as unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignkit.contracts.pooling import change_of_poolings
from alignkit.errors import AlignkitError, DamagedError
from alignkit.plugins import registry
from alignkit.plugins.code import code_of
from alignkit.plugins.registry import singular
from alignkit.runs.config import RunConfig, content_of_task
from alignkit.runs.data import SEEN, find_data
from alignkit.runs.makers import targets_in
from alignkit.runs.run import Run
from alignkit.runs.targets import target_entry
from alignkit.tasks import Target

OTHER_WEIGHTS = "the weights are other ones now"
OTHER_PICTURES = "the pictures are other ones now"


def inputs_of_training(config: RunConfig) -> dict[str, Any]:
    """Return what a training is made from besides its configuration, as ``train.json`` holds it.

    Returns
    -------
    dict
        ``data``, a digest of the pictures of each split that training sees; ``code``, a key of
        the code of each plugin; and ``init``, the checksum of the weights to start from. Each
        only where there is such a thing.

    Raises
    ------
    AlignkitError
        When the data are not there.
    """
    data = {split: content_of_task(config.task, split) for split in SEEN}
    inputs: dict[str, Any] = {
        "data": {split: digest for split, digest in data.items() if digest},
        "code": _code_of([*names_of(config), *name_of_target(config.task.make().target)]),
        "init": _weights_of(config.init.run) if config.init else "",
    }
    return {key: value for key, value in inputs.items() if value}


def changes_between(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs between two results of ``inputs_of_training``, each as a clause."""
    changes = []
    pictures = sorted(_differing(then.get("data", {}), now.get("data", {})))
    if pictures:
        changes.append(f"its pictures ({', '.join(pictures)}) have changed since")
    code = sorted(_differing(then.get("code", {}), now.get("code", {})))
    if code:
        changes.append(f"the code of its {' and its '.join(code)} has changed since")
    if then.get("init") and now.get("init") and then["init"] != now["init"]:
        changes.append("the run that it started from has other weights now")
    return changes


def changes_of_training(config: RunConfig, stored: Mapping[str, Any]) -> list[str]:
    """Return what has changed since a training, each as a clause.

    Parameters
    ----------
    config : RunConfig
        With the data to compare.
    stored : mapping
        What ``inputs_of_training`` returned then; nothing is known of an older run.
    """
    now: dict[str, Any] = {"data": {}}
    for split in stored.get("data", {}):
        with suppress(AlignkitError, OSError):  # what is not here cannot be compared
            now["data"][split] = content_of_task(config.task, split)
    if stored.get("code"):
        named = [("targets", name) for name in targets_in(stored["code"])]
        now["code"] = _code_of([*names_of(config), *named])
    if config.init is not None:
        now["init"] = _weights_of(config.init.run)
    return changes_between(stored, now)


def changes_since_training(run: Run, pictures: bool = True) -> list[str]:
    """Return what has changed since a run was trained, each as a clause.

    Parameters
    ----------
    run : Run
        Trained; its data are compared wherever they are now.
    pictures : bool
        Whether to compare the pictures, which takes reading those that are new.
    """
    stored = run.inputs
    if not stored:
        return []
    try:
        config = run.config
    except AlignkitError:  # a plugin is not installed
        return []
    if not pictures:
        return changes_of_training(config, {**stored, "data": {}})
    with suppress(AlignkitError, OSError):  # where the data are not here, it says nothing of them
        config = replace(config, task=find_data(run))
    return changes_of_training(config, stored)


def content_now(run: Run, split: str) -> str:
    """Return the digest of the pictures of a run's split as they are now.

    Empty where the task gives none, and where the data are not here.
    """
    try:
        if not hasattr(run.config.task.make(), "content_digest"):
            return ""
        return content_of_task(find_data(run), split)
    except (AlignkitError, OSError):
        return ""


def change_of_representations(run: Run, split: str, index: Mapping[str, Any]) -> str:
    """Return why stored representations are not those of a run now; empty where they are."""
    if not run.are_current(index):
        return OTHER_WEIGHTS
    pictures = change_of_pictures(run, split, index.get("data", ""))
    return pictures or change_of_poolings(index.get("poolings", {}))


def change_of_scores(run: Run, split: str) -> str:
    """Return why the stored scores of a split are not those of a run now; empty where they are."""
    inputs = run.performance().get("inputs", {}).get(split, {})
    if inputs.get("model", "") not in ("", run.model_digest):
        return OTHER_WEIGHTS
    return change_of_pictures(run, split, inputs.get("data", ""))


def inputs_of_scores(run: Run, data: str) -> dict[str, str]:
    """Return what scores are made from, as ``performance.json`` holds it.

    Parameters
    ----------
    run : Run
    data : str
        The digest of the pictures; empty where the task gives none.
    """
    inputs = {"data": data, "model": run.model_digest}
    return {key: value for key, value in inputs.items() if value}


def check_weights(run: Run) -> None:
    """Refuse weights that were replaced after training; unchanged ones are not read for that.

    Raises
    ------
    DamagedError
        When they are not what training wrote.
    """
    if not run.model_file.is_file() or not run.is_trained:
        return
    written = run.train_manifest.stat().st_ctime_ns
    if run.model_file.stat().st_ctime_ns > written:  # also where a run was copied
        run.trained_file(run.model_file.name)


def change_of_pictures(run: Run, split: str, stored: str) -> str:
    """Return why what was made from pictures of a digest is not of those that are there now."""
    return change_of_content(stored, content_now(run, split) if stored else "")


def change_of_content(stored: str, now: str) -> str:
    """Return why two digests of pictures differ; empty where they do not, or one is not known."""
    return OTHER_PICTURES if stored and now and stored != now else ""


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names whose values are known of both and differ."""
    return [name for name, value in then.items() if now.get(name) and now[name] != value]


def names_of(config: RunConfig) -> list[tuple[str, str]]:
    """Return the kinds and names of the plugins that a training calls."""
    names = [("tasks", config.task.name), ("architectures", config.architecture.name)]
    names += [("objectives", each.name) for each in config.training.plugin_objectives]
    return names + [("losses", aux.name) for aux in config.training.weighted_aux]


def name_of_target(target: Target | None) -> list[tuple[str, str]]:
    """Return the kind and name of a target that a plugin registers; empty for any other."""
    entry = target_entry(target)
    return [("targets", entry.name)] if entry else []


def _code_of(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the keys of the code of a run's plugins, by ``architecture NAME`` and so on."""
    return {
        f"{singular(kind)} {name}": code_of(registry().get(kind, name))
        for kind, name in names
        if registry().claims(kind, name)  # what is not installed cannot be compared
    }


def _weights_of(run: str) -> str:
    """Return the checksum of the weights of a run; empty where it is not there or damaged."""
    try:
        return Run(Path(run)).model_digest
    except DamagedError:
        return ""
