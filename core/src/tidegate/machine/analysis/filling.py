"""Tags in texts: `{{ args.x }}` gives way to a value, and every other tag is an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from tidegate.api.analysis import Argument, Metric
from tidegate.machine.analysis.faults import Unusable

PLACEHOLDER = "placeholder"  # stands for what only the world knows while a spec is judged
LONGEST = (
    4_000_000  # characters: twice what any API server stores of one object; bounds what a thousand tags can grow to
)

Lookup = Callable[[str], str | None]


def fill(text: str, lookup: Lookup) -> str:
    """`text` with every tag replaced; `lookup` knows a tag's value, None for one that stands for nothing.

    A tag ends at the first `}}`, blanks around it do not count. Raises Unusable for an unknown or an open one.
    """
    parts: list[str] = []
    rest, size = text, 0
    while True:
        before, opened, behind = rest.partition("{{")
        parts.append(before)
        if not opened:
            return "".join(parts)
        tag, closed, rest = behind.partition("}}")
        if not closed:
            raise Unusable(f'Cannot find end tag="}}}}" in the template={text[:200]!r} starting from {behind[:80]!r}')
        value = lookup(tag.strip())
        if value is None:
            raise Unusable(f"failed to resolve {{{{{tag}}}}}")
        parts.append(value)
        size += len(before) + len(value)
        if size > LONGEST:
            raise Unusable(
                f"text grows beyond {LONGEST} characters while its tags are filled in; use fewer or shorter ones"
            )


def filled(metric: Metric, values: Mapping[str, str]) -> Metric:
    """A metric with its arguments filled in, in every text that it holds. Raises Unusable."""
    text = json.dumps(metric.wire(), ensure_ascii=False, separators=(",", ":"))
    if "{{" not in text:
        return metric

    def lookup(tag: str) -> str | None:
        head, dot, name = tag.partition(".")
        value = values.get(name) if dot and head == "args" else None
        return None if value is None else json.dumps(value, ensure_ascii=False)[1:-1]

    return Metric.read(json.loads(fill(text, lookup)))


def values_of(args: list[Argument], secrets: Mapping[str, str] | None = None) -> dict[str, str]:
    """The arguments' values. A Secret wins over a value; `secrets` are by argument, None puts placeholders for all.

    Raises Unusable for an argument that nobody supplied.
    """
    found: dict[str, str] = {}
    for arg in args:
        asks = arg.value_from is not None and arg.value_from.secret_key_ref is not None
        value = (PLACEHOLDER if secrets is None else secrets.get(arg.name)) if asks else arg.value
        if value is None:
            raise Unusable(f'argument "{arg.name}" was not supplied')
        found[arg.name] = value
    return found
