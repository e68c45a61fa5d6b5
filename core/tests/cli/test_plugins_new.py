"""`tidegate plugins new`: the package it makes is sound at once, in its tests, its style and its types."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from tidegate.cli import plugins_new
from tidegate.errors import ConfigError

Made = Callable[..., Path]


@pytest.fixture
def run() -> Callable[..., Result]:
    app = Typer(add_completion=False)
    app.command()(plugins_new.new)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def made(run: Callable[..., Result], tmp_path: Path) -> Made:
    def make(*arguments: str) -> Path:
        folder = tmp_path / "made"
        result = run(*arguments, "--into", folder)
        assert result.exit_code == 0, result.output
        return folder

    return make


def tool(folder: Path, *arguments: str) -> str:
    """What a tool of this environment says of the package; "" where it is content."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


HTTP_PROXY = (
    *("--group", "projectcontour.io", "--kind", "HTTPProxy", "--plural", "httpproxies"),
    *("--field", "httpProxy"),
)


@pytest.mark.parametrize(
    "arguments",
    [("mesh",), ("edge-proxy", *HTTP_PROXY), ("error-gauge", "--metric")],
    ids=["defaults", "of-a-known-kind", "metric"],
)
def test_the_package_passes_its_own_tests_style_and_types_at_once(made: Made, arguments: tuple[str, ...]) -> None:
    folder = made(*arguments)
    assert tool(folder, "pytest", "-q", "-p", "no:cacheprovider", "-k", "not requests") == ""
    assert tool(folder, "ruff", "check", "--no-cache", ".") == ""
    assert tool(folder, "ruff", "format", "--no-cache", "--diff", ".") == ""
    assert tool(folder, "mypy", "--cache-dir", str(folder / ".cache"), "src") == ""


def test_the_package_is_named_after_the_plugin(made: Made) -> None:
    folder = made("edge-proxy")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "tidegate-edge-proxy"
    assert project["entry-points"]["tidegate.plugins"] == {"edge-proxy": "tidegate_edge_proxy:EdgeProxy"}
    assert (folder / "src/tidegate_edge_proxy/py.typed").exists()
    assert 'name = "example.com/edge-proxy"' in (folder / "src/tidegate_edge_proxy/router.py").read_text()


def test_a_metric_provider_has_no_router_in_its_package(made: Made) -> None:
    folder = made("gauge", "--metric")
    assert 'name = "example.com/gauge"' in (folder / "src/tidegate_gauge/provider.py").read_text()
    assert not (folder / "src/tidegate_gauge/router.py").exists()


def test_the_package_asks_for_the_tidegate_that_made_it(made: Made) -> None:
    major, minor, *_ = version("tidegate").split(".")
    needed = tomllib.loads((made("mesh") / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"tidegate>={major}.{minor},<{major}.{int(minor) + 1}" in needed


def test_the_field_that_names_the_object_is_the_one_that_was_asked_for(made: Made) -> None:
    folder = made("edge-proxy", *HTTP_PROXY)
    assert 'alias="httpProxy"' in (folder / "src/tidegate_edge_proxy/router.py").read_text()
    for page in ("README.md", "examples/rollout.yaml"):
        text = (folder / page).read_text()
        assert "httpProxy: web" in text
        assert "route: web" not in text


@pytest.mark.parametrize("field", ["HttpProxy", "http-proxy", "http_proxy", "1st", ""])
def test_a_field_that_no_config_has_is_refused(run: Callable[..., Result], tmp_path: Path, field: str) -> None:
    result = run("mesh", "--into", tmp_path / "made", "--field", field)
    assert isinstance(result.exception, ConfigError)
    assert "is no name for a field" in str(result.exception)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("kind", "spoken"),
    [
        ("HTTPProxy", "an HTTPProxy"),
        ("UDPRoute", "a UDPRoute"),
        ("IngressRoute", "an IngressRoute"),
        ("TrafficRoute", "a TrafficRoute"),
    ],
)
def test_the_kind_has_its_article(made: Made, kind: str, spoken: str) -> None:
    folder = made("mesh", "--kind", kind)
    assert f"writes weights into {spoken} (" in (folder / "README.md").read_text()
    assert f"writes weights into {spoken}" in (folder / "pyproject.toml").read_text()


def test_it_says_that_the_fields_are_invented_and_where_they_stand(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("edge-proxy", "--into", tmp_path / "made", *HTTP_PROXY)
    assert "The fields of the HTTPProxy in this package are invented: compare them" in result.output
    for file in ("src/tidegate_edge_proxy/router.py", "tests/tidegate_edge_proxy_world.py"):
        assert file in result.output.replace("\n", " ")
        assert "# invented" in (tmp_path / "made" / file).read_text()
    assert "# invented" in (tmp_path / "made/examples/rollout.yaml").read_text()


def test_nothing_of_the_template_is_left_unfilled(made: Made) -> None:
    for path in made("mesh").rglob("*"):
        assert "{{" not in str(path)
        assert not path.name.endswith(".jinja")
        assert path.is_dir() or "{{" not in path.read_text()


@pytest.mark.parametrize("name", ["Mesh", "m", "1mesh", "me_sh", "mesh-", "../mesh", ""])
def test_a_name_that_gives_no_package_is_refused(run: Callable[..., Result], tmp_path: Path, name: str) -> None:
    result = run(name, "--into", tmp_path / "made")
    assert isinstance(result.exception, ConfigError)
    assert "is no name for a plugin" in str(result.exception)
    assert not (tmp_path / "made").exists()


def test_a_folder_with_something_in_it_is_left_alone(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = run("mesh", "--into", tmp_path)
    assert isinstance(result.exception, ConfigError)
    assert "name another with --into" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_without_the_template_engine_it_says_what_to_install(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "copier", None)
    result = run("mesh", "--into", tmp_path / "made")
    assert isinstance(result.exception, ConfigError)
    assert 'pip install "tidegate[new]"' in str(result.exception)
