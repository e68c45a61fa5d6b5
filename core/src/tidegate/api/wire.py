"""The base of every wire model: camelCase names, unknown fields kept, and what is absent stays absent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

_NUMBER = re.compile(r"[0-9]{1,10}")


class Wire(BaseModel):
    """A part of a Kubernetes object. Reading is lenient, writing loses nothing.

    Unknown fields survive a round trip; a null is read as absent, as the API server's clients do; a value of the wrong
    type raises pydantic's ValidationError with the path.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True, protected_namespaces=()
    )

    @classmethod
    def read(cls, manifest: Any) -> Self:
        """The model of `manifest`; nulls count as absent."""
        return cls.model_validate(without_nulls(manifest))

    def wire(self) -> dict[str, Any]:
        """The JSON form: only what was set, under its wire name."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def without_nulls(value: Any) -> Any:
    """`value` without the object fields that are null (a null in a list stays)."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def read_time(value: Any) -> Any:
    """RFC 3339 as Kubernetes writes it; a datetime passes, naive ones are taken as UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


@lru_cache(4096)  # a status is written with the dozen times that it was read with
def write_time(value: datetime) -> str:
    """Whole-second RFC 3339 in UTC: `2026-01-02T03:04:05Z`, the form of every Kubernetes timestamp."""
    return value.astimezone(UTC).isoformat()[:19] + "Z"


def whole_number(text: str) -> int:
    """The number that an annotation holds; 0 where it is none, or longer than any counter gets."""
    return int(text) if _NUMBER.fullmatch(text) else 0


Time = Annotated[datetime, BeforeValidator(read_time), PlainSerializer(write_time)]
