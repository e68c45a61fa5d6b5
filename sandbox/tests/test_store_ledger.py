"""Versions, history and snapshots."""

from __future__ import annotations

import pytest

from tidegate_sandbox import ledger as ledger_module
from tidegate_sandbox.errors import Gone
from tidegate_sandbox.ledger import Ledger


def put(ledger: Ledger, name: str, value: int) -> int:
    with ledger.lock:
        row = ledger.put("things", ("", name), {"metadata": {"name": name}, "value": value})
    ledger.deliver()
    return row.version


def values(ledger: Ledger, version: int) -> dict[str, int]:
    return {key[1]: row.object["value"] for key, row in ledger.rows_at("things", version)}


def test_a_snapshot_undoes_later_changes() -> None:
    ledger = Ledger()
    put(ledger, "a", 1)
    version = put(ledger, "b", 1)
    put(ledger, "a", 2)
    with ledger.lock:
        ledger.remove("things", ("", "b"), ledger.rows("things")[1][1].object)
    put(ledger, "c", 1)
    assert values(ledger, version) == {"a": 1, "b": 1}
    assert values(ledger, ledger.version) == {"a": 2, "c": 1}


def test_changes_since_a_version_are_those_of_one_kind_in_order() -> None:
    ledger = Ledger()
    first = put(ledger, "a", 1)
    with ledger.lock:
        ledger.put("others", ("", "x"), {"metadata": {"name": "x"}})
    put(ledger, "a", 2)
    put(ledger, "b", 1)
    found = [(change.type, change.object["metadata"]["name"]) for change in ledger.changes_since("things", first)]
    assert found == [("MODIFIED", "a"), ("ADDED", "b")]


def test_compaction_forgets_older_versions() -> None:
    ledger = Ledger()
    version = put(ledger, "a", 1)
    put(ledger, "a", 2)
    ledger.compact()
    with pytest.raises(Gone, match="too old resource version"):
        ledger.changes_since("things", version)
    with pytest.raises(Gone):
        ledger.rows_at("things", version)
    assert ledger.changes_since("things", ledger.version) == []


def test_history_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "HISTORY", 3)
    ledger = Ledger()
    first = put(ledger, "a", 0)
    for value in range(1, 5):
        put(ledger, "a", value)
    with pytest.raises(Gone):
        ledger.changes_since("things", first)
    assert len(ledger.changes_since("things", ledger.version - 3)) == 3


def test_the_version_some_changes_ago_is_the_one_before_them() -> None:
    ledger = Ledger()
    first = put(ledger, "a", 1)
    put(ledger, "a", 2)
    assert ledger.version_before(0) == ledger.version
    assert ledger.version_before(1) == first
    assert ledger.version_before(99) == ledger.compacted


def test_an_object_is_encoded_once() -> None:
    ledger = Ledger()
    put(ledger, "a", 1)
    row = ledger.row("things", ("", "a"))
    assert row is not None
    assert row.encoded is row.encoded
    assert row.encoded == b'{"metadata":{"name":"a","resourceVersion":"2"},"value":1}'
