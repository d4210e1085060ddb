"""Remove a file or folder just after a command has listed it, or just before it opens it.

This is what another command may do at that moment. Each command must go on, or end in one line
that says what is missing; where nothing but litter, a checkpoint or shards went, it must succeed.

    python tests/torture/removals.py [--only COMMAND]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import mixed  # noqa: E402
import work  # noqa: E402

from listings import listing  # noqa: E402

RUN, OTHER = "runs/*/at_1/seed0*", "runs/*/none/seed1*"
STORE = "encoders/*/*@*"
COMMANDS: dict[str, tuple[str, ...]] = {
    "runs": ("runs",),
    "runs list": ("runs", "list"),
    "runs show": ("runs", "show", RUN),
    "runs verify": ("runs", "verify"),
    "runs verify --repair": ("runs", "verify", "--repair"),
    "runs gc": ("runs", "gc", "--output", "report"),
    "doctor": ("doctor",),
    "runs export": ("runs", "export", "--output", "runs.tar"),
    "study run": ("study", "run", "study.toml"),
    "study plan": ("study", "plan", "study.toml"),
    "study status": ("study", "status", "study.toml"),
    "evaluate": ("evaluate",),
    "extract": ("extract",),
    "measure": mixed.COMMANDS["measure"],
    "correlate": ("correlate", "--metric", "unbiased_cka", "--output", "correlate.csv"),
    "report": ("report", "--metric", "unbiased_cka", "--output", "report2"),
    "dimension": ("dimension", "--output", "dimension"),
    "plot layers": ("plot", "layers", "--metric", "unbiased_cka", "--output", "figures"),
    "extract --encoder": work.CHAIN["extract --encoder"],
    "measure --encoder": ("measure", "--encoder", "*", "--streams", "text,text", "--metric", "cka"),
    "compare": ("compare", RUN, OTHER, "--metric", "cka", "--layers", "last"),
}
# What commands leave for a while, or what was left behind: file by file, or folder by folder.
SHARDS = f"{RUN}/representations/.test.shards"
PASSING = (
    f"{RUN}/.config.json.1.tmp",
    f"{RUN}/.alignment.1.old",
    f"{RUN}/checkpoint",
    f"{RUN}/checkpoint/step-6",
    SHARDS,
    f"{SHARDS}/.000000000-000000160.1.tmp",
    f"{SHARDS}/000000000-000000128",
    "runs/*/none/seed5",
    "runs/*/none/seed5/checkpoint",
    "runs/*/none/seed5/checkpoint/step-3",
    "report/.index.html.1.tmp",
    "report/.figures.1.tmp",
)
STANDING = (
    RUN,
    OTHER,
    f"{RUN}/alignment",
    f"{RUN}/alignment/test",
    f"{RUN}/representations",
    f"{OTHER}/alignment.csv",
    f"{OTHER}/performance.json",
    f"{RUN}/.index",
    "runs/.study",
    STORE,
    f"{STORE}/representations",
)
OPENING = ("open", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.rmdir")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=COMMANDS, help="repeatable")
    chosen = parser.parse_args().only or list(COMMANDS)
    removed = problems = 0
    with work.scratch() as folder:
        start = _begun(folder)
        for name in chosen:
            for pattern in (*PASSING, *STANDING):
                for moment in (_when_listed, _when_opened):
                    ended = _disturbed(folder, start, COMMANDS[name], pattern, moment)
                    if ended is None:  # the command does not look there
                        continue
                    removed += 1
                    wrong = _problem(ended, folder / "here", pattern)
                    problems += bool(wrong)
                    if wrong:
                        what = f"{name}, {pattern}, {moment.__name__.removeprefix('_')}"
                        print(f"{what}: {wrong}: {ended.said[-1500:]}", flush=True)
        print(f"{removed} removals during {len(chosen)} commands; {work.machine()}")
    print(f"{removed} removals: {problems} problems")
    return int(problems > 0)


def _begun(folder: Path) -> Path:
    """Return a folder with two runs that were measured, a study, a report and much litter."""
    work.prepare(folder / "warm")
    start = mixed.begun(folder / "start", folder / "log")
    again = ("train none, 1", "extract --encoder", "study", "extract", "measure", "report")
    for words in (mixed.COMMANDS[name] for name in again):
        work.succeed(words, start, folder / "log")
    (run,) = start.glob(RUN)
    for pattern in PASSING:
        place = Path(pattern.replace(RUN, str(run)).replace("*", run.parents[1].name))
        _write(start / place)
    (next(start.glob(SHARDS)) / "plan.json").write_text("{}")
    return start


def _write(place: Path) -> None:
    """Write what a command has left half done at a place."""
    if place.name in (".config.json.1.tmp", ".index.html.1.tmp"):
        place.write_text("half")
        return
    place.mkdir(parents=True, exist_ok=True)
    (place / ("state.json" if place.name.startswith("step-") else "part.npy")).write_text("{}")


def _disturbed(
    folder: Path,
    start: Path,
    words: tuple[str, ...],
    pattern: str,
    moment: Callable[[Path, Callable[[], None]], None],
) -> work.Ended | None:
    """Run a command in a copy of a folder; None where it does not meet what would be removed."""
    here = work.fresh(folder / "here", start)
    (target,) = here.glob(pattern)
    words = tuple(_place(here, word) if word in (RUN, OTHER) else word for word in words)
    flag = folder / "removed"
    flag.unlink(missing_ok=True)

    def remove() -> None:
        if not flag.exists():
            flag.touch()
            shutil.rmtree(target) if target.is_dir() else target.unlink()

    ended = work.run(words, here, folder / "log", lambda: moment(target, remove))
    return ended if flag.exists() else None


def _place(folder: Path, pattern: str) -> str:
    return str(next(folder.glob(pattern)).relative_to(folder))


def _when_listed(target: Path, remove: Callable[[], None]) -> None:
    vars(os).update(listing(target, remove))


def _when_opened(target: Path, remove: Callable[[], None]) -> None:
    def hook(event: str, given: tuple[object, ...]) -> None:
        if event in OPENING and isinstance(given[0], str | bytes | os.PathLike):
            path = Path(os.fsdecode(given[0])).absolute()
            if target in (path, *path.parents):
                remove()

    sys.addaudithook(hook)


def _problem(ended: work.Ended, here: Path, pattern: str) -> str:
    if not ended.is_clean or "No such file" in ended.said:
        return "no line that says what is missing"
    if pattern in PASSING and ended.code:
        return "a command that failed"
    litter = [path for path in here.rglob("*.old") if path.name != ".alignment.1.old"]
    return f"left behind: {litter}" if litter else ""


if __name__ == "__main__":
    sys.exit(main())
