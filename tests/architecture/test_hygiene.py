"""Committed files hold no place that exists for one machine only, and changelog fragments can be rendered."""

from pathlib import Path

import pytest

from house.fragments import misnamed
from house.hygiene import strangers
from house.sources import listing
from house.workspace import kept

SETTINGS = '[tool.towncrier]\ndirectory = "changes"\ntype = [{directory = "added"}, {directory = "fixed"}]\n'


def test_no_kept_file_names_a_registry_or_a_machine(root: Path) -> None:
    found = listing(strangers(kept(root)))

    assert not found, found


def test_fragments_can_be_rendered(root: Path) -> None:
    found = listing(misnamed(root))

    assert not found, found


# Put together here, so that this file does not hold what it looks for.
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("see https://" + "py" + "pi.org/project/tidegate", id="host"),
        pytest.param("files.python" + "hosted.org", id="files-host"),
        pytest.param("pip install --index" + "-url http://example.com x", id="index-option"),
        pytest.param("index" + "-url = http://example.com", id="index-setting"),
        pytest.param("export GO" + "PROXY=direct", id="go-proxy"),
        pytest.param("cd /wo" + "rk/main", id="work"),
        pytest.param("HOME=/ro" + "ot/.cache", id="root"),
        pytest.param("open('/ho" + "me/somebody/x')", id="home"),
        pytest.param("[design](../sha" + "red/design.md)", id="outside"),
    ],
)
def test_a_stranger_is_found(tmp_path: Path, line: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n{line}\n")

    assert [finding.line for finding in strangers([page])] == [2]


def test_innocent_paths_and_binaries_are_passed_over(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    under_home, beside = "~/wo" + "rk/", "./ro" + "ot/x"  # in two parts, as above
    page.write_text(
        "https://kubernetes.io/docs/ho"
        + f"me/ {under_home} {beside} /var/run/secrets image: quay.io/argoproj/demo:blue\n"
    )
    blob = tmp_path / "blob"
    blob.write_bytes(b"\xff\xfe/wo" + b"rk/")

    found = listing(strangers([page, blob]))

    assert not found, found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("canary.md", "x", id="no-kind"),
        pytest.param("12.feature.md", "x", id="unknown-kind"),
        pytest.param("12.added.txt", "x", id="not-markdown"),
        pytest.param("12.added.md", "  \n", id="empty"),
        pytest.param("12.added.md", "- x", id="own-bullet"),
    ],
)
def test_a_bad_fragment_is_found(tmp_path: Path, name: str, text: str) -> None:
    _fragment(tmp_path, name, text)

    assert len(list(misnamed(tmp_path))) == 1


@pytest.mark.parametrize("name", ["12.added.md", "12.added.2.md", "+first-canary.fixed.md", "README.md"])
def test_a_good_fragment_passes(tmp_path: Path, name: str) -> None:
    _fragment(tmp_path, name, "Weights are read back.")

    found = listing(misnamed(tmp_path))

    assert not found, found


def _fragment(root: Path, name: str, text: str) -> None:
    (root / "pyproject.toml").write_text(SETTINGS)
    (root / "changes").mkdir()
    (root / "changes" / name).write_text(text)
