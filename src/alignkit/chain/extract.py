"""Extract the representations of a run at every site: shard by shard, streamed to disk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import torch

from alignkit.chain import model as models
from alignkit.chain.shards import (
    BATCH,
    Shard,
    Shards,
    ShardWriter,
    commit_shard,
    remove_spent,
    shards_folder,
)
from alignkit.contracts.model import SAMPLES, check_model, run_model
from alignkit.contracts.pooling import code_of_poolings, pooled, require_pooling
from alignkit.data.encoded import EncodedSplit
from alignkit.data.facts import facts_of
from alignkit.data.pixels import identity_of_pictures
from alignkit.errors import DamagedError, UsageError
from alignkit.models.schedule import sites
from alignkit.models.walk import StreamState
from alignkit.progress import SILENT, Progress, Reporter
from alignkit.runs import Run
from alignkit.runs.config import fingerprint_once
from alignkit.runs.data import open_split
from alignkit.runs.files import discard, locked, sha256_of, whole_folder
from alignkit.runs.inputs import change_of_representations, check_weights, content_now
from alignkit.runs.litter import is_spent
from alignkit.runs.reasons import explain_representations, reason_to_extract
from alignkit.runs.run import POOLS
from alignkit.training.device import choose_device


@fingerprint_once()
def extract(
    run: Run,
    split: str = "test",
    pools: Sequence[str] = POOLS,
    force: bool = False,
    reporter: Reporter = SILENT,
    shard_size: int | None = None,
    device: str = "auto",
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Store the representations of a run, unless they are stored already.

    They are extracted again where the weights or the pictures of the split have changed since.
    Samples are processed in shards, each stored once it is complete: an extraction that was
    interrupted resumes at the shard it had reached.

    Parameters
    ----------
    run : Run
    split : str
    pools : sequence of str
        Registered ones, such as ``cls`` and ``mean``; poolings stored earlier are kept.
    force : bool
        Extract again, and discard stored representations and alignment on the split.
    reporter : Reporter
    shard_size : int, optional
        Samples per shard, rounded up to whole batches; it does not affect the result.
    device : str
        ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``.
    only : sequence of str
        Sites or patterns such as ``v.f*``; every site when empty. Sites stored earlier are kept.

    Returns
    -------
    dict
        The index: ``sites``, ``pools``, ``n``, ``dtype``, ``split``.

    Raises
    ------
    UsageError
        For an unknown pooling, a pattern that no site matches, or a shard size below 1.
    DataError
        If the run is not trained, or the split is empty.
    """
    _check_pools(pools)
    wanted = chosen_sites(run, only)
    if force:
        _discard_damaged(run, split)
    index = run.representation_index(split)
    is_clean = not is_spent(shards_folder(run, split)) or not os.access(run.path, os.W_OK)
    if not force:
        check_weights(run)
    reason = reason_to_extract(run, split, pools, wanted, force)
    explain_representations(reporter, run, split, reason)
    if index is not None and not reason and is_clean:
        return _described(index)
    with locked(run.path):
        remove_spent(run, split)
        index = run.representation_index(split)  # another process may have finished it meanwhile
        if index is not None and not reason_to_extract(run, split, pools, wanted, force):
            return _described(index)
        change = change_of_representations(run, split, index) if index is not None else ""
        if change and not force:
            reporter.note(
                f"{run.path}: the representations on {split} are stored, but {change}; they are "
                "extracted again"
            )
        replaced = force or bool(change)
        if replaced and run.alignment_folder(split).exists():
            discard(run.alignment_folder(split))  # measured on the old representations
        stored = index if index and not replaced else {"pools": [], "sites": []}
        kept = [site for site in chosen_sites(run) if site in {*wanted, *stored["sites"]}]
        all_pools = sorted({*pools, *stored["pools"]})
        return _described(
            _Extraction(
                run, split, all_pools, shard_size, reporter, force, device, kept
            ).extract_all()
        )


def _discard_damaged(run: Run, split: str) -> None:
    """Remove representations whose index is damaged, of which nobody can use anything."""
    with locked(run.path):
        try:
            run.representation_index(split)
        except DamagedError:
            discard(run.representations_folder(split))


def chosen_sites(run: Run, patterns: Sequence[str] = ()) -> list[str]:
    """Return the sites of a run that match names or patterns, in order; all without any.

    Raises
    ------
    UsageError
        For a pattern that no site matches.
    """
    known = sites(run.schedule())
    for pattern in patterns:
        if not any(fnmatchcase(site, pattern) for site in known):
            raise UsageError(
                f"`sites={pattern}`: {run.path} has no such site; it has: {', '.join(known)}"
            )
    if not patterns:
        return known
    return [site for site in known if any(fnmatchcase(site, pattern) for pattern in patterns)]


