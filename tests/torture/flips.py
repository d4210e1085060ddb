"""Flip bits in everything that is stored, or cut it short, and run the commands that read it.

All damage must be found, by `runs verify` or by a command that refuses it or makes the file again,
and none may be used: a command that succeeds leaves the bytes that it leaves without damage, or
names the file as left out and leaves the bytes that it leaves whatever the damage is; one that
refuses leaves nothing new.

    python tests/torture/flips.py [--flips N] [--seed N] [--kind NAME]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import units  # noqa: E402
import work  # noqa: E402

from damage import flipped_or_cut  # noqa: E402

RUN, OTHER = "runs/*/at_1/*", "runs/*/none/*"
STORE = "encoders/*/*@*"
ENCODER = ("extract", "--task", work.TASK, "--encoders", "encoders", "--encoder")
BETWEEN = ("measure", "--encoder", "*", "--streams", "text,text", "--metric")
INTERRUPTED = tuple("none" if word == "1" else word for word in work.TRAIN)
SHARDS = ".shards/"  # of an extraction that goes on up to what is damaged
VALIDATION = ("extract", "--split", "validation")


@dataclass(frozen=True)
class Kind:
    """Files of one kind, and a command that reads them.

    Attributes
    ----------
    files : tuple of str
        Globs.
    words : callable
        Returns the words of the command that reads a file.
    """

    files: tuple[str, ...]
    words: Callable[[Path], tuple[str, ...]]


def _by(*words: str) -> Callable[[Path], tuple[str, ...]]:
    return lambda file: words


def _measure(file: Path) -> tuple[str, ...]:
    pool = "mean" if file.name.endswith(".mean.npy") else "cls"
    return ("measure", RUN_PATH, "--metric", "cka", "--streams", "all", "--pool", pool)


RUN_PATH = "runs/toy_match/at_1"
EXTRACT = ("extract", RUN_PATH, "--force")
REPORT = ("report", "--placement", "at_1", "--output", "report")
KINDS = {
    "representations": Kind((f"{RUN}/representations/test/*.npy",), _measure),
    "index of representations": Kind((f"{RUN}/representations/test/index.json",), _measure),
    "ids of samples": Kind((f"{RUN}/representations/test/ids.json",), _measure),
    "facts of samples": Kind(
        (f"{RUN}/representations/test/samples.csv",),
        _by("measure", RUN_PATH, "--metric", "mknn", "--within", "label"),
    ),
    "weights": Kind((f"{RUN}/model.safetensors",), _by(*EXTRACT)),
    "configuration": Kind((f"{RUN}/config.json", f"{RUN}/inputs.json"), _by(*EXTRACT)),
    "manifest of a training": Kind((f"{RUN}/train.json",), _by(*EXTRACT)),
    "histories": Kind((f"{RUN}/history.csv", f"{RUN}/steps.csv"), _by(*REPORT)),
    "scores": Kind((f"{RUN}/performance.json",), _by(*REPORT)),
    "alignment tables": Kind((f"{RUN}/alignment/test/*.csv",), _by(*REPORT)),
    "manifests of tables": Kind((f"{RUN}/alignment/test/*.json",), _by(*REPORT)),
    "joined table": Kind((f"{RUN}/alignment.csv", f"{RUN}/alignment.json"), _by(*REPORT)),
    "maxima": Kind(
        (f"{RUN}/alignment/test/maxima/*",),
        _by("measure", RUN_PATH, "--metric", "cka", "--layers", "max-pair"),
    ),
    "index of tables": Kind((f"{RUN}/.index/test/*",), _by(*REPORT)),
    "checkpoint": Kind(
        (f"{OTHER}/checkpoint/best*", f"{OTHER}/checkpoint/*/weights*", f"{OTHER}/checkpoint/*/r*"),
        _by(*INTERRUPTED),
    ),
    "optimiser state": Kind((f"{OTHER}/checkpoint/*/optimizer*",), _by(*INTERRUPTED)),
    "manifest of a checkpoint": Kind((f"{OTHER}/checkpoint/*/state.json",), _by(*INTERRUPTED)),
    "unfinished extraction": Kind(
        (
            f"{RUN}/representations/.validation.shards/*.json",
            f"{RUN}/representations/.validation.shards/[0-9w]*/*",
        ),
        _by(*VALIDATION, RUN_PATH),
    ),
    "representations of encoders": Kind(
        (f"{STORE}/representations/test/*",), _by(*BETWEEN, "cka", "--layers", "all")
    ),
    "description of encoders": Kind((f"{STORE}/encoder.json",), _by(*BETWEEN, "cka")),
    "tables of encoders": Kind(("encoders/*/alignment/*/test/*",), _by(*BETWEEN, "mknn")),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=KINDS)
    asked = parser.parse_args()
    with work.scratch() as folder:
        return flip(folder, asked.flips, asked.seed, asked.kind or list(KINDS))


def flip(folder: Path, flips: int, seed: int, kinds: list[str]) -> int:
    """Damage files; print counts, and return 1 if any damage was used or not found."""
    work.prepare(folder / "warm")
    start, log, rng = _stored(folder), folder / "log", Random(seed)
    before = work.digest(start)
    references: dict[tuple[str, ...], dict[str, str]] = {}
    counts = {kind: Counter[str]() for kind in kinds}
    files = {kind: _files(start, KINDS[kind]) for kind in kinds}
    for turn in range(flips):
        kind = kinds[turn % len(kinds)]
        file = rng.choice(files[kind])
        words = KINDS[kind].words(file)
        if words not in references:
            whole = work.fresh(folder / "whole", start)
            work.succeed(words, whole, log)
            references[words] = work.made_in(whole)[0]
        here = work.fresh(folder / "here", start)
        damaged = here / file.relative_to(start)
        damaged.write_bytes(_damage(file.read_bytes(), rng, file.suffix == ".json"))
        how, wrong = _found(damaged, here, words, log, before, references[words])
        counts[kind][how] += 1
        if "without" in how:
            print(f"flip {turn}, {file.relative_to(start)}: {how}: {log.read_text()[-300:]}")
        for what in wrong:
            counts[kind][what] += 1
            print(f"flip {turn}, {file.relative_to(start)}: {what} by {' '.join(words)}: {how}")
            print(log.read_text()[-1500:], flush=True)
    for kind, count in counts.items():
        print(f"{kind}: {', '.join(f'{n} {what}' for what, n in sorted(count.items()))}")
    total = sum(counts.values(), Counter())
    print(f"seed {seed}; {work.machine()}")
    print(f"{flips} flips: {total['not found']} not found, {total['used']} used")
    return int(total["not found"] + total["used"] > 0)


def _stored(folder: Path) -> Path:
    """Return a folder in which there is everything: also interrupted work, and two encoders."""
    start, log = work.fresh(folder / "start"), folder / "log"
    (start / "other.py").write_text(work.ENCODER.replace("manual_seed(0)", "manual_seed(1)"))
    steps: list[tuple[tuple[str, ...], Callable[[], None] | None]] = [
        *((words, None) for words in work.CHAIN.values()),
        ((*ENCODER, "module:other.py:bag,stream=text"), None),
        ((*BETWEEN, "mknn"), None),
        (("measure", RUN_PATH, "--metric", "cka", "--layers", "max-pair"), None),
        (INTERRUPTED, _ends_after("alignkit.training.checkpoint", "Checkpoints", "save", 2)),
        ((*VALIDATION, RUN_PATH), _ends_after("alignkit.chain.shards", "Shards", "_join", 3)),
    ]
    for words, before in steps:
        ended = work.run(words, start, log, before)
        if ended.code != (0 if before is None else ENDED):
            sys.exit(f"{' '.join(words)}: exit code {ended.code}\n{ended.said}")
    return start


ENDED = 137


def _ends_after(module: str, kind: str, name: str, calls: int) -> Callable[[], None]:
    """Return what lets a fork end after some calls of a method, as if it were killed."""

    def arm() -> None:
        owner = getattr(__import__(module, fromlist=[kind]), kind)
        real, left = getattr(owner, name), [calls]

        def ending(*given: object, **kept: object) -> object:
            result = real(*given, **kept)
            left[0] -= 1
            if not left[0]:
                os._exit(ENDED)
            return result

        setattr(owner, name, ending)

    return arm


def _files(start: Path, kind: Kind) -> list[Path]:
    files = sorted(file for glob in kind.files for file in start.glob(glob))
    chosen = [file for file in files if file.is_file() and file.name != ".lock"]
    if not chosen:
        sys.exit(f"there are no files {kind.files}")
    return [file for file in chosen if file.stat().st_size]


def _damage(content: bytes, rng: Random, is_json: bool) -> bytes:
    """Damage content so that it means something else, which not every flip in JSON does."""
    while True:
        damaged = flipped_or_cut(content, rng)
        try:
            if not is_json or json.loads(damaged) != json.loads(content):
                return damaged
        except ValueError:
            return damaged


def _found(
    damaged: Path,
    here: Path,
    words: tuple[str, ...],
    log: Path,
    before: dict[str, str],
    reference: dict[str, str],
) -> tuple[str, list[str]]:
    """Return how damage was found, and what is wrong with how commands take it."""
    name = str(damaged.relative_to(here))
    content = damaged.read_bytes()
    folder, last = name.rpartition("/")[::2]
    is_listed = any(
        name in line.replace(": ", "/", 1)
        or f"{folder}:" in line
        or (folder in line and last in line)
        for line in units.damaged(here)
    )
    ended = work.run(words, here, log)
    made, _ = work.made_in(here)
    if ended.code:
        is_refused = ended.is_clean and _names(ended.said, name)
        how = "refused" if is_refused else f"ended with {ended.code} without its name"
        known = {*before.items(), *reference.items(), (name, made.get(name))}
        new = [key for key, sum_ in made.items() if (key, sum_) not in known and SHARDS not in key]
        is_used = bool(new) or not ended.is_clean
        how += f", left {new[0]}" if new else ""
    else:
        is_kept = damaged.is_file() and damaged.read_bytes() == content
        is_left_out = is_kept and _is_left_out(ended.said, name)
        is_refused = not is_kept or is_left_out
        how = "left out" if is_left_out else "not read" if is_kept else "made again"
        if is_left_out:  # as it is with all other damage
            damaged.write_bytes(b"")
            work.succeed(words, here, log)
            reference, _ = work.made_in(here)
        elif not is_kept:  # and read again, which writes what is derived from it
            work.succeed(words, here, log)
            made, _ = work.made_in(here)
        differing = {key for key in {*made, *reference} if made.get(key) != reference.get(key)}
        is_used = bool(differing - ({name} if is_kept else set()))
    wrong = ["used"] if is_used else []
    how += "" if is_listed else ", not in `runs verify`"
    return how, wrong if is_listed or is_refused else [*wrong, "not found"]


def _is_left_out(said: str, name: str) -> bool:
    return any("is left out: " in line and name in line for line in said.splitlines())


def _names(said: str, name: str) -> bool:
    """Whether a text names a file, or the folder of a part that was stored at once."""
    folder = str(Path(name).parent)
    is_part = any(part in folder for part in ("/checkpoint", "/representations/"))
    return name in said or (is_part and bool(re.search(rf"{re.escape(folder)}(?![\w/.-])", said)))


if __name__ == "__main__":
    sys.exit(main())
