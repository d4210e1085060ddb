"""The order of jobs: each is submitted once everything that it comes after is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alignkit.engines.job import Engine, Job, Outcome


def run_jobs(jobs: Sequence[Job], engine: Engine) -> Iterator[Outcome]:
    """Run jobs on an engine and yield their outcomes as they end.

    Earlier jobs go first, so that what follows from one is done before the next begins. A
    failure stops only the jobs that come after the one that failed.

    Parameters
    ----------
    jobs : sequence of Job
        ``after`` may name jobs that are not among them: those count as done.
    engine : Engine

    Raises
    ------
    ValueError
        When two jobs have one name, or jobs wait for each other.

    Yields
    ------
    Outcome
        One per job.
    """
    waiting = {job.name: job for job in jobs}
    if len(waiting) < len(jobs):
        raise ValueError("two jobs share a name")
    unfinished = set(waiting)
    running = 0
    while waiting or running:
        for job in list(waiting.values()):
            if running < engine.slots and not unfinished.intersection(job.after):
                engine.submit(waiting.pop(job.name))
                running += 1
        if not running:
            raise ValueError(f"jobs wait for each other: {', '.join(waiting)}")
        outcome = engine.wait()
        running -= 1
        yield outcome
        if outcome.state == "done":
            unfinished.discard(outcome.job.name)
        else:
            for job in _dependents(outcome.job, list(waiting.values())):
                del waiting[job.name]
                yield Outcome(job, "skipped", error=f"not run: {outcome.job.name} failed")


def _dependents(failed: Job, waiting: Sequence[Job]) -> list[Job]:
    """Return all jobs that come after a failed one, directly or indirectly, in order."""
    blocked = {failed.name}
    size = 0
    while size < len(blocked):
        size = len(blocked)
        blocked |= {job.name for job in waiting if blocked & set(job.after)}
    return [job for job in waiting if job.name in blocked]
