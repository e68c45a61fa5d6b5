"""What is known of every installed plugin, and which of them the operator wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from tidegate.hooks.references import Rule
from tidegate.machine.traffic import Capability


@dataclass(frozen=True, slots=True)
class PluginSelection:
    """The `plugins` part of `tidegate.yaml`; without a file every installed plugin is enabled.

    `enabled` is "*" or names; `disabled` wins over it; a `required` plugin that does not load ends the start;
    `settings` are the plugins' own blocks, by plugin name.
    """

    enabled: Literal["*"] | Sequence[str] = "*"
    disabled: Sequence[str] = ()
    required: Sequence[str] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        """Whether the plugin is to be imported."""
        return name not in self.disabled and (self.enabled == "*" or name in self.enabled or name in self.required)


class Status(StrEnum):
    """What became of an installed plugin."""

    LOADED = "loaded"
    DISABLED = "disabled"  # never imported
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One installed plugin. `name` is its entry point's; `router` or `meter` is the key it answers to, as a
    traffic router or a metric provider; both are "" for a wrapper plugin.

    `error` says in one line what is wrong with a failed one, `traceback` where its import broke. `verbs` are the hooks
    that it implements. `remote` is the label selector of the Secret that leads to its objects' cluster, "" without one.
    """

    name: str
    distribution: str = ""
    version: str = ""
    status: Status = Status.LOADED
    error: str = ""
    traceback: str = ""
    router: str = ""
    meter: str = ""
    title: str = ""
    can: frozenset[Capability] = frozenset()
    needs: tuple[Rule, ...] = ()
    verbs: frozenset[str] = frozenset()
    remote: str = ""

    @property
    def key(self) -> str:
        """The key that it answers to, whatever it is."""
        return self.router or self.meter

    @property
    def origin(self) -> str:
        """`<distribution>==<version>`: what to name when something is wrong with it."""
        return f"{self.distribution}=={self.version}"


_WRITING_ORDER = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def merged(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """One rule for each resource, with the verbs of all, sorted: what a role has to grant."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        verbs.setdefault((rule.group, rule.resource), set()).update(rule.verbs.split())
    return tuple(
        Rule(group, resource, " ".join(sorted(wanted, key=_WRITING_ORDER.index)))
        for (group, resource), wanted in sorted(verbs.items())
    )


KNOWN_RIGHTS = frozenset(_WRITING_ORDER)
