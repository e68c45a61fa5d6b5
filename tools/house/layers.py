"""Who may import whom: the layers of core, and the doors in their walls."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence

from house.sources import Finding, Import, Module, exported, imports, targets

CORE = "tidegate"

# What each room of core may import, beside itself. All may import the ground: `tidegate` itself and the error tree.
ROOMS: Mapping[str, frozenset[str]] = {
    "api": frozenset(),
    "machine": frozenset({"api"}),
    "hooks": frozenset({"api", "machine"}),
    # Beside hooks: what it plays with are models of routers, not plugins.
    "simulation": frozenset({"api", "machine"}),
    # Nobody imports builtin: its plugins are registered through entry points, like anyone's.
    "builtin": frozenset({"api", "machine", "hooks"}),
    "runtime": frozenset({"api", "machine", "hooks"}),
    "cli": frozenset({"api", "machine", "hooks", "simulation", "runtime"}),
    "controller": frozenset({"api", "machine", "hooks", "runtime"}),
    "dashboard": frozenset({"api", "machine", "hooks", "runtime"}),
    # The door of `python -m tidegate`.
    "__main__": frozenset({"cli"}),
}
GROUND = frozenset({"", "errors"})

# Libraries that only the named modules of core may import, so that one place changes when the library does.
GATES: Mapping[str, tuple[str, ...]] = {
    "kubernetes": ("tidegate.runtime.transport*",),
    "pluggy": ("tidegate.hooks.facade", "tidegate.hooks.loader", "tidegate.hooks.markers"),
}

# What a plugin may see of core.
CONTRACT = ("tidegate.api", "tidegate.machine", "tidegate.hooks", "tidegate.errors")


def room(name: str) -> str:
    """The room of core a dotted name lies in: `hooks` for `tidegate.hooks.loader`, empty for `tidegate` itself."""
    return name.partition(".")[2].partition(".")[0]


def layering(modules: Sequence[Module]) -> Iterator[Finding]:
    """Imports of core that do not run downwards, and modules in a room that the house does not have."""
    for module in modules:
        here = room(module.name)
        if here not in ROOMS and here not in GROUND:
            yield Finding(module.path, 1, f"no room of the house is called {here!r}: have {', '.join(ROOMS)}")
            continue
        for found, there in _rooms(module):
            if there != here and there not in GROUND and there not in ROOMS.get(here, frozenset()):
                yield Finding(module.path, found.line, f"{here or CORE} must not import {CORE}.{there}")


def _rooms(module: Module) -> Iterator[tuple[Import, str]]:
    for found in imports(module):
        if found.module == CORE:
            # `from tidegate import hooks` names the room; `from tidegate import __version__` names the ground.
            yield from ((found, name if name in ROOMS else "") for name in found.names)
        elif found.under(CORE):
            yield found, room(found.module)


def gates(modules: Sequence[Module]) -> Iterator[Finding]:
    """Imports of a gated library anywhere but in its gate."""
    for module in modules:
        for found in imports(module):
            library = found.module.partition(".")[0]
            gate = GATES.get(library)
            if gate and not any(fnmatch.fnmatchcase(module.name, pattern) for pattern in gate):
                yield Finding(module.path, found.line, f"only {', '.join(gate)} may import {library}")


def contract(plugin: Sequence[Module], core: Sequence[Module]) -> Iterator[Finding]:
    """Imports of a plugin that reach behind the contract: other rooms of core, other packages, private names."""
    own = {module.name.partition(".")[0] for module in plugin}
    rooms = {module.name: module for module in core}
    for module in plugin:
        for found in imports(module):
            top = found.module.partition(".")[0]
            if top in GATES:
                yield Finding(
                    module.path, found.line, f"a plugin must not import {top}; tidegate.hooks has what it needs"
                )
            elif top.startswith(CORE) and top not in own:
                yield from _beyond(module, found, rooms)


def _beyond(module: Module, found: Import, core: Mapping[str, Module]) -> Iterator[Finding]:
    full = targets(found, core) or {found.module}
    if not all(name == door or name.startswith(door + ".") for name in full for door in [_door(name)]):
        yield Finding(
            module.path, found.line, f"a plugin sees only {', '.join(CONTRACT)}, not {', '.join(sorted(full))}"
        )
        return
    yield from (Finding(module.path, found.line, f"{name} is not public") for name in _private(found, core))


def _door(name: str) -> str:
    return next((door for door in CONTRACT if name == door or name.startswith(door + ".")), "no door")


def _private(found: Import, core: Mapping[str, Module]) -> Iterable[str]:
    parts = found.module.split(".")
    if any(part.startswith("_") for part in parts):
        return [found.module]
    owner = core.get(found.module)
    public = exported(owner) if owner else None
    hidden = [
        name
        for name in found.names
        if name.startswith("_") or (public is not None and name not in public and name != "*")
    ]
    return [f"{found.module}.{name}" for name in hidden if f"{found.module}.{name}" not in core or name.startswith("_")]
