"""Lists are decoded item by item, whatever their form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import Transient
from tidegate.runtime.stream import listed

ITEMS = st.lists(
    st.dictionaries(st.text(max_size=6), st.integers() | st.text(max_size=9) | st.lists(st.none()), max_size=4)
)


@given(items=ITEMS, pretty=st.booleans())
def test_a_list_gives_its_metadata_and_every_item_in_order(items: list[dict[str, Any]], pretty: bool) -> None:
    answer = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7", "continue": "x"}, "items": items}
    metadata, found = listed("GET things", json.dumps(answer, indent=2 if pretty else None).encode())
    assert (metadata, list(found)) == (answer["metadata"], items)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"items":[{"a":1}],"metadata":{"resourceVersion":"7"}}', ({"resourceVersion": "7"}, [{"a": 1}])),
        ('{"metadata":{"resourceVersion":"7"},"items":null}', ({"resourceVersion": "7"}, [])),
        ('{"metadata":{"resourceVersion":"7"}}', ({"resourceVersion": "7"}, [])),
        ("", ({}, [])),
    ],
    ids=["items first", "null items", "no items", "empty"],
)
def test_other_forms_are_read_whole(text: str, wanted: tuple[dict[str, Any], list[Any]]) -> None:
    metadata, found = listed("GET things", text.encode())
    assert (metadata, list(found)) == wanted


def test_a_list_that_breaks_off_is_no_shorter_list() -> None:
    _, found = listed("GET things", b'{"metadata":{"resourceVersion":"7"},"items":[{"a":1},{"b":')
    with pytest.raises(Transient, match="GET things: the answer is not JSON"):
        list(found)


def test_a_list_without_its_end_is_no_list() -> None:
    _, found = listed("GET things", b'{"metadata":{"resourceVersion":"7"},"items":[{"a":1}')
    with pytest.raises(Transient):
        list(found)


def test_an_object_that_is_nested_too_deeply_is_left_out_alone(caplog: pytest.LogCaptureFixture) -> None:
    deep = "[" * 20_000 + "]" * 20_000
    text = f'{{"metadata":{{"resourceVersion":"7"}},"items":[{{"a":1}},{{"deep":{deep},"s":"}}\\""}},{{"b":2}}]}}'
    _, found = listed("GET things", text.encode())
    assert list(found) == [{"a": 1}, {"b": 2}]
    assert "nested too deeply" in caplog.text
