"""Fields of a Rollout that nobody knows: a server drops them without a word, so a typo looks like a setting."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from tidegate.api.rollout import Rollout, TrafficRouting
from tidegate.api.wire import Wire


def unknown_fields(rollout: Rollout) -> Iterator[tuple[str, str]]:
    """(path, text) of every unknown field of the spec. Keys under trafficRouting name routers and are not judged here."""
    yield from unknown_fields_of(rollout.spec, "spec")


def unknown_fields_of(model: Wire, path: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every unknown field of a model that stands at `path`."""
    known = {field.alias or name: getattr(model, name) for name, field in type(model).model_fields.items()}
    for name in () if isinstance(model, TrafficRouting) else model.__pydantic_extra__ or {}:
        close = get_close_matches(name, known, n=1)
        meant = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(sorted(known))}"
        yield f"{path}.{name}", f"{path}.{name}: Unknown field: it would be dropped; {meant}"
    for name, value in known.items():
        yield from _of_value(value, f"{path}.{name}")


def _of_value(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Wire):
        yield from unknown_fields_of(value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _of_value(item, f"{path}[{index}]")
