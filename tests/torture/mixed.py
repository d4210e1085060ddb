"""Start eight commands together in one folder, drawn at random, again and again.

Readers, writers, `measure --force`, `runs gc` and `runs verify` work on the same runs. Each must
succeed, nothing may be damaged, and when every command was run once more, all files but those that
state a time have the bytes that the commands give one after the other.

    python tests/torture/mixed.py [--rounds N] [--seed N] [--commands N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import units  # noqa: E402
import work  # noqa: E402

STUDY = work.study("runs", "study", "epochs = 2\nbatch_size = 16", "mknn")
# A study records times, of what it did itself; and what it remembers goes by times of files.
TIMED = ("runs/.study/", "/.index/measured.text")


def _trained(placement: str, seed: int) -> tuple[str, ...]:
    model = ("--task", work.TASK, "--architecture", work.MODEL, "--placement", placement)
    return ("train", *model, "--epochs", "2", "--batch-size", "16", "--seed", str(seed))


METRICS = ("--metric", "unbiased_cka", "--metric", "mknn")
# In the order in which the last run of each gives the result.
COMMANDS = {
    **{f"train {p}, {seed}": _trained(p, seed) for p in ("1", "none") for seed in (0, 1)},
    "evaluate": ("evaluate",),
    "extract": ("extract", "--shard-size", "128"),
    "extract --encoder": work.CHAIN["extract --encoder"],
    "measure": ("measure", *METRICS, "--layers", "all"),
    "measure --force": ("measure", *METRICS, "--layers", "all", "--force"),
    "study": ("study", "run", "study.toml"),
    "correlate": ("correlate", *METRICS, "--output", "correlate.csv"),
    "report": ("report", *METRICS, "--output", "report"),
    "runs gc": ("runs", "gc"),
    "runs verify": ("runs", "verify"),
    "runs list": ("runs", "list"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--commands", type=int, default=8, help="started together in a round")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with work.scratch() as folder:
        return mix(folder, asked.rounds, asked.commands, asked.seed)


def mix(folder: Path, rounds: int, commands: int, seed: int) -> int:
    """Start commands together; print counts, and return 1 if anything went wrong."""
    work.prepare(folder / "warm")
    start = begun(folder / "start", folder / "log")
    references = [_settled(work.fresh(folder / f"whole{i}", start), folder / "log") for i in (1, 2)]
    reference = {k: sum_ for k, sum_ in references[0].items() if not _is_timed(k)}
    unlike = [key for key, sum_ in reference.items() if references[1].get(key) != sum_]
    if unlike:
        sys.exit(f"two undisturbed runs differ in: {', '.join(unlike)}")
    rng = Random(seed)
    counts: Counter[str] = Counter()
    problems = 0
    for turn in range(rounds):
        here = work.fresh(folder / "here", start)
        names = [rng.choice(list(COMMANDS)) for _ in range(commands)]
        ended = _together(names, here, folder / "logs", rng)
        wrong = [f"{name}: {e.code}: {e.said[-1500:]}" for name, e in ended if e.code]
        wrong += [f"damaged: {part}" for part in units.damaged(here)]
        counts["commands"] += len(names)
        counts["that failed"] += sum(e.code != 0 for _, e in ended)
        if not wrong:
            made = _settled(here, folder / "log")
            different = [key for key, sum_ in reference.items() if made.get(key) != sum_]
            different += [key for key in made if key not in reference and not _is_timed(key)]
            wrong = [f"different: {sorted(different)}"] if different else []
        problems += bool(wrong)
        if wrong:
            print(f"round {turn}, {', '.join(names)}:", *wrong, sep="\n  ", flush=True)
    print(f"{len(reference)} files compared; records of studies and what goes by times are not")
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"seed {seed}; {work.machine()}")
    print(f"{rounds} rounds of {commands} processes: {said}; {problems} problems")
    return int(problems > 0)


def _is_timed(name: str) -> bool:
    return any(part in name for part in TIMED)


def begun(start: Path, log: Path) -> Path:
    """Return a folder with one run, from which all that the commands make is to come."""
    work.fresh(start)
    (start / "study.toml").write_text(STUDY)
    for words in (COMMANDS["train 1, 0"], ("extract", "--pool", "cls"), COMMANDS["measure"]):
        work.succeed(words, start, log)
    return start


def _settled(folder: Path, log: Path) -> dict[str, str]:
    """Run every command once, one after the other; return the checksums of all files."""
    for words in COMMANDS.values():
        work.succeed(words, folder, log)
    return work.made_in(folder)[0]


def _together(
    names: list[str], here: Path, logs: Path, rng: Random
) -> list[tuple[str, work.Ended]]:
    started = []
    for place, name in enumerate(names):
        time.sleep(rng.uniform(0, 0.3))
        log = logs / str(place)
        started.append((name, work.start(COMMANDS[name], here, log), log))
    return [(name, work.finish(pid, log, within=300)) for name, pid, log in started]


if __name__ == "__main__":
    sys.exit(main())
