"""The base of every wire model: camelCase names, unknown fields kept, and what is absent stays absent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

_NUMBER = re.compile(r"[0-9]{1,10}")
_NESTED = (dict, list)


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

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, and several times faster: a decision makes half a dozen statuses, each from the one before."""
        if deep:
            return super().model_copy(update=update, deep=deep)
        fields, extra, changes = dict(self.__dict__), dict(self.__pydantic_extra__ or {}), update or {}
        known = self.__pydantic_fields__
        for name, value in changes.items():
            (fields if name in known else extra)[name] = value
        made = self.__new__(type(self))
        object.__setattr__(made, "__dict__", fields)
        object.__setattr__(made, "__pydantic_extra__", extra)
        object.__setattr__(made, "__pydantic_fields_set__", self.__pydantic_fields_set__ | changes.keys())
        object.__setattr__(made, "__pydantic_private__", None)
        return made

    def wire(self) -> dict[str, Any]:
        """The JSON form: only what was set, under its wire name."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def without_nulls(value: Any) -> Any:
    """`value` without the object fields that are null (a null in a list stays)."""
    if isinstance(value, dict):
        # Scalars, which are most of it, are not worth a call each.
        return {
            key: without_nulls(item) if isinstance(item, _NESTED) else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def read_time(value: Any) -> Any:
    """RFC 3339 as Kubernetes writes it; a datetime passes, naive ones are taken as UTC."""
    if isinstance(value, str):
        return _moment(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


@lru_cache(4096)  # the dozen times of a status are read again with each of its versions
def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@lru_cache(4096)  # a status is written with the dozen times that it was read with
def write_time(value: datetime) -> str:
    """Whole-second RFC 3339 in UTC: `2026-01-02T03:04:05Z`, the form of every Kubernetes timestamp."""
    return value.astimezone(UTC).isoformat()[:19] + "Z"


@lru_cache(4096)  # revisions, read many times in a pass
def whole_number(text: str) -> int:
    """The number that an annotation holds; 0 where it is none, or longer than any counter gets."""
    return int(text) if _NUMBER.fullmatch(text) else 0


Time = Annotated[datetime, BeforeValidator(read_time), PlainSerializer(write_time)]
