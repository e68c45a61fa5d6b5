"""Server-side tables: what `kubectl get` prints without knowing the kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.wire.builtin_columns import COLUMNS, DEFAULT
from tidegate_sandbox.wire.cells import human_duration
from tidegate_sandbox.wire.columns import Column
from tidegate_sandbox.wire.printer_columns import custom_columns

__all__ = ["human_duration", "table"]

Include = Literal["Metadata", "Object", "None"]


def table(
    resource: str,
    objects: Sequence[Manifest],
    columns: Sequence[Manifest] | None,
    now: datetime,
    include: Include = "Metadata",
) -> Manifest:
    """A meta.k8s.io/v1 Table of `objects`, one row each, in their order.

    `resource` is the store's name of the kind; `columns` are the additionalPrinterColumns of a CRD version, None for a
    built-in kind. `include` says how much of each object a row carries, as the includeObject parameter does. The list's
    own metadata (resourceVersion, continue) is left to the caller.
    """
    layout = COLUMNS.get(resource, DEFAULT) if columns is None else custom_columns(list(columns))
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [_definition(column) for column in layout],
        "rows": [_row(obj, layout, now, include) for obj in objects],
    }


def _definition(column: Column) -> Manifest:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(obj: Manifest, layout: tuple[Column, ...], now: datetime, include: Include) -> Manifest:
    row: Manifest = {"cells": [column.cell(obj, now) for column in layout]}
    if include == "Object":
        row["object"] = obj
    elif include == "Metadata":
        metadata = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
        row["object"] = metadata
    return row
