"""The work of the analyses of a study: plain functions of plain values, for any engine.

Each gives the files that it wrote, and which of them a reader begins with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run, load_run

Written = dict[str, list[str]]


def correlate(
    runs: Sequence[str],
    output: str,
    layer: str,
    metrics: Sequence[str],
    outcome: str | None,
    split: str,
    pool: str,
    samples: int | None,
    unit: str,
    permutations: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> Written:
    """Write the table of runs, and what ``alignkit correlate`` finds in it."""
    from alignkit.analysis.correlate import correlate_runs
    from alignkit.analysis.runs_table import Join
    from alignkit.runs.files import write_csv

    join = Join(tuple(metrics), layer, outcome, split, pool, samples, seed)
    found, joined = correlate_runs(
        _opened(runs), join, reporter=reporter, unit=unit, permutations=permutations, seed=seed
    )
    written = []
    for name, rows in (("runs", joined), ("correlate", found.table)):
        file = Path(output) / f"{name}.{layer}.csv"
        write_csv(file, rows)
        written.append(str(file))
    return {"shown": written, "files": written}


def report(
    runs: Sequence[str],
    output: str,
    layer: str,
    metrics: Sequence[str],
    outcome: str | None,
    split: str,
    pool: str,
    samples: int | None,
    permutations: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> Written:
    """Write the page of ``alignkit report``."""
    from alignkit.analysis.correlate import correlate_runs
    from alignkit.analysis.runs_table import Join
    from alignkit.report import write_report

    opened = _opened(runs)
    join = Join(tuple(metrics), layer, outcome, split, pool, samples, seed)
    found, joined = correlate_runs(
        opened, join, reporter=reporter, permutations=permutations, seed=seed
    )
    page = write_report(
        opened, output, correlations=found, table=joined, metrics=metrics, split=split, pool=pool
    )
    return _below(output, page)


def hypotheses(
    runs: Sequence[str],
    output: str,
    questions: Sequence[str],
    layer: str,
    metrics: Sequence[str],
    outcome: str | None,
    raw_scores: bool,
    split: str,
    pool: str,
    samples: int | None,
    permutations: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> Written:
    """Write the answers of ``alignkit hypotheses``: paragraphs, tables and figures."""
    from alignkit.analysis.questions import Evidence, ask, write_tables
    from alignkit.report.questions import draw_answers
    from alignkit.runs.files import write_text

    evidence = Evidence(
        _opened(runs),
        metrics,
        layer,
        outcome,
        split,
        pool,
        samples,
        seed,
        permutations,
        not raw_scores,
        reporter,
    )
    answers = ask(questions, evidence)
    for note in evidence.notes:
        reporter.note(f"note: {note}")
    write_tables(answers, Path(output))
    draw_answers(answers, Path(output) / "figures")
    page = Path(output) / "answers.md"
    write_text(page, "\n".join(f"## {one.title}\n\n{one.paragraph}\n" for one in answers))
    return _below(output, page)


def agreement(
    runs: Sequence[str],
    output: str,
    metrics: Sequence[str],
    layers: str,
    alike: float,
    split: str,
    pool: str,
    samples: int | None,
    seed: int,
    reporter: Reporter = SILENT,
) -> Written:
    """Write what ``alignkit agreement`` finds: pairs of metrics, their groups, figures."""
    from alignkit.analysis.agreement import agree
    from alignkit.report.questions import draw_agreement
    from alignkit.runs.files import write_csv

    found = agree(
        _opened(runs),
        metrics,
        layers=layers,
        split=split,
        pool=pool,
        samples=samples,
        seed=seed,
        alike=alike,
        lenient=True,
        reporter=reporter,
    )
    for note in found.notes:
        reporter.note(f"note: {note}")
    pairs = Path(output) / "pairs.csv"
    write_csv(pairs, found.pairs)
    write_csv(Path(output) / "metrics.csv", found.metrics)
    draw_agreement(found, Path(output) / "figures")
    return _below(output, pairs)


def stability(
    runs: Sequence[str],
    output: str,
    metrics: Sequence[str],
    samples: Sequence[int],
    k: Sequence[int],
    splits: int,
    null: int,
    split: str,
    pool: str,
    seed: int,
    reporter: Reporter = SILENT,
) -> Written:
    """Write what ``alignkit stability`` finds, without its seconds: they are never the same."""
    from alignkit.analysis.stability import layers_of_run, plan, summarise
    from alignkit.analysis.stability import stability as measure_settings
    from alignkit.report.questions import draw_stability
    from alignkit.runs.files import write_csv

    models = [layers_of_run(run, split, pool, reporter) for run in _opened(runs)]
    wanted = plan(models, samples, k, splits, null, seed)
    table = measure_settings(models, metrics, wanted, lenient=True, reporter=reporter)
    table = table.drop(columns="seconds")
    summary = summarise(table)
    file = Path(output) / "summary.csv"
    write_csv(file, summary)
    write_csv(Path(output) / "models.csv", table)
    draw_stability(table, summary, Path(output) / "figures")
    return _below(output, file)


def _opened(runs: Sequence[str]) -> list[Run]:
    return [load_run(run) for run in runs]


def _below(output: str, shown: Path) -> Written:
    """A folder of an analysis's own: all that lies in it."""
    files = sorted(str(file) for file in Path(output).rglob("*") if file.is_file())
    return {"shown": [str(shown)], "files": [f for f in files if "/." not in f]}
