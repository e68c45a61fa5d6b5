"""A prospect told to people, and to programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from tidegate.api import names
from tidegate.api.wire import write_time
from tidegate.cli.rehearsal import Prospect
from tidegate.cli.spans import seen_from
from tidegate.cli.standing import Position, Revision, pods, position, revisions, sentence
from tidegate.cli.wording import words
from tidegate.hooks.objects import Change
from tidegate.machine.actions import Action, Event
from tidegate.machine.merge import merged
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.outcome.serial import status_patch, stored

# The runtime looks at every object anew after this long, whatever the plan says.
RESYNC = "when something changes, at the latest after 15 min"
# Fields of the status that say nothing to people; phase and message are told apart. JSON has all of them.
UNTOLD = frozenset({"phase", "message", "observedGeneration", "selector", "currentStepHash", "HPAReplicas"})
LONGEST_VALUE = 100  # characters of one value in the text; JSON has all of it


def told(prospect: Prospect) -> str:
    """The story of one pass."""
    case = Case.of(prospect.seen)
    name = "/".join(case.rollout.key)
    lines = [
        f"Rollout {name}: {case.situation}, {sentence(case)}.",
        *_block("revisions", (_pods(each, case.total) for each in revisions(case))),
    ]
    lines += _block("position", [_where(position(case, prospect))])
    lines += _block("next", _numbered(prospect) or ["nothing but the status" if _changes(prospect) else "nothing"])
    lines += _block("notes", prospect.plan.notes)
    lines += _block("status", _status_lines(prospect))
    lines += _block("events", (f"{e.type} {e.reason}: {e.message}" for e in events(prospect)))
    if prospect.settled.error:
        lines += _block("error", [f"{prospect.settled.error}; tried again with growing pauses"])
    return "\n".join([*lines, *_block("looks again", [_again(prospect)])])


def _block(title: str, items: Iterable[str]) -> Iterator[str]:
    """A titled list; nothing where it is empty."""
    head = f"  {title:<12}"
    for item in items:
        yield f"{head}{item}"
        head = " " * 14


def _pods(revision: Revision, total: int) -> str:
    part = f"{revision.share} %" if total == names.DEFAULT_TOTAL_WEIGHT else f"{revision.share} of {total} parts"
    share = f", {part} of the traffic" if revision.share else ""
    up = f"{revision.available} of {pods(revision.wanted)} available"
    return f"{revision.role}: revision {revision.number} ({revision.name}), {up}{share}"


def _where(found: Position) -> str:
    return f"{found.text}; {found.waits}" if found.waits else found.text


def _numbered(prospect: Prospect) -> list[str]:
    lines = []
    for number, action in enumerate(prospect.plan.actions):
        text = f"{number + 1}. {words(action, prospect.seen)}: {action.why}".removesuffix(": ")
        lines.append(f"{text} (not come to)" if number in prospect.untried else text)
        lines += [f"     {each}" for change in prospect.changes.get(number, ()) for each in _written(change)]
        if number in prospect.changes and not prospect.changes[number] and number not in prospect.refused:
            lines.append("     nothing to write: it is so already")
        if number in prospect.refused:
            lines.append(f"     will not be done: {prospect.refused[number]}")
    return lines


def _written(change: Change) -> Iterator[str]:
    """What a router writes: the fields of a patch, the annotations of what it creates."""
    if change.verb != "patch":
        yield f"{change.verb}s {change.place}"
        annotations = (change.patch.get("metadata") or {}).get("annotations") or {}
        yield from (f"  metadata.annotations.{key} = {value}" for key, value in annotations.items())
        return
    for path, before, after in differences(change.before, change.patch):
        yield f"patches {change.place}: {path} {_short(before)} -> {_short(after)}"


def _status_lines(prospect: Prospect) -> Iterator[str]:
    if prospect.settled.status is None:
        yield "is left as it is"
        return
    before, after = _status(prospect)
    old, new = _phase(before), _phase(after)
    yield f"{old} -> {new}" if old != new else f"stays {new}"
    for path, was, becomes in differences(before, _changes(prospect)):
        if path not in UNTOLD:
            yield f"{path} {_short(was)} -> {_short(becomes)}"


def _status(prospect: Prospect) -> tuple[dict[str, Any], dict[str, Any]]:
    before = stored(prospect.seen.rollout.status)
    return before, merged(before, _changes(prospect))


def _changes(prospect: Prospect) -> dict[str, Any]:
    """The merge patch of the status, empty where it stays."""
    return status_patch(prospect.seen.rollout.status, prospect.settled)


def _phase(status: Mapping[str, Any]) -> str:
    phase, message = status.get("phase") or "no phase", status.get("message")
    return f"{phase} ({message})" if message else str(phase)


def events(prospect: Prospect) -> tuple[Event, ...]:
    """Every event that the pass would send, in order; those of actions that are refused or not come to left out."""
    gone = prospect.untried | prospect.refused.keys()
    earned: list[Event] = []
    for number, action in enumerate(prospect.plan.actions):
        earned += [event for change in prospect.changes.get(number, ()) for event in change.events]
        earned += [] if number in gone else action.events
    return (*earned, *prospect.settled.events)


def _again(prospect: Prospect) -> str:
    if prospect.settled.error:
        return "soon: the pass fails"
    wake_at = prospect.settled.wake_at
    return RESYNC if wake_at is None else f"{seen_from(wake_at, prospect.seen.now)}, earlier if something changes"


# --- for programs ---


def record(prospect: Prospect) -> dict[str, Any]:
    """One pass as JSON. Actions are `type`, `text`, `why`, `fields`, `events`; keys are only ever added."""
    case = Case.of(prospect.seen)
    before, after = _status(prospect)
    wake_at = prospect.settled.wake_at
    return {
        "rollout": {"namespace": case.rollout.metadata.namespace, "name": case.rollout.metadata.name},
        "now": write_time(case.now),
        "situation": {"name": str(case.situation), "text": sentence(case)},
        "revisions": [plain(each) for each in revisions(case)],
        "position": plain(position(case, prospect)),
        "actions": [_action(prospect, number) for number in range(len(prospect.plan.actions))],
        "notes": list(prospect.plan.notes),
        "status": {
            "written": prospect.settled.status is not None,
            "before": {"phase": before.get("phase", ""), "message": before.get("message", "")},
            "after": {"phase": after.get("phase", ""), "message": after.get("message", "")},
            "patch": plain(_changes(prospect)),
        },
        "events": [asdict(event) for event in events(prospect)],
        "error": prospect.settled.error,
        "wakeAt": wake_at.isoformat() if wake_at else None,
        "wakeInSeconds": (wake_at - case.now).total_seconds() if wake_at else None,
    }


def _action(prospect: Prospect, number: int) -> dict[str, Any]:
    action = prospect.plan.actions[number]
    described = {
        "type": type(action).__name__,
        "text": words(action, prospect.seen),
        "why": action.why,
        "fields": _fields(action),
        "events": [asdict(event) for event in action.events],
        "tried": number not in prospect.untried,
    }
    if number in prospect.changes:
        described["writes"] = [_change(each) for each in prospect.changes[number]]
    if number in prospect.refused:
        described["refused"] = prospect.refused[number]
    return described


def _fields(action: Action) -> dict[str, Any]:
    return {to_camel(f.name): plain(getattr(action, f.name)) for f in fields(action) if f.name not in ("why", "events")}


def _change(change: Change) -> dict[str, Any]:
    return {"verb": change.verb, "kind": change.kind.resource, "name": change.name, "patch": plain(change.patch)}


def plain(value: object) -> Any:
    """A value of the machine as JSON: field names in camelCase, sets sorted."""
    if is_dataclass(value) and not isinstance(value, type):
        return {to_camel(f.name): plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


# --- differences ---


def differences(before: Mapping[str, Any], patch: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The leaves of a merge patch as (dotted path, before, after); None where there is, or will be, no value.

    Conditions are named by their type, since people know them by it.
    """
    for key, after in patch.items():
        here = f"{path}.{key}" if path else key
        old = before.get(key)
        if isinstance(after, Mapping):
            yield from differences(old if isinstance(old, Mapping) else {}, after, here)
        elif key == "conditions" and isinstance(after, list):
            yield from _conditions(old or [], after)
        elif key == "pauseConditions":
            yield here, _reasons(old), _reasons(after)
        elif isinstance(old, Mapping) and after is None:
            yield from ((f"{here}.{inner}", was, None) for inner, was in old.items())
        else:
            yield here, old, after


def _conditions(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Any, Any]]:
    old, new = ({c["type"]: f"{c['status']} ({c.get('reason', '')})" for c in each} for each in (before, after))
    for type_ in [*new, *(gone for gone in old if gone not in new)]:
        if old.get(type_) != new.get(type_):
            yield f"condition {type_}", old.get(type_), new.get(type_)


def _reasons(pauses: Sequence[Mapping[str, Any]] | None) -> str | None:
    return ", ".join(f"{p['reason']} since {p['startTime']}" for p in pauses) if pauses else None


def _short(value: Any) -> str:
    if value is None:
        return "(none)"
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
