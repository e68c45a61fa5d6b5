"""Import cycles among modules, deferred imports included."""

import graphlib
from collections.abc import Iterator, Sequence

from house.sources import Finding, Module, imports, targets


def graph(modules: Sequence[Module]) -> dict[str, set[str]]:
    """For each module the other modules it names in an import."""
    names = {module.name for module in modules}
    return {
        module.name: {name for found in imports(module) for name in targets(found, names)} - {module.name}
        for module in modules
    }


def cycles(modules: Sequence[Module]) -> Iterator[Finding]:
    """Every cycle once: it is reported, cut at one edge, and the rest is looked at again."""
    edges = graph(modules)
    paths = {module.name: module.path for module in modules}
    while (ring := _ring(edges)) is not None:
        yield Finding(
            paths[ring[0]], 1, f"import cycle {' -> '.join(ring)}: what both sides need belongs in a lower module"
        )
        edges[ring[0]].discard(ring[1])


def _ring(edges: dict[str, set[str]]) -> list[str] | None:
    """One cycle in import order, from its smallest name back to itself; None where there is none."""
    try:
        graphlib.TopologicalSorter({name: sorted(edges[name]) for name in sorted(edges)}).prepare()
    except graphlib.CycleError as error:
        # graphlib lists each node after its predecessor, which here is what it imports: so backwards is import order.
        ring: list[str] = list(reversed(error.args[1]))[1:]
        start = ring.index(min(ring))
        return [*ring[start:], *ring[:start], ring[start]]
    return None
