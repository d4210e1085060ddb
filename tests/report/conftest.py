"""Runs that nobody trained: directories in the real format, with numbers from a known rule."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from alignkit.chain.evaluate import evaluate
from alignkit.metrics import resolve
from alignkit.models.schedule import fusion_site, layer_site
from alignkit.plugins import registry
from alignkit.report.search import write_search_figures
from alignkit.runs import Run
from alignkit.statistics import correlate
from tiny import alignkit

DEPTH = 12
PLACEMENTS = {
    "none": ([], []),
    "early_early": ([0, 1, 2], [0, 1, 2]),
    "early": ([3, 4, 5], [3, 4, 5]),
    "asymmetric": ([6, 7, 8, 9], [3, 5, 7, 9]),
    "middle": ([6, 7, 8], [6, 7, 8]),
    "late": ([9, 10, 11], [9, 10, 11]),
    "optuna1": ([3, 6], [6, 8]),
    "optuna2": ([7, 9, 10, 11], [6, 7, 9, 10]),
    "hybrid1": ([3, 4, 10], [3, 4, 10]),
    "hybrid2": ([4, 10, 11], [4, 10, 11]),
    "full": (list(range(12)), list(range(12))),
    "after": ([11, 12], [11, 12]),
    "one": ([6], [6]),
    "first": ([0], [0]),
    "wide": ([0, 6, 11], [0, 6, 11]),
    "odd": ([1, 3, 5, 7, 9], [1, 3, 5, 7, 9]),
}


def some_placements(n=6):
    return dict(list(PLACEMENTS.items())[:n])


def write_study(
    root,
    tasks=("toy_match", "toy_unique"),
    placements=None,
    seeds=(0, 1, 2),
    metrics=("cka", "mknn"),
    depth=DEPTH,
    epochs=3,
):
    """Write measured runs; every run's alignment and score grow with its number of fusions."""
    runs = []
    for task in tasks:
        for number, (name, (text, vision)) in enumerate((placements or some_placements()).items()):
            for seed in seeds:
                rng = np.random.default_rng([len(task), number, seed])
                task_folder = root / f"{tasks.index(task)}-{_folder(task)}"
                folder = task_folder / f"{number:02d}-{_folder(name)}" / f"seed{seed}"
                runs.append(
                    _write_run(folder, task, name, text, vision, seed, metrics, depth, epochs, rng)
                )
    return runs


def _folder(name):
    return "".join(c if c.isalnum() or c == "_" else "-" for c in name)[:40]


def _write_run(folder, task, name, text, vision, seed, metrics, depth, epochs, rng):
    folder.mkdir(parents=True)
    unit = hashlib.sha256(f"{task} {name}".encode()).hexdigest()
    config = {
        "identity": unit[::-1],
        "unit": unit,
        "seed": seed,
        "task": {"name": task, "options": {}},
        "architecture": {"name": "vilbert", "options": {"depth": depth}},
        "placement": {"name": name, "text": list(text), "vision": list(vision)},
        "training": {"epochs": epochs, "learning_rate": 0.0005},
        "data": {"fingerprint": "0", "n": {"train": 2048, "validation": 256}},
        "versions": {"alignkit": "0.1.0", "python": "3.11.7"},
    }
    score = 0.6 + 0.07 * len(text) ** 0.5 + 0.02 * rng.normal()
    performance = {
        "primary": "accuracy",
        "epoch": epochs,
        "splits": {"test": {"accuracy": score, "loss": 1 - score, "n": 512}},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "performance.json").write_text(json.dumps(performance))
    (folder / "train.json").write_text("{}")
    _history(score, epochs, rng).to_csv(folder / "history.csv", index=False)
    _alignment(text, vision, metrics, depth, rng).to_csv(folder / "alignment.csv", index=False)
    return Run(folder)


def _history(score, epochs, rng):
    rows = []
    for epoch in range(epochs + 1):
        reached = 0.5 + (score - 0.5) * epoch / epochs
        if epoch:
            rows.append(
                {"epoch": epoch, "split": "train", "loss": 0.95 - reached, "learning_rate": 1e-4}
            )
        rows.append(
            {
                "epoch": epoch,
                "split": "validation",
                "accuracy": reached,
                "loss": 1 - reached + 0.01 * rng.normal(),
            }
        )
    return pd.DataFrame(rows)


def _version(metric):
    known = metric in registry().names("metrics")
    return resolve(metric).version if known else 1


