"""Read the sides of a comparison: encoders, runs, files and folders of arrays, and arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from glob import glob
from pathlib import Path
from typing import Any

from alignkit.analysis.comparison.data import ALL, choose_data, splits_of
from alignkit.analysis.comparison.in_memory import KINDS, listed, representations
from alignkit.analysis.comparison.labels import unique_labels
from alignkit.analysis.comparison.models import (
    Model,
    model_of_arrays,
    model_of_encoder,
    model_of_run,
)
from alignkit.contracts.pooling import require_pooling
from alignkit.errors import AlignkitError, UsageError
from alignkit.metrics.arrays import for_sides, holds_table, read_layers, represented
from alignkit.metrics.files.axes import POOLS as ARRAY_POOLS
from alignkit.metrics.files.axes import Axes, axes_of, check_used
from alignkit.models.encoders import select_sites
from alignkit.models.schedule import input_site, stream_of
from alignkit.plugins import registry
from alignkit.plugins.options import options_of
from alignkit.progress import SILENT, Reporter, left_out_line
from alignkit.runs import Run, load_run
from alignkit.runs.config import Choice, choose
from alignkit.runs.encoders import DEFAULT_ENCODERS, FILE, EncoderStore
from alignkit.runs.run import folders_of_runs
from alignkit.tasks import SPLITS

STREAMS = ("text", "vision")
# The option of an encoder that gives it random weights, and what it is set to.
RANDOM = "from_scratch"


@dataclass(frozen=True)
class SideOptions:
    """What the sides of a comparison are read with.

    Attributes
    ----------
    data : str
        A task, or a table or folder of one's own data: what encoders see. Empty for the data of
        the run on the other side.
    splits : sequence of str
        ``train``, ``validation``, ``test``, or ``all``; those of the data where empty.
    pool, axis : sequence of str
        Pooling over tokens, and what arrays of three dimensions hold: none, one for both sides,
        or one for each. Without a pooling, that of each layer is its default.
    encoders : Path
        The folder in which encoders are stored.
    batch_size : int, optional
        As for ``EncodeOptions``.
    device : str
    ids : sequence of str
        The column of ids of tables: none where it is found by its name, one for both sides, or
        one for each.
    """

    data: str = ""
    splits: Sequence[str] = ()
    pool: Sequence[str] = ()
    axis: Sequence[str] = ()
    encoders: Path = DEFAULT_ENCODERS
    batch_size: int | None = None
    device: str = "auto"
    ids: Sequence[str] = ()

    def of_side(self, side: int) -> _OfSide:
        """Return what is given for one of the two sides.

        Raises
        ------
        UsageError
            When something is given more than twice.
        """
        given = {"pool": self.pool, "axis": self.axis, "id": self.ids}
        values = {name: for_sides(name, each)[side] for name, each in given.items()}
        return _OfSide(values["pool"] or "", values["axis"], values["id"])


@dataclass(frozen=True)
class _OfSide:
    pool: str
    axis: str | None
    id: str | None


@dataclass(frozen=True)
class Sides:
    """The models of both sides.

    Attributes
    ----------
    a, b : list of Model
        With labels that are unique. The second is empty where there is only one side.
    failed : dict of str to Exception
        The models that could not be read, as they were given, and why.
    """

    a: list[Model]
    b: list[Model]
    failed: dict[str, Exception]


def read_sides(
    a: Any, b: Any = None, options: SideOptions | None = None, reporter: Reporter = SILENT
) -> Sides:
    """Read both sides of a comparison; encoders are stored first where they are not yet.

    Of several models, those that cannot be read are left out and named, as long as there are two
    to compare.

    Parameters
    ----------
    a, b : object
        An encoder such as ``hf:FOLDER``, a path of a run, a file or folder of arrays, an array
        (n, width), or a list or dict of arrays, one per layer. Several models are a list or dict
        of these. What is on both sides is read once.
    options : SideOptions, optional
    reporter : Reporter

    Returns
    -------
    Sides

    Raises
    ------
    UsageError
        For what is none of these.
    AlignkitError, OSError
        For what cannot be read, where fewer than two models could be.
    """
    reader = _Reader(options or SideOptions(), reporter)
    given = [_each(listed(side, name)) for side, name in ((a, "a"), (b, "b"))]
    reader.look_at([item for side in given for _, item, _ in side])
    left, right = (
        [model for each in side for model in reader.attempted(*each, at)]
        for at, side in enumerate(given)
    )
    reader.check_enough(left, right, there_is_b=bool(given[1]))
    reader.check_used()
    names = unique_labels([*left, *right])
    return Sides([names[id(m)] for m in left], [names[id(m)] for m in right], reader.failed)


def models_of_runs(
    runs: Sequence[Run], splits: Sequence[str], pool: str, reporter: Reporter = SILENT
) -> list[Model]:
    """Read each stream of runs as a model, extracted where it is not stored."""
    return read_models(list(runs), SideOptions(splits=splits, pool=[pool]), reporter)


def read_models(
    models: Any, options: SideOptions | None = None, reporter: Reporter = SILENT
) -> list[Model]:
    """Read models that are not compared with others, as ``read_sides`` does.

    Those that cannot be read are left out and named, as long as there is one that can.
    """
    reader = _Reader(options or SideOptions(), reporter)
    given = _each(listed(models, "model"))
    reader.look_at([item for _, item, _ in given])
    read = [model for each in given for model in reader.attempted(*each, 0)]
    reader.check_enough(read, [], there_is_b=False, least=1)
    reader.check_used()
    return list(unique_labels(read).values())


def random_model(model: Model, options: SideOptions, reporter: Reporter = SILENT) -> Model | None:
    """Return an encoder with random weights in place of its own; None where it has no such form."""
    if model.choice is None or model.is_random:
        return None
    if RANDOM not in options_of(registry().get("encoders", model.choice.name).load()):
        return None
    # Weights that were trained are not looked at.
    kept = {key: value for key, value in model.choice.changed.items() if key != "checkpoint"}
    choice = choose("encoders", model.choice.name, {**kept, RANDOM: True})
    made = _Reader(options, reporter, model.task).encoded(choice, model.source, model.asked_pool)
    return replace(made, label=f"{model.label} (random weights)", is_random=True)


@dataclass
class _Reader:
    """Reads sides one after the other; what it has read once is not read again."""

    options: SideOptions
    reporter: Reporter
    task: Choice | None = None
    known: dict[tuple[str, str, _OfSide], list[Model]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    axes: dict[str, Axes] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)

    def look_at(self, items: Iterable[Any]) -> None:
        """Refuse what is no model before any is read, and find the runs.

        Encoders see the data of a run where none are named.
        """
        for item in items:
            if isinstance(item, (str, Path)) and _is_encoder(str(item)):
                choose("encoders", str(item))
                continue
            place = _place(item)
            if place is not None and (place[0] / "config.json").is_file():
                self.runs.append(load_run(place[0]))
            elif place is None and isinstance(item, (str, Path)):
                raise UsageError(f"'{item}' is neither {KINDS}")

    def attempted(self, name: str, item: Any, is_named: bool, side: int) -> list[Model]:
        """Return what ``models`` does; nothing of a model that cannot be read, which is kept."""
        place = item.path if isinstance(item, Run) else item
        given = str(place) if isinstance(place, (str, Path)) else name
        if given in self.failed:
            return []
        try:
            return self.models(name, item, is_named, side)
        except UsageError:
            raise
        except (AlignkitError, OSError) as error:
            self.failed[given] = error
            return []

    def check_enough(
        self, a: Sequence[Model], b: Sequence[Model], there_is_b: bool, least: int = 2
    ) -> None:
        """Name the models that could not be read; refuse to go on where too few are left.

        Parameters
        ----------
        a, b : sequence of Model
        there_is_b : bool
            Whether there are two sides, which need one model each.
        least : int
            How many models are needed where there is one side.

        Raises
        ------
        AlignkitError, OSError
            Why the first could not be read.
        """
        if not self.failed:
            return
        if not (a and b if there_is_b else len(a) >= least):
            raise next(iter(self.failed.values()))
        for name, error in self.failed.items():
            self.reporter.complain(left_out_line(name, error))

    def models(self, name: str, item: Any, is_named: bool, side: int) -> list[Model]:
        """Return the model, or of a run the two, that is given under a name."""
        if isinstance(item, Model):
            return [item]
        if isinstance(item, (Run, EncoderStore)):
            item = str(item.path)
        if not isinstance(item, (str, Path)):
            return [model_of_arrays(name, representations(item, name))]
        given = self.options.of_side(side)
        key = (name if is_named else "", str(item), given)
        if key not in self.known:
            read = self._read(str(item), given)
            if is_named:
                several = len(read) > 1
                read = [replace(m, label=f"{name} {m.stream}" if several else name) for m in read]
            self.known[key] = read
        return self.known[key]

    def check_used(self) -> None:
        """Refuse an axis or a pooling that nothing needed."""
        if self.axes and all(m.kind == "arrays" for models in self.known.values() for m in models):
            for _, _, given in self.known:
                axes_of(given.axis, given.pool)  # refuses poolings that arrays do not have
            check_used(self.axes)

    def _read(self, spec: str, given: _OfSide) -> list[Model]:
        if _is_encoder(spec):
            if Path(spec).exists():
                self.reporter.note(f"note: {spec} is the encoder; the folder is ./{spec}")
            return [self.encoded(choose("encoders", spec), spec, given.pool)]
        place = _place(spec)
        assert place is not None
        path, stream = place
        if (path / "config.json").is_file():
            return self._streams(load_run(path), stream, given.pool or "cls")
        if (path / FILE).is_file():
            return [self._stored(EncoderStore(path), given.pool)]
        runs = folders_of_runs(path)
        if runs:
            raise UsageError(f"{path} holds {len(runs)} run(s); name one, such as {runs[0]}")
        return [self._arrays(path, given)]

    def _arrays(self, path: Path, given: _OfSide) -> Model:
        axes = axes_of(given.axis, given.pool if given.pool in ARRAY_POOLS else None)
        column = given.id if path.exists() and holds_table(path) else None
        layers = represented(read_layers(path, axes, column, self.reporter))
        self.axes[str(path)] = axes
        label = path.stem if path.is_file() else path.resolve().name
        return model_of_arrays(label, layers, str(path), axes.pool if "pool" in axes.used else "")

    def encoded(self, choice: Choice, source: str, pool: str) -> Model:
        """Return an encoder on the data, stored first where it is not yet."""
        from alignkit.chain.encode import EncodeOptions, encode

        task, options = self._data(), self.options
        how = EncodeOptions(
            pools=[pool] if pool else [], batch_size=options.batch_size, device=options.device
        )
        stores = [
            (encode(choice, task, options.encoders, split, how, self.reporter), split)
            for split in splits_of(task, options.data, options.splits, self.reporter)
        ]
        sites = [site.name for site in select_sites(stores[0][0].described_sites())]
        model = model_of_encoder(stores, sites, pool, source)
        is_random = bool(choice.options.get(RANDOM))
        return replace(model, choice=choice, task=task, is_random=is_random)

    def _data(self) -> Choice:
        """Return the task whose data encoders see, found once."""
        if self.task is None and self.options.data:
            self.task = choose_data(self.options.data)
        elif self.task is None:
            if not self.runs:
                raise UsageError("encoders need `data`, whose texts or images they see")
            run = self.runs[0]
            self.reporter.note(f"encoders see the data of {run.path}, as no `data` are given")
            self.task = run.config.task
        return self.task

    def _stored(self, store: EncoderStore, pool: str) -> Model:
        asked = self.options.splits or ("test",)
        splits = SPLITS if ALL in asked else asked
        kept = [split for split in splits if store.representation_index(split) is not None]
        if not kept or (len(kept) < len(splits) and ALL not in asked):
            missing = next(split for split in splits if split not in kept)
            raise UsageError(
                f"{store.path} is not stored on {missing}; store it with: "
                f"{store.extract_command(missing, pool or 'mean')}"
            )
        stores = [(store, split) for split in kept]
        return model_of_encoder(stores, store.sites(kept[0]), pool, str(store.path))

    def _streams(self, run: Run, stream: str, pool: str) -> list[Model]:
        from alignkit.alignment.layers import extracted

        require_pooling(pool, str(run.path))
        splits = splits_of(run.config.task, "", self.options.splits, self.reporter)
        indices = [extracted(run, split, pool, self.reporter) for split in splits]
        sites = indices[0]["sites"]
        return [
            model_of_run(
                run,
                splits,
                name,
                [s for s in sites if stream_of(s) == name and s != input_site(name)],
                pool,
            )
            for name in ([stream] if stream else STREAMS)
        ]


def _each(items: Iterable[tuple[str, Any, bool]]) -> list[tuple[str, Any, bool]]:
    """Put the encoders that a pattern of folders means in its place."""
    return [
        (name, each, is_named)
        for name, item, is_named in items
        for each in (
            _matching(str(item))
            if isinstance(item, (str, Path)) and _is_encoder(str(item))
            else [item]
        )
    ]


def _is_encoder(spec: str) -> bool:
    return spec.partition(":")[0].strip() in registry().names("encoders")


def _matching(spec: str) -> list[str]:
    """Return the encoders that a spec with a pattern of folders means, such as ``hf:models/*``."""
    name, _, rest = spec.partition(":")
    folder, comma, options = rest.partition(",")
    if not any(mark in folder for mark in "*?["):
        return [spec]
    folders = sorted(glob(folder))  # noqa: PTH207 - a pattern may be absolute
    if not folders:
        raise UsageError(f"'{spec}': no folder matches {folder}")
    return [f"{name}:{path}{comma}{options}" for path in folders]


def _place(item: Any) -> tuple[Path, str] | None:
    """Return an existing path, and the stream where one follows it; None where there is none."""
    if isinstance(item, (Run, EncoderStore)):
        return item.path, ""
    if not isinstance(item, (str, Path)):
        return None
    path = Path(item)
    if path.exists():
        return path, ""
    before, colon, stream = str(item).rpartition(":")
    if colon and stream in STREAMS and (Path(before) / "config.json").is_file():
        return Path(before), stream
    looks_like_one = path.suffix or len(path.parts) > 1
    return (path, "") if looks_like_one and not re.match(r"[a-z0-9_]+:", str(item)) else None