def _described(index: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index without what it holds to be checked."""
    held = ("files", "model", "data", "poolings")
    return {key: value for key, value in index.items() if key not in held}


def extract_shard(
    run: Run,
    split: str,
    pools: Sequence[str],
    shard_size: int,
    shard: int,
    reporter: Reporter = SILENT,
    device: str = "auto",
) -> None:
    """Store one shard of a split's representations; ``extract`` joins the shards.

    Several processes may store different shards of one run at the same time.

    Parameters
    ----------
    run : Run
    split : str
    pools : sequence of str
        Registered ones.
    shard_size : int
        Samples per shard, rounded up to whole batches.
    shard : int
        The index of the shard.
    reporter : Reporter
    device : str
        ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``.
    """
    _check_pools(pools)
    with locked(run.path, shared=True):
        if not is_extracted(run, split, pools):
            stored = (run.representation_index(split) or {"pools": []})["pools"]
            extraction = _Extraction(
                run, split, sorted({*pools, *stored}), shard_size, reporter, device=device
            )
            extraction.extract_shard(extraction.shards.ranges[shard])


def is_extracted(run: Run, split: str, pools: Sequence[str]) -> bool:
    """Return whether the representations of every site with these poolings are stored."""
    return not reason_to_extract(run, split, pools)


class _Extraction:
    """The model, data and shards of one extraction."""

    def __init__(
        self,
        run: Run,
        split: str,
        pools: list[str],
        shard_size: int | None,
        reporter: Reporter,
        restart: bool = False,
        device: str = "auto",
        kept: Sequence[str] | None = None,
    ) -> None:
        self.run, self.split, self.pools, self.reporter = run, split, pools, reporter
        models.make_repeatable(run.seed, run.config.training.threads)
        self.content = content_now(run, split)
        task, self.data = open_split(run, split)
        self.task = task
        used_device = choose_device(device)
        self.model, self.schedule, inputs = models.load(run, models.outputs_of(task), used_device)
        identity = partial(identity_of_pictures, task, split)
        self.encoded = EncodedSplit(self.data, inputs, split, identity, used_device)
        content: dict[str, Any] = {"pools": pools, "model": sha256_of(run.train_manifest)}
        self.pooling_code = code_of_poolings(pools)
        if self.pooling_code:
            content["poolings"] = self.pooling_code
        if self.content:
            content["data"] = self.content
        self.kept = sites(self.schedule) if kept is None else list(kept)
        if self.kept != sites(self.schedule):
            content["sites"] = self.kept
        self.shards = Shards(run, split, content, len(self.data), shard_size, restart)

    def extract_all(self) -> dict[str, Any]:
        """Extract the missing shards, then join all shards into one array per site."""
        self._require_space(self.shards.missing())
        self.shards.complete(self._extract_shard, f"extract {self.split}", self.reporter)
        index: dict[str, Any] = {"sites": self.kept, "pools": self.pools}
        index["model"] = self.run.model_digest
        if self.pooling_code:
            index["poolings"] = self.pooling_code
        if self.content:
            index["data"] = self.content
        self.shards.join(index, list(self.data.ids), facts_of(self.task, self.data))
        self.reporter.note(
            f"{self.run.path}: {len(self.kept)} sites x {index['n']} samples "
            f"({', '.join(self.pools)})"
        )
        return index

    def extract_shard(self, shard: Shard) -> None:
        """Extract one shard, unless it is stored already."""
        self._require_space([] if self.shards.is_done(shard) else [shard])
        self._extract_shard(shard)

    def _require_space(self, shards: Sequence[Shard]) -> None:
        """Refuse shards for which there is no space; one sample shows how wide the sites are."""
        widths: dict[str, int] = {}

        def record(site: str, state: StreamState) -> None:
            for pool in self.pools if site in self.kept else ():
                widths[f"{site}.{pool}"] = pooled(state, pool).shape[-1]

        if shards:
            few = range(min(SAMPLES, len(self.encoded)))
            outputs = models.outputs_of(self.task)
            check_model(
                self.model, self.schedule, self.encoded.batch(few), outputs, gradients=False
            )
            with torch.inference_mode():
                run_model(self.model, self.schedule, self.encoded.batch([0]), record)
            self.shards.require_space(widths, shards)

    def _extract_shard(self, shard: Shard, bar: Progress | None = None) -> None:
        with self.shards.lock(shard):
            if self.shards.is_done(shard):
                return
            with whole_folder(self.shards.folder(shard)) as folder, torch.inference_mode():
                start, stop = shard
                writer = ShardWriter(folder, stop - start)
                for rows in self.encoded.in_order(BATCH, start, stop):
                    place = int(rows[0]) - start

                    def record(site: str, state: StreamState, place: int = place) -> None:
                        for pool in self.pools if site in self.kept else ():
                            values = pooled(state, pool).float().cpu().numpy()
                            writer.put(place, site, pool, values)

                    run_model(self.model, self.schedule, self.encoded.batch(rows), record)
                    if bar is not None:
                        bar.advance(len(rows))
                commit_shard(folder)


def _check_pools(pools: Sequence[str]) -> None:
    for pool in pools:
        require_pooling(pool)
