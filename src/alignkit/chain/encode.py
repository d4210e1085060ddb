"""Store the representations of an encoder: once per encoder and data, shard by shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignkit.chain.shards import Shard, Shards, ShardWriter, commit_shard, remove_spent, shard_file
from alignkit.contracts.encoder import check_pooled
from alignkit.contracts.guard import whose
from alignkit.contracts.pooling import change_of_poolings, code_of_poolings, pooled
from alignkit.data.facts import PICTURE, facts_of, picture_fact
from alignkit.errors import OutOfMemoryError, UsageError, is_out_of_memory
from alignkit.models.encoders import POOLINGS, Encoder, EncoderSite, SiteState, select_sites
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.options import format_spec
from alignkit.plugins.versions import versions
from alignkit.progress import SILENT, Progress, Reporter
from alignkit.runs.config import Choice, alias_of, content_of_task
from alignkit.runs.encoders import FILE, EncoderRecord, EncoderStore
from alignkit.runs.files import discard, locked, read_json, whole_folder, write_json
from alignkit.runs.inputs import change_of_content
from alignkit.runs.manifests import write_checked
from alignkit.runs.reasons import FORCED, NOTHING_STORED
from alignkit.tasks import Split, Task
from alignkit.training.device import choose_device

BATCH = 64
# Larger ones are no faster on a processor: their states fit into no cache.
CPU_BATCH = 16
PICTURES = "pictures.json"


@dataclass(frozen=True)
class EncodeOptions:
    """What is extracted from an encoder, and how.

    Attributes
    ----------
    sites : sequence of str
        Names or globs; the default sites of the encoder when empty.
    pools : sequence of str
        Poolings; the default of each site when empty.
    batch_size : int, optional
        Samples per forward pass, halved where memory runs out; by default 64, and 16 on a CPU.
    shard_size : int, optional
        Samples per shard, rounded up to whole batches.
    device : str
    force : bool
        Extract again what is stored.
    """

    sites: Sequence[str] = ()
    pools: Sequence[str] = ()
    batch_size: int | None = None
    shard_size: int | None = None
    device: str = "auto"
    force: bool = False


def encode(
    encoder: Choice,
    task: Choice,
    root: Path,
    split: str = "test",
    options: EncodeOptions | None = None,
    reporter: Reporter = SILENT,
) -> EncoderStore:
    """Store the representations of an encoder on a split, unless they are stored already.

    Sites and poolings that are stored stay; what is missing is added. An extraction that was
    interrupted resumes at the shard it had reached.

    Parameters
    ----------
    encoder, task : Choice
        From ``choose``.
    root : Path
        The folder of encoders.
    split : str
    options : EncodeOptions, optional
    reporter : Reporter

    Returns
    -------
    EncoderStore

    Raises
    ------
    UsageError
        For a site or pooling that the encoder does not have.
    DataError
        If the split is empty, or the model cannot be read.
    OutOfMemoryError
        If not even one sample fits.
    """
    options = options or EncodeOptions()
    if options.batch_size is not None and options.batch_size < 1:
        raise UsageError(f"`batch_size` is {options.batch_size}; it must be at least 1")
    made: Encoder = encoder.make()
    record = record_of(encoder, made, task)
    store = EncoderStore(root / record.folder)
    sites = store.described_sites() or made.sites()
    wanted = wanted_arrays(sites, options)
    content = content_of_task(task, split) if made.stream == "vision" else ""
    with locked(store.path):
        remove_spent(store, split)
        for pool in options.pools:
            chosen = select_sites(sites, options.sites)
            lacking = [site.name for site in chosen if not _offers(site, pool)]
            if lacking:
                reporter.note(
                    f"note: {record.label}: {len(lacking)} site(s) have no pooling '{pool}' and "
                    f"are left out of it: {', '.join(lacking)}"
                )
        stored = _stored(store, split) if not options.force else {}
        arrays = _merged(sites, stored, wanted)
        index = (store.representation_index(split) or {}) if stored else {}
        change = change_of_content(index.get("data", ""), content)
        change = change or change_of_poolings(index.get("poolings", {}))
        why = change or _reason(stored, arrays, options.force)
        still = "the stored representations are of the pictures that are there now"
        kept = still if content else "the representations are stored"
        reporter.explain(f"extract {store.path} on {split}", bool(why), why or kept)
        if change:
            reporter.note(
                f"{store.path}: the representations on {split} are stored, but {change}; "
                "they are extracted again"
            )
        if arrays != stored or change:
            _store(store, record, sites)
            _Encoding(made, task, store, split, arrays, options, reporter, content).encode_all()
            for line in made.notes():
                reporter.note(f"note: {record.label}: {line}")
    return store


def record_of(encoder: Choice, made: Encoder, task: Choice) -> EncoderRecord:
    """Return what identifies the representations of an encoder on the data of a task."""
    data: Task = task.make()
    return EncoderRecord(
        label=made.label,
        stream=made.stream,
        identity=dict(made.identity()),
        task=alias_of(data) or task.name,
        fingerprint=str(data.fingerprint()),
        spec=format_spec(encoder.name, encoder.changed),
        versions=versions(),
    )


def wanted_arrays(sites: Sequence[EncoderSite], options: EncodeOptions) -> dict[str, list[str]]:
    """Return the poolings to extract by site.

    With poolings given, a site that lacks one goes without it if another chosen site has it.

    Raises
    ------
    UsageError
        For a site or pooling that the encoder does not have.
    """
    selected = select_sites(sites, options.sites)
    if not options.pools:
        return {site.name: [site.pool(None)] for site in selected}
    arrays: dict[str, list[str]] = {}
    for pool in options.pools:
        having = [site for site in selected if _offers(site, pool)]
        if not having:
            selected[0].pool(pool)  # raises, with the reason
        for site in having:
            arrays.setdefault(site.name, []).append(pool)
    return {site.name: arrays[site.name] for site in selected if site.name in arrays}


def _offers(site: EncoderSite, pool: str) -> bool:
    """Return whether a site offers a pooling: its own, or where it has tokens a registered one."""
    registered = pool not in POOLINGS and pool in registry().names("poolings")
    return pool in site.pools or (registered and len(site.shape) > 1)


def _reason(stored: dict[str, list[str]], arrays: dict[str, list[str]], force: bool) -> str:
    """Return why an encoder is to be extracted; empty where all is stored."""
    if force:
        return FORCED
    if not stored:
        return NOTHING_STORED
    return "" if arrays == stored else "some sites or poolings are not stored"


def _stored(store: EncoderStore, split: str) -> dict[str, list[str]]:
    return {site: store.pools(site, split) for site in store.sites(split)}


def _merged(
    sites: Sequence[EncoderSite], stored: dict[str, list[str]], wanted: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Return the poolings of both by site, in the order of the forward pass."""
    merged: dict[str, list[str]] = {}
    for site in sites:
        pools = dict.fromkeys([*stored.get(site.name, ()), *wanted.get(site.name, ())])
        if pools:
            own = [pool for pool in site.pools if pool in pools]
            merged[site.name] = own + sorted(pools.keys() - set(own))
    return merged