def _alignment(text, vision, metrics, depth, rng):
    noise = dict(zip(metrics, 0.02 * rng.normal(size=len(metrics)), strict=True))
    rows = []
    for metric in metrics:
        name, _, parameters = metric.partition(":")
        chance = 0.04 if len(rows) == 0 else 0.02
        for x, before_x in _sites("text", text, depth):
            for y, before_y in _sites("vision", vision, depth):
                shared = min(before_x, before_y)
                value = min(
                    0.99,
                    0.08
                    + 0.75 * (1 - 0.6**shared)
                    + noise[metric]
                    - 0.01 * abs(before_x - before_y),
                )
                rows.append(
                    {
                        "split": "test",
                        "metric": name,
                        "parameters": parameters,
                        "pool": "cls",
                        "x": x,
                        "y": y,
                        "n": 512,
                        "value": value,
                        "reason": "",
                        "chance": chance,
                        "permutations": 0,
                        "null_mean": chance,
                        "p": None,
                        "calibrated": (value - chance) / (1 - chance),
                        "version": _version(metric),
                    }
                )
    return pd.DataFrame(rows)


def _sites(stream, fusions, depth):
    """Every site with the number of fusions that its state has been through."""
    layers = [(layer_site(stream, i), sum(k <= i for k in fusions)) for i in range(depth)]
    return layers + [(fusion_site(stream, j), j + 1) for j in range(len(fusions))]


def joined(runs, metrics=("cka", "mknn")):
    """The tidy table of runs: the value at the last layer, and the score."""
    rows = []
    for run in runs:
        table = run.alignment()
        row = {
            "task": run.task,
            "placement": run.placement,
            "seed": run.seed,
            "unit": run.unit,
            "accuracy": run.performance()["splits"]["test"]["accuracy"],
        }
        for metric in metrics:
            mine = table[table["metric"] == metric.partition(":")[0]]
            last = mine[(mine["x"] == mine["x"].max()) & (mine["y"] == mine["y"].max())]
            row[metric] = float(last["value"].iloc[0]) if len(last) else float("nan")
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Six placements, two tasks, three seeds, correlated: runs, table, correlations."""
    runs = write_study(tmp_path_factory.mktemp("study") / "runs")
    table = joined(runs)
    return runs, table, correlate(table, "accuracy", ["cka", "mknn"], permutations=99)


@pytest.fixture(scope="session", name="write_study")
def _write_study():
    return write_study


@pytest.fixture(scope="session", name="joined")
def _joined():
    return joined


# A parameter of a search may have any name.
EVIL_PARAMETER = "<img src=x onerror=document.title='run'>"


def write_search(folder):
    """A search of three trials, of which one repeats another and one failed."""
    trials = pd.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["COMPLETE", "COMPLETE", "COMPLETE", "FAIL"],
            "duplicate_of": [None, None, 1, None],
            EVIL_PARAMETER: [1, 2, 2, 3],
            "score": [0.5, 0.7, 0.7, None],
            "loss": [0.9, 0.95, 0.95, None],
        }
    )
    objectives = [
        {"name": "score", "direction": "maximize"},
        {"name": "loss", "direction": "minimize"},
    ]
    effects = [
        {"parameter": EVIL_PARAMETER, "objective": name, "spearman": rho, "importance": 1.0, "n": 2}
        | {"p": 0.5, "p_adjusted": 1.0, "reason": "", "evaluator": "fANOVA"}
        for name, rho in (("score", 1.0), ("loss", -1.0))
    ]
    study, front = "of <b>blocks</b>", [1, 0]
    write_search_figures(
        folder, trials, [EVIL_PARAMETER], objectives, effects, effects, front, 1e9, study
    )


@pytest.fixture(scope="module")
def stored(own_runs, tmp_path_factory):
    """Scored runs of one task, and a folder with everything that can be shown of them."""
    root, runs = own_runs
    runs = [run for run in runs if run.task == "toy_match"]
    for run in runs:
        evaluate(run)
    place = tmp_path_factory.mktemp("tables")
    words = ("--runs", root, "--task", "toy_match")
    cka = ("--metric", "cka")
    for name, metric in (("dimension", ()), ("trajectory", cka), ("probe", cka)):
        into = ("--output", f"results/{name}", "--figures", f"results/{name}/figures")
        alignkit(name, *words, *metric, "--permutations", "9", *into, cwd=place)
    samples = ("--samples", "24", "--samples", "48", "--k", "3", "--k", "5", "--null", "2")
    metrics = ("--metric", "cka", "--metric", "mknn:k=5")
    alignkit(
        *("stability", *words, *metrics, *samples, "--splits", "2"),
        *("--output", "results/stability/models.csv", "--figures", "results/stability/figures"),
        cwd=place,
    )
    write_search(place / "results" / "search")
    return runs, place / "results"
