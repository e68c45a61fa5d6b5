"""The page on looking ahead is run: each command that it shows prints what the page says, and draws what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate.cli.main import assemble

PAGE = Path("docs/simulate.md")
ROOT = Path(__file__).parents[2]
SHOWN: list[tuple[str, str]] = re.findall(
    r"```console\n\$ tidegate (.*?)\n(.*?)```", (ROOT / PAGE).read_text(), re.DOTALL
)


def test_both_commands_are_shown() -> None:
    assert [command.split()[0] for command, _ in SHOWN] == ["plan", "simulate"]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command.split()[0] for command, _ in SHOWN])
def test_a_command_prints_what_the_page_says(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    drawing = tmp_path / "drawn.svg"
    arguments = [str(drawing) if part.endswith(".svg") else part for part in shlex.split(command)]
    result = CliRunner().invoke(assemble(arguments), arguments)
    # To mend a page that is behind: run the command and paste its output.
    assert result.output.rstrip() == output.rstrip()
    if ".svg" in command:
        assert drawing.read_text(encoding="utf-8") == (ROOT / "docs" / "simulate.svg").read_text(encoding="utf-8")