def _store(store: EncoderStore, record: EncoderRecord, sites: Sequence[EncoderSite]) -> None:
    file = store.path / FILE
    if not file.is_file():
        described = [asdict(site) for site in sites]
        write_checked(file, {**vars(record), "key": record.key, "sites": described})


class _Encoding:
    """The encoder, data and shards of one extraction."""

    def __init__(
        self,
        encoder: Encoder,
        task: Choice,
        store: EncoderStore,
        split: str,
        arrays: dict[str, list[str]],
        options: EncodeOptions,
        reporter: Reporter,
        content: str,
    ) -> None:
        self.content: dict[str, Any] = {"data": content} if content else {}
        if code := code_of_poolings(chain(*arrays.values())):
            self.content["poolings"] = code
        self.encoder, self.store, self.split, self.arrays = encoder, store, split, arrays
        self.options, self.reporter = options, reporter
        self.task: Task = task.make()
        self.data: Split = self.task.split(split)
        self.device = choose_device(options.device)
        default = CPU_BATCH if self.device.type == "cpu" else BATCH
        self.batch = options.batch_size or default
        self.fitting = self.batch  # the largest part of a batch that fits into memory
        self.call, self.is_checked = PluginCall(whose(encoder), "the states of a batch"), False
        self.seen: dict[int, str] = {}  # what tells the pictures of a shard apart, by row
        self.shards = Shards(
            store,
            split,
            {"arrays": arrays, **self.content},
            len(self.data),
            options.shard_size,
            options.force,
            self.batch,
        )

    def encode_all(self) -> None:
        """Extract the missing shards, then join all shards into one array per site."""
        if self.options.force and self.store.alignment_folder(self.split).exists():
            discard(self.store.alignment_folder(self.split))
        if missing := self.shards.missing():
            self.shards.require_space(self._widths(), missing)
            self.encoder.load(self.device)
        self.shards.complete(self._encode_shard, f"extract {self.store.label}", self.reporter)
        index: dict[str, Any] = {
            "sites": list(self.arrays),
            "pools": sorted(set(chain(*self.arrays.values()))),
            "arrays": self.arrays,
            **self.content,
        }
        facts = facts_of(self.task, self.data)
        facts |= {name: fact for name, fact in self._picture_facts().items() if name not in facts}
        self.shards.join(index, list(self.data.ids), facts)
        self.reporter.note(
            f"{self.store.path}: {len(self.arrays)} sites x {len(self.data)} samples"
        )

    def _widths(self) -> dict[str, int]:
        """Return the columns of every array whose site has a known width."""
        sites = {site.name: site.width or 0 for site in self.store.described_sites()}
        return {f"{s}.{pool}": sites[s] for s, pools in self.arrays.items() for pool in pools}

    def _encode_shard(self, shard: Shard, bar: Progress) -> None:
        start, stop = shard
        with whole_folder(self.shards.folder(shard)) as folder, torch.inference_mode():
            writer = ShardWriter(folder, stop - start)
            for first in range(start, stop, self.batch):
                rows = range(first, min(first + self.batch, stop))
                self._encode_batch(rows, start, writer)
                bar.advance(len(rows))
            if self.seen:
                write_json(folder / PICTURES, [self.seen.pop(row) for row in range(start, stop)])
            commit_shard(folder)

    def _picture_facts(self) -> dict[str, list[str]]:
        """Return which pictures are the same, where all shards say so; none for texts."""
        folders = [self.shards.folder(shard) for shard in self.shards.ranges]
        if not all((folder / PICTURES).is_file() for folder in folders):
            return {}
        files = [shard_file(folder, PICTURES) for folder in folders]
        return {PICTURE: [picture for file in files for picture in read_json(file)]}

    def _encode_batch(self, rows: range, start: int, writer: ShardWriter) -> None:
        """Encode some rows; where memory runs out, halve the batch and go on."""
        done = rows.start
        while done < rows.stop:
            part = range(done, min(done + self.fitting, rows.stop))
            try:
                self._encode_rows(part, start, writer)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(len(part))
            else:
                done = part.stop

    def _halve(self, n: int) -> None:
        if n == 1:
            raise OutOfMemoryError(
                f"{self.store.label}: not even one sample fits into the memory of {self.device}; "
                "use another `device`, half precision or fewer tokens"
            )
        self.fitting = max(1, n // 2)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.reporter.note(
            f"note: {self.store.label}: memory ran out at {n} samples a batch; goes on with "
            f"{self.fitting}"
        )

    def _encode_rows(self, rows: range, start: int, writer: ShardWriter) -> None:
        vectors: dict[tuple[str, str], torch.Tensor] = {}

        def record(site: str, state: SiteState) -> None:
            for pool in self.arrays[site]:
                vectors[site, pool] = pooled(state, pool).float()

        inputs = self.encoder.prepare(self._samples(rows))
        on_device = {name: value.to(self.device) for name, value in inputs.items()}
        self.encoder.encode(on_device, list(self.arrays), record)
        if not self.is_checked:
            for (site, pool), values in vectors.items():
                check_pooled(self.call, site, pool, values)
            self.is_checked = True
        for (site, pool), values in vectors.items():
            writer.put(rows.start - start, site, pool, values.cpu().numpy())

    def _samples(self, rows: range) -> list[Any]:
        if self.encoder.stream == "text":
            return [self.data.texts[row] for row in rows]
        images = [self.data.image(row) for row in rows]
        self.seen.update(zip(rows, map(picture_fact, images), strict=True))
        return [_picture(image) for image in images]


def _picture(image: Any) -> Any:
    """Return an image of a task as a picture, which encoders take."""
    if isinstance(image, np.ndarray):
        from PIL import Image

        return Image.fromarray(image)
    return image
