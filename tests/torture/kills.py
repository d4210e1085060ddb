"""Kill commands at random moments with SIGKILL, run them again, and compare all that they make.

python tests/torture/kills.py [--kills N] [--seed N] [--command NAME]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import work  # noqa: E402

STUDY = f"""
runs = "study/runs"
output = "study/results"
[grid]
tasks = ["{work.TINY_TASK}"]
placements = ["none", "1"]
seeds = [0, 1]
[options]
architecture = "{work.MODEL}"
epochs = 1
[measure]
metrics = ["mknn:k=5"]
[correlate]
layer = ["last"]
"""
COMMANDS = work.CHAIN | {"study": ("study", "run", "study.toml")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", choices=COMMANDS)
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        return kill_at_random(
            Path(folder), asked.kills, random.Random(asked.seed), asked.command or list(COMMANDS)
        )


def kill_at_random(folder: Path, kills: int, chance: random.Random, names: list[str]) -> int:
    """Kill commands; print counts, and return 1 if anything was lost or differs."""
    work.prepare(folder / "warm")
    log = folder / "log"
    starts, durations, references = {}, {}, {}
    before = work.fresh(folder / "start")
    (before / "study.toml").write_text(STUDY)
    for name, words in COMMANDS.items():
        starts[name] = before
        twice = []
        for i in (1, 2):
            after = work.fresh(folder / f"{len(starts)}-{i}", before)
            begun = time.monotonic()
            ended = work.run(words, after, log)
            durations[name] = time.monotonic() - begun
            if ended.code:
                sys.exit(f"{name}: exit code {ended.code}\n{ended.said}")
            twice.append(work.made_in(after)[0])
        # What states a time differs by itself, such as the records of a study.
        references[name] = {k: v for k, v in twice[0].items() if twice[1].get(k) == v}
        before = after
    killed = ended_before = litter = problems = 0
    for i in range(kills):
        name = names[i % len(names)]
        here = work.fresh(folder / "here", starts[name])
        pid = work.start(COMMANDS[name], here, log)
        time.sleep(chance.uniform(0, durations[name]))
        os.killpg(pid, signal.SIGKILL)
        is_killed = work.finish(pid, log).code == -signal.SIGKILL
        killed, ended_before = killed + is_killed, ended_before + (not is_killed)
        again = work.run(COMMANDS[name], here, log)
        made, left = work.made_in(here)
        litter += left > 0
        differing = [k for k, v in references[name].items() if made.get(k) != v]
        if again.code or differing:
            problems += 1
            print(f"kill {i}, {name}: exit code {again.code}, differs: {sorted(differing)}")
            print(again.said[-1500:], flush=True)
    files = {name: len(reference) for name, reference in references.items()}
    print(f"files compared: {files}")
    print(
        f"{killed} kills ({ended_before} commands ended before theirs), {litter} left litter for "
        f"`runs gc`; {problems} problems"
    )
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main())
