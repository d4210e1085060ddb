"""Kill commands at random moments with SIGKILL, run them again, and compare all that they make.

After each kill nothing that stands may be damaged, and after the rerun nothing that was finished
may be lost or have been made again; all files but those that state a time have the bytes of an
undisturbed run.

    python tests/torture/kills.py [--kills N] [--seed N] [--command NAME]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import trials  # noqa: E402
import units  # noqa: E402
import work  # noqa: E402

STUDY = work.study("study/runs", "study/results", "epochs = 1", "mknn:k=5")
SEARCH = (
    *("search", "run", "--task", work.TASK, "--architecture", work.MODEL, "--epochs", "1"),
    *("--space", "placement:distinct=true", "--bound", "blocks=1:3", "-n", "3", "--study", "s"),
)
COMMANDS = work.CHAIN | {
    "study": ("study", "run", "study.toml"),
    **{
        f"search, {kind}": (*SEARCH, "--runs", f"{kind}/runs", "--storage", f"{kind}:///{kind}.db")
        for kind in trials.KINDS
    },
}


@dataclass
class Undisturbed:
    """A command as it ends where nobody kills it.

    Attributes
    ----------
    start : Path
        The folder in which it starts.
    seconds : float
    files : dict
        The checksums of all files that it leaves but those that state a time.
    names : set
        Also of the latter.
    work : Counter
        The steps, samples and values that stand in the end.
    trials : list
    """

    start: Path
    seconds: float = 0.0
    files: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    work: Counter[str] = field(default_factory=Counter)
    trials: list[object] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", choices=COMMANDS)
    asked = parser.parse_args()
    with work.scratch() as folder:
        return kill_at_random(folder, asked.kills, asked.seed, asked.command or list(COMMANDS))


def kill_at_random(folder: Path, kills: int, seed: int, names: list[str]) -> int:
    """Kill commands; print counts, and return 1 if anything was lost or differs."""
    work.prepare(folder / "warm")
    log, chance = folder / "log", random.Random(seed)
    undisturbed = _undisturbed(folder, log, names)
    counts: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    problems = turn = 0
    while killed.total() < kills:
        name = names[turn % len(names)]
        turn += 1
        whole = undisturbed[name]
        here = work.fresh(folder / "here", whole.start)
        pid = work.start(COMMANDS[name], here, log)
        time.sleep(chance.uniform(0, whole.seconds))
        os.killpg(pid, signal.SIGKILL)
        if work.finish(pid, log).code != -signal.SIGKILL:
            counts["commands ended before their kill"] += 1
            continue
        killed[name] += 1
        wrong = _wrong_after_kill(COMMANDS[name], here, log, whole, counts)
        problems += sum(map(bool, wrong.values()))
        for what, which in wrong.items():
            counts[what] += len(which)
            if which:
                print(f"kill {killed.total()}, {name}: {what}: {which}", flush=True)
    for name in names:
        left_out = sorted(undisturbed[name].names - set(undisturbed[name].files))
        without = f", without {', '.join(left_out)}, which state times" if left_out else ""
        print(f"{name}: {killed[name]} kills; {len(undisturbed[name].files)} files{without}")
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"seed {seed}; {work.machine()}")
    print(f"{killed.total()} kills: {said}; {problems} problems")
    return int(problems > 0)


def _undisturbed(folder: Path, log: Path, names: list[str]) -> dict[str, Undisturbed]:
    """Run the commands up to the last that is asked for, each twice."""
    before = work.fresh(folder / "start")
    (before / "study.toml").write_text(STUDY)
    every: dict[str, Undisturbed] = {}
    for name, words in COMMANDS.items():
        whole = every[name] = Undisturbed(before)
        made = []
        for i in (1, 2):
            after = work.fresh(folder / f"{len(every)}-{i}", before)
            begun = time.monotonic()
            work.succeed(words, after, log, units.counting(folder / "done"))
            whole.seconds = time.monotonic() - begun
            made.append(work.made_in(after)[0])
        whole.files = {key: sum_ for key, sum_ in made[0].items() if made[1].get(key) == sum_}
        whole.names = set(made[0])
        whole.work, whole.trials = units.standing(after), trials.finished(after)
        done, expected = units.done_in(folder / "done"), whole.work - units.standing(before)
        if done != expected or made[0].keys() - made[1]:
            sys.exit(f"{name}: its work cannot be counted: {done}, where {expected} was expected")
        before = after
        if set(names) <= set(every):
            break
    return every


def _wrong_after_kill(
    words: tuple[str, ...], here: Path, log: Path, whole: Undisturbed, counts: Counter[str]
) -> dict[str, list[str]]:
    """Run a killed command again; return what is wrong before and after."""
    wrong = {"corrupt": units.damaged(here) + trials.damaged(here)}
    stood, stood_trials = units.finished_units(here), trials.finished(here)
    work_left = whole.work - units.standing(here)
    done_log = log.with_name("done")
    again = work.run(words, here, log, units.counting(done_log))
    wrong["reruns that fail"] = [f"{again.code}: {again.said[-1500:]}"] if again.code else []
    lost, redone = units.lost_and_redone(stood, here, whole.files)
    now = trials.finished(here)
    wrong["lost"] = lost + [str(trial) for trial in stood_trials if trial not in now]
    more = units.done_in(done_log) - work_left
    wrong["made again"] = redone + [f"{n} {what}" for what, n in more.items()]
    made, left = work.made_in(here)
    differing = [key for key, sum_ in whole.files.items() if made.get(key) != sum_]
    wrong["different"] = sorted({*differing, *(set(made) ^ whole.names)})
    wrong["different trials"] = [str(now)] if now != whole.trials else []
    counts["finished files stood"] += len(stood)
    counts["finished trials stood"] += len(stood_trials)
    counts["left litter for `runs gc`"] += left > 0
    return wrong


if __name__ == "__main__":
    sys.exit(main())
