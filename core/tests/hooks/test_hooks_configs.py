"""What is said of a config that its model refuses, and what is not repeated of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from tidegate.hooks.configs import read_config
from tidegate.hooks.values import duration_s, go_text, is_known


class Header(BaseModel):
    key: str
    value: str


class Open(BaseModel):
    """A model that says nothing of its input."""

    model_config = ConfigDict(strict=True)

    address: str = ""
    size: int = 0
    headers: list[Header] = []

    @model_validator(mode="after")
    def _is_whole(self) -> Open:
        if self.address == "nowhere":
            raise ValueError("address and size do not go together")
        return self


class Closed(Open):
    """The same for a config with credentials in it."""

    model_config = ConfigDict(hide_input_in_errors=True)


def texts(model: type[BaseModel], raw: Any, what: str = "traffic router") -> list[str]:
    return [problem.text for problem in read_config(model, "m", raw, "spec.m", what).problems]


def test_a_refused_value_is_repeated() -> None:
    assert texts(Open, {"size": "ten"}) == ['spec.m.size: Invalid value: "ten": Input should be a valid integer']


def test_a_model_that_hides_its_input_gets_none_of_it_repeated() -> None:
    assert texts(Closed, {"size": "s3cret"}) == [
        "spec.m.size: Invalid value: (hidden): Input should be a valid integer"
    ]
    assert "s3cret" not in str(read_config(Closed, "m", "s3cret", "spec.m").problems)


@pytest.mark.parametrize(
    "raw",
    [
        {"address": {"token": "s3cret"}},
        {"address": ["s3cret"]},
        {"headers": {"key": "Authorization", "value": "s3cret"}},
        {"address": "nowhere", "headers": [{"key": "Authorization", "value": "s3cret"}]},
    ],
    ids=["object", "list", "object for a list", "whole config"],
)
def test_an_object_or_a_list_is_never_repeated(raw: Any) -> None:
    (text,) = texts(Open, raw)
    assert "Invalid value: (a" in text
    assert "s3cret" not in text


def test_a_missing_value_is_told_as_missing() -> None:
    assert texts(Closed, {"headers": [{"key": "a"}]}) == ["spec.m.headers[0].value: Required value: Field required"]


def test_a_config_that_is_no_object_is_told_by_its_owner() -> None:
    assert texts(Open, [1], "metric provider") == [
        "spec.m: Invalid value: (a list): the config of a metric provider is an object, found list"
    ]


def test_durations_are_read_and_refused_in_the_words_of_go() -> None:
    assert (duration_s("1h30m"), duration_s("")) == (5400.0, 0.0)
    with pytest.raises(ValueError, match='time: missing unit in duration "5"'):
        duration_s("5")


def test_values_are_printed_as_go_prints_them() -> None:
    assert go_text({"b": [0.5, 1e6], "a": None}) == "map[a:<nil> b:[0.5 1e+06]]"


def test_stand_ins_for_arguments_are_known_as_such() -> None:
    assert [is_known(text) for text in ("5m", "dummy-value", "xplaceholdery")] == [True, False, False]
