"""A played history for people: what happened, what each pass did and why."""

from __future__ import annotations

from collections.abc import Iterator

from histories.play import Played
from tidegate.simulation import Moment


def lines(played: Played) -> Iterator[str]:
    """The config, then operations and passes in order, then what was broken."""
    config = played.history.config
    yield f"config: {config.wire()}"
    waiting = list(played.done)
    for moment in played.cluster.history:
        while waiting and waiting[0][0] < moment.ms:
            yield f"{'':>9}   >>> {' '.join(map(str, waiting.pop(0)[1]))}"
        yield from _pass(moment)
    yield from (f"{'':>9}   >>> {' '.join(map(str, operation))}" for _, operation in waiting)
    yield from (f"VIOLATION {violation}" for violation in played.violations)


def _pass(moment: Moment) -> Iterator[str]:
    sizes = " ".join(f"{image} {ready}/{wanted}" for image, (wanted, ready) in moment.sizes.items())
    weights = " ".join(f"{router} {weight}" for router, weight in moment.weights.items())
    step = "" if moment.step is None else f"step {moment.step} "
    phase = f"{moment.phase} {moment.message}".strip()
    end = " CRASH" if moment.made.crashed else f" ERROR {moment.made.error}" if moment.made.error else ""
    yield f"{moment.ms / 1000:9.3f} {moment.situation}: {phase} | {step}{weights} | {sizes}{end}"
    for what, why in moment.actions:
        yield f"{'':>12}{what.partition('(')[0]}: {why}"
    for note in moment.notes:
        yield f"{'':>12}waits: {note}"
    for event in moment.events:
        yield f"{'':>12}event {event}"
