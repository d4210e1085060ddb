"""The order of units: each is handed out once everything that it comes after is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alignkit.engines.unit import Engine, Outcome, Unit


def run_units(units: Sequence[Unit], engine: Engine) -> Iterator[Outcome]:
    """Run units on an engine and give their outcomes as they end.

    Earlier units go first, so that what follows from one is done before the next begins. A
    failure stops nothing but the units that come after it.

    Parameters
    ----------
    units : sequence of Unit
        ``after`` may name units that are not among them: those count as done.
    engine : Engine

    Yields
    ------
    Outcome
        One per unit.
    """
    waiting = {unit.name: unit for unit in units}
    assert len(waiting) == len(units), "two units share a name"
    unfinished = set(waiting)
    running = 0
    while waiting or running:
        for unit in list(waiting.values()):
            if running < engine.slots and not unfinished.intersection(unit.after):
                engine.submit(waiting.pop(unit.name))
                running += 1
        assert running, f"units wait for each other: {', '.join(waiting)}"
        outcome = engine.wait()
        running -= 1
        yield outcome
        if outcome.state == "done":
            unfinished.discard(outcome.unit.name)
        else:
            for unit in _behind(outcome.unit, list(waiting.values())):
                del waiting[unit.name]
                yield Outcome(unit, "skipped", error=f"not tried: {outcome.unit.name} failed")


def _behind(failed: Unit, waiting: Sequence[Unit]) -> list[Unit]:
    """Everything that comes after a unit, directly or not, in order."""
    out_of_reach = {failed.name}
    found: list[Unit] = []
    grown = True
    while grown:
        fresh = [u for u in waiting if u.name not in out_of_reach and out_of_reach & set(u.after)]
        out_of_reach.update(unit.name for unit in fresh)
        found += fresh
        grown = bool(fresh)
    return [unit for unit in waiting if unit in found]
