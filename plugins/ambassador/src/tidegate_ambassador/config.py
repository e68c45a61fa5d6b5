"""The `ambassador` part of a Rollout's trafficRouting."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_LENGTH = 253  # a DNS subdomain, RFC 1123


def is_name(value: str) -> bool:
    """Whether an object may be called so."""
    return len(value) <= NAME_LENGTH and SUBDOMAIN.fullmatch(value) is not None


class AmbassadorConfig(BaseModel):
    """The Mappings that carry the stable traffic, in the Rollout's namespace; at least one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mappings: tuple[str, ...] = Field(min_length=1)

    @field_validator("mappings")
    @classmethod
    def _names_are_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in value if not is_name(name)]:
            raise ValueError(f"{wrong[0]!r:.80} is no name of a Mapping: use lower-case letters, digits, - and .")
        if twice := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is named twice; name every Mapping once")
        return value
