"""A simulated course told to people, and to programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from pydantic.alias_generators import to_camel

from tidegate.cli.simulate_course import Course, Moment, Pods
from tidegate.cli.spans import clock, span
from tidegate.cli.standing import pods

# What happens within this time is one row: a person cannot tell passes that follow one another within milliseconds.
ROW_S = 0.5


def told(course: Course, title: str) -> str:
    """Title, table, assumptions and verdict."""
    head = ("TIME", "PHASE", "STEP", "TRAFFIC", "NEW", "STABLE", "FORMER", "WHAT HAPPENED")
    rows = [head, *_rows(course)]
    kept = [column for column in range(len(head)) if column != 6 or any(row[6] not in ("", "-") for row in rows[1:])]
    widths = [max(len(row[column]) for row in rows) for column in kept[:-1]]
    lines = [title, ""]
    for row in rows:
        cells = [row[column].ljust(width) for column, width in zip(kept, [*widths, 0], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, "", *(f"assumed: {each}" for each in course.assumed), verdict(course)])


def _rows(course: Course) -> Iterator[tuple[str, ...]]:
    """One row a moment that people can tell apart, and a further line for each further thing that happened in it."""
    before: Moment | None = None
    for moment in grouped(course.moments):
        first, *more = moment.what or (_difference(before, moment),)
        phase = f"{moment.phase} ({moment.message})" if moment.phase == "Paused" else moment.phase
        shown = [phase, _step(course, moment), f"{moment.share:g} %", *map(_count, (moment.new, moment.stable))]
        former = _count(moment.former) if moment.former != Pods() else "-"
        yield (clock(moment.at_s), *shown, former, first)
        yield from (("", "", "", "", "", "", "", each) for each in more)
        before = moment


def grouped(moments: Iterable[Moment]) -> list[Moment]:
    """Moments of which those that follow at once are one: the time of the first, the state of the last."""
    found: list[Moment] = []
    for moment in moments:
        if found and moment.at_s - found[-1].at_s <= ROW_S:
            found[-1] = replace(moment, at_s=found[-1].at_s, what=(*found[-1].what, *moment.what))
        else:
            found.append(moment)
    return found


def _step(course: Course, moment: Moment) -> str:
    if moment.step is None:
        return "-"
    count = len(course.steps)
    return f"{moment.step + 1}/{count} {course.steps[moment.step]}" if moment.step < count else f"all {count} done"


def _count(count: Pods) -> str:
    return f"{count.available}/{count.wanted}"


def _difference(before: Moment | None, moment: Moment) -> str:
    """What is to be seen without being told by an event."""
    if before is None:
        return "the update begins"
    said = []
    for who in ("new", "stable", "former"):
        was, now = getattr(before, who), getattr(moment, who)
        if now.available != was.available:
            change = now.available - was.available
            more = "become available" if change > 0 else "are gone"
            said.append(
                f"{pods(abs(change), who)} {more if abs(change) > 1 else more.replace('become', 'becomes').replace('are', 'is')}"
            )
    if moment.phase != before.phase:
        said.append(moment.phase)
    return ", ".join(said) or "-"


def verdict(course: Course) -> str:
    """How it ended, how long it took, the capacity on the way, and where the time went: one line."""
    last = course.last
    ended = f"{last.phase or 'no phase'}" + (f" ({last.message})" if last.message else "")
    if not course.over:
        ended = f"Not over, {ended},"
    least, most = course.capacity
    wanted = max(course.replicas, 1)
    paused_s, pods_s = course.waiting_s()
    people = len(course.resumed)
    quiet = (
        f", quiet {span(course.ended_s - course.settled_s)} later" if course.ended_s - course.settled_s > ROW_S else ""
    )
    percent = _between(least * 100 // wanted, most * 100 // wanted, " %")
    parts = [
        f"{ended} after {span(course.settled_s)}{quiet}",
        f"{_between(least, most)} pods available of {course.replicas} wanted ({percent})",
        f"at most {course.most_wanted} asked for at one time",
        (f"{span(paused_s)} in pauses" if paused_s else "no pauses")
        + (f", {people} ended by a person" if people else ""),
        f"{span(pods_s)} waiting for pods",
    ]
    return "; ".join(parts) + "."


def _between(least: int, most: int, unit: str = "") -> str:
    return f"{least}{unit}" if least == most else f"{least}{unit} to {most}{unit}"


def record(course: Course, title: str) -> dict[str, Any]:
    """The course as JSON; keys are only ever added. Times are seconds since the update began, steps count from 0."""
    least, most = course.capacity
    paused_s, pods_s = course.waiting_s()
    return {
        "rollout": course.name,
        "title": title,
        "replicas": course.replicas,
        "steps": list(course.steps),
        "routed": course.routed,
        "moments": [_plain(asdict(moment)) for moment in course.moments],
        "pauses": [_plain(asdict(pause)) for pause in course.pauses()],
        "resumed": course.resumed,
        "assumed": course.assumed,
        "verdict": {
            "text": verdict(course),
            "healthy": course.healthy,
            "over": course.over,
            "phase": course.last.phase,
            "message": course.last.message,
            "seconds": course.settled_s,
            "quietSeconds": course.ended_s,
            "fewestAvailable": least,
            "mostAvailable": most,
            "mostWanted": course.most_wanted,
            "pausedSeconds": round(paused_s, 3),
            "waitingForPodsSeconds": round(pods_s, 3),
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {to_camel(key): _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
