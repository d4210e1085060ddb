"""The order of units: each is handed out once everything that it comes after is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alignkit.engines.job import Engine, Job, Outcome


def run_jobs(jobs: Sequence[Job], engine: Engine) -> Iterator[Outcome]:
    """Run units on an engine and give their outcomes as they end.

    Earlier units go first, so that what follows from one is done before the next begins. A
    failure stops nothing but the units that come after it.

    Parameters
    ----------
    jobs : sequence of Unit
        ``after`` may name units that are not among them: those count as done.
    engine : Engine

    Yields
    ------
    Outcome
        One per unit.
    """
    waiting = {job.name: job for job in jobs}
    assert len(waiting) == len(jobs), "two units share a name"
    unfinished = set(waiting)
    running = 0
    while waiting or running:
        for job in list(waiting.values()):
            if running < engine.slots and not unfinished.intersection(job.after):
                engine.submit(waiting.pop(job.name))
                running += 1
        assert running, f"units wait for each other: {', '.join(waiting)}"
        outcome = engine.wait()
        running -= 1
        yield outcome
        if outcome.state == "done":
            unfinished.discard(outcome.job.name)
        else:
            for job in _behind(outcome.job, list(waiting.values())):
                del waiting[job.name]
                yield Outcome(job, "skipped", error=f"not tried: {outcome.job.name} failed")


def _behind(failed: Job, waiting: Sequence[Job]) -> list[Job]:
    """Everything that comes after a unit, directly or not, in order."""
    out_of_reach = {failed.name}
    found: list[Job] = []
    grown = True
    while grown:
        fresh = [u for u in waiting if u.name not in out_of_reach and out_of_reach & set(u.after)]
        out_of_reach.update(job.name for job in fresh)
        found += fresh
        grown = bool(fresh)
    return [job for job in waiting if job in found]
