from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import ConfigError
from tidegate.runtime.config import Config, load, parse


def test_a_whole_file_is_read() -> None:
    config = parse(
        "plugins:\n  enabled: [one, two]\n  required: [one]\n  settings:\n    one: {prefix: x, depth: {a: 1}}\n", "f"
    )
    assert config.plugins.enabled == ["one", "two"]
    assert config.plugins.settings == {"one": {"prefix": "x", "depth": {"a": 1}}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "plugins: {}\n"], ids=["empty", "comment", "empty plugins"])
def test_what_is_not_said_has_defaults(text: str) -> None:
    assert parse(text, "f") == Config()
    assert Config().plugins.enabled is None


def test_without_a_file_there_are_defaults() -> None:
    assert load(None) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "plugins:\n  enabled: [one]\n  enabeld: [two]\n",
            "f:3: plugins.enabeld: unknown field; here can stand: enabled",
        ),
        ("plugin: {}\n", "f:1: plugin: unknown field; here can stand: plugins"),
        ("plugins:\n  enabled:\n  - one\n  - two: x\n", "f:4: plugins.enabled[1]: Input should be a valid string"),
        ("plugins:\n\n  required: one\n", "f:3: plugins.required: Input should be a valid list"),
        ("plugins:\n  settings:\n    one: 5\n", "f:3: plugins.settings.one: Input should be a valid dictionary"),
        ("plugins:\n  disabled: [a]\n  required: [a]\n", "f:1: plugins: a: disabled, and enabled or required as well"),
        ("plugins:\n  enabled: [a\n", "f:3: not YAML: "),
        ("plugins:\n  enabled: [a]\n  enabled: [b]\n", "f:3: enabled: stands twice, first in line 2"),
        ("- a\n", "f:1: the file: Input should be a valid dictionary"),
        ("plugins: {bad: 1, worse: 2}\n", "(and 1 more)"),
        ("a: !!python/object:os.system {}\n", "f:1: not YAML: could not determine a constructor"),
    ],
    ids=[
        "unknown field",
        "unknown section",
        "wrong item",
        "not a list",
        "settings no mapping",
        "contradiction",
        "broken syntax",
        "duplicate",
        "a list",
        "two errors",
        "a tag",
    ],
)
def test_an_error_names_file_line_and_field(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert message in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read.*--config"):
        load(tmp_path / "none.yaml")
