"""Options that several commands share, and completion of registered names."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer


def complete(kind: str) -> Callable[[str], list[tuple[str, str]]]:
    """Return a completion of the registered names of a kind, each with its summary."""

    def names(incomplete: str) -> list[tuple[str, str]]:
        from alignkit.plugins import registry

        return [
            (entry.name, entry.summary)
            for entry in registry().entries(kind)
            if entry.name.startswith(incomplete)
        ]

    return names


def complete_kind(incomplete: str) -> list[str]:
    """Complete the name of a kind of plugin."""
    from alignkit.plugins import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def plural(kind: str) -> str:
    """Return the plural of a kind, by which the registry knows it; other names unchanged."""
    from alignkit.plugins import KINDS

    if kind == "loss":
        return "losses"
    return f"{kind}s" if f"{kind}s" in KINDS else kind


def _known_table_format(context: typer.Context, name: str) -> str:
    """Refuse an unknown format of tables before anything is computed."""
    from alignkit.report.paper_tables import check_table_format

    if name and not context.resilient_parsing:
        check_table_format(name)
        _refuse_both(context.params.get("json"))
    return name


def _json_alone(context: typer.Context, json: bool) -> bool:
    """Refuse JSON in another format."""
    _refuse_both(json and context.params.get("format"))
    return json


def _refuse_both(both: object) -> None:
    if both:
        raise typer.BadParameter("--json is a format of its own; leave out one of the two")


# Panels of the help, the same in every command that has many options.
MODEL = "Model"
DATA = "Data"
RUNS = "Runs"
REPRESENTATIONS = "Representations"
ALIGNMENT = "Alignment"
STATISTICS = "Statistics"
EXECUTION = "Execution"
OUTPUT = "Output"

Option = typer.Option
RunPaths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="RUN",
        help="Run directories, or folders of them. Without any, all runs under --runs.",
    ),
]
RunsFolder = Annotated[
    Path,
    Option("--runs", metavar="FOLDER", help="Folder that holds the runs.", rich_help_panel=RUNS),
]
Tasks = Annotated[
    list[str] | None,
    Option(
        "--task",
        "-t",
        metavar="TASK",
        help="Use only runs of this task; with options (NAME:FOLDER, NAME:KEY=VALUE), use its data "
        "with them from now on; repeatable.",
        autocompletion=complete("tasks"),
        rich_help_panel=RUNS,
    ),
]
Placements = Annotated[
    list[str] | None,
    Option(
        "--placement",
        "-p",
        metavar="PLACEMENT",
        help="Use only runs with this placement; repeatable.",
        autocompletion=complete("placements"),
        rich_help_panel=RUNS,
    ),
]
Where = Annotated[
    list[str] | None,
    Option(
        "--where",
        metavar="OPTION=VALUE",
        help="Use only runs with this value of an option, such as learning_rate=3e-4; repeatable.",
        rich_help_panel=RUNS,
    ),
]
Unit = Annotated[
    str,
    Option(
        "--unit",
        metavar="UNIT",
        help="Unit of analysis: placement (means over seeds), variant (a placement with certain "
        "options), an option such as learning_rate, or run (exploratory only).",
        rich_help_panel=STATISTICS,
    ),
]
Control = Annotated[
    list[str] | None,
    Option(
        "--control",
        metavar="COLUMN|OPTION",
        help="Variable that may explain both alignment and performance: a column of the table, an "
        "option of the runs such as epochs, or depth or fusions of the placement; repeatable.",
        rich_help_panel=STATISTICS,
    ),
]
MARGIN = 0.3  # that of alignkit.statistics.equivalence, whose import would slow down --help
Margin = Annotated[
    float,
    Option(
        "--margin",
        metavar="R",
        help="Absolute value of r below which an association counts as absent.",
        rich_help_panel=STATISTICS,
    ),
]


def _metrics(default: str) -> Any:
    """Return the option for metrics, with what its command uses if none is given."""
    return Option(
        "--metric",
        "-m",
        metavar="METRIC",
        help="Metric, as NAME or NAME:KEY=VALUE,...; repeatable.",
        show_default=default,
        autocompletion=complete("metrics"),
        rich_help_panel=ALIGNMENT,
    )


Metrics = Annotated[list[str] | None, _metrics("the embedded metric")]
FamilyMetrics = Annotated[list[str] | None, _metrics("the primary family")]
AllMetrics = Annotated[list[str] | None, _metrics("all registered metrics")]
Architecture = Annotated[
    str | None,
    Option(
        "--architecture",
        "-a",
        metavar="ARCHITECTURE",
        help="Architecture, as NAME or NAME:KEY=VALUE,...",
        show_default="the embedded architecture",
        autocompletion=complete("architectures"),
        rich_help_panel=MODEL,
    ),
]
Data = Annotated[
    str | None,
    Option(
        "--data",
        metavar="FOLDER",
        help="Folder with the task's data.",
        show_default="$ALIGNKIT_DATA/TASK",
        rich_help_panel=DATA,
    ),
]
MovedData = Annotated[
    str | None,
    Option(
        "--data",
        metavar="FOLDER",
        help="Folder in which the task's data are now, if they have moved since training.",
        show_default="as in training",
        rich_help_panel=DATA,
    ),
]
TextModel = Annotated[
    str | None,
    Option(
        "--text-model",
        metavar="MODEL",
        help="Pretrained text encoder (BERT-like), by name or folder.",
        rich_help_panel=MODEL,
    ),
]
VisionModel = Annotated[
    str | None,
    Option(
        "--vision-model",
        metavar="MODEL",
        help="Pretrained vision encoder (ViT), by name or folder.",
        rich_help_panel=MODEL,
    ),
]
FromScratch = Annotated[
    bool,
    Option(
        "--from-scratch",
        help="Initialise the text and vision models randomly instead of loading their weights.",
        rich_help_panel=MODEL,
    ),
]
SplitName = Annotated[
    str,
    Option(
        "--split",
        metavar="SPLIT",
        help="Data split: train, validation or test.",
        rich_help_panel=REPRESENTATIONS,
    ),
]
Pool = Annotated[
    str,
    Option(
        "--pool",
        metavar="POOLING",
        help="Pooling over tokens: cls, mean, max or one of a plugin (alignkit list poolings).",
        rich_help_panel=REPRESENTATIONS,
    ),
]
Pools = Annotated[
    list[str] | None,
    Option(
        "--pool",
        metavar="POOLING",
        help="Pooling over tokens: cls, mean, max or one of a plugin; of encoders also last, gap "
        "or own; of arrays (n, tokens, width) cls, mean, last or max, of feature maps (n, "
        "channels, height, width) gap; given twice where the two sides differ.",
        show_default="cls; of encoders the first that each site has; none of arrays",
        rich_help_panel=REPRESENTATIONS,
    ),
]
Samples = Annotated[
    int | None,
    Option(
        "--samples",
        metavar="N",
        help="Number of samples to measure on, drawn at random.",
        show_default="all",
        rich_help_panel=REPRESENTATIONS,
    ),
]
Within = Annotated[
    str | None,
    Option(
        "--within",
        metavar="COLUMN",
        help="Measure within classes, so that alignment cannot come from a shared class alone: a "
        "fact of the samples such as label, or FILE.csv/COLUMN, or a .npy file. COLUMN:residuals "
        "removes labels by regression instead, where most sets of labels occur once.",
        rich_help_panel=ALIGNMENT,
    ),
]
Groups = Annotated[
    str | None,
    Option(
        "--groups",
        metavar="COLUMN",
        help="Samples that belong together, such as the captions of one picture (image, text, "
        "FILE.csv/COLUMN or a .npy file): never neighbours, permuted and resampled as a whole.",
        rich_help_panel=ALIGNMENT,
    ),
]
Ids = Annotated[
    list[str] | None,
    Option(
        "--id",
        metavar="COLUMN",
        help="Column of tables that holds the ids by which rows are matched; give it twice where "
        "the two sides have different names for it.",
        show_default="found by name: id, *_id, index, ...",
        rich_help_panel=REPRESENTATIONS,
    ),
]
Axis = Annotated[
    list[str] | None,
    Option(
        "--axis",
        metavar="AXIS",
        help="What arrays of three dimensions hold: layers for (layers, n, width), layers=1 for "
        "(n, layers, width), tokens for (n, tokens, width), which --pool alone says too; give it "
        "twice where the two sides differ.",
        rich_help_panel=REPRESENTATIONS,
    ),
]
Precision = Annotated[
    str,
    Option(
        "--dtype",
        metavar="TYPE",
        help="Precision of large matrix products: float32, float64 or auto, which is that of the "
        "representations, and float64 where they differ.",
        rich_help_panel=EXECUTION,
    ),
]
Memory = Annotated[
    str | None,
    Option(
        "--memory",
        metavar="SIZE",
        help="Memory limit for cached intermediate results and blocks, such as 2GB or 500MB.",
        show_default="half of the free memory",
        rich_help_panel=EXECUTION,
    ),
]
Outcome = Annotated[
    str | None,
    Option(
        "--outcome",
        metavar="SCORE",
        help="Performance measure: a score or a loss.",
        show_default="the primary score of each task",
        rich_help_panel=STATISTICS,
    ),
]
Permutations = Annotated[
    int,
    Option(
        "--permutations",
        metavar="N",
        help="Number of random permutations where there are too many to enumerate.",
        rich_help_panel=STATISTICS,
    ),
]
Seed = Annotated[int, Option("--seed", metavar="N", help="Random seed.", rich_help_panel=EXECUTION)]
Device = Annotated[
    str,
    Option(
        "--device",
        metavar="DEVICE",
        help="Device to run on: cpu, cuda, cuda:1, mps or auto.",
        rich_help_panel=EXECUTION,
    ),
]
Force = Annotated[
    bool, Option("--force", help="Recompute results that already exist.", rich_help_panel=EXECUTION)
]
Explain = Annotated[
    bool,
    Option(
        "--explain",
        help="Say for every unit of work why it is done, or not done again.",
        rich_help_panel=EXECUTION,
    ),
]
Json = Annotated[
    bool, Option("--json", help="Print JSON.", callback=_json_alone, rich_help_panel=OUTPUT)
]
TableFormat = Annotated[
    str,
    Option(
        "--format",
        metavar="FORMAT",
        help="Print tables for a paper: latex (with booktabs) or markdown; or csv, which has "
        "every column and digit.",
        show_default="text",
        callback=_known_table_format,
        rich_help_panel=OUTPUT,
    ),
]
TablesFolder = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Also write the tables to this folder as CSV files.",
        rich_help_panel=OUTPUT,
    ),
]
TableFile = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Also write the table to this CSV file.",
        rich_help_panel=OUTPUT,
    ),
]
Figures = Annotated[
    Path | None,
    Option(
        "--figures",
        metavar="FOLDER",
        help="Also draw figures in this folder: PNG, SVG, and the data of each as CSV.",
        rich_help_panel=OUTPUT,
    ),
]
