"""Links lead somewhere, code blocks can be read, and every page can be found."""

from pathlib import Path

import pytest

from house.pages import anchors, blocks, broken, links, unreachable, unreadable
from house.sources import listing


def test_every_relative_link_leads_somewhere(pages: list[Path]) -> None:
    found = listing(broken(pages))

    assert not found, found


def test_every_yaml_and_python_block_can_be_read(root: Path, pages: list[Path]) -> None:
    # The style page sets unwanted code beside wanted code in two columns, which is no Python.
    found = listing(unreadable(page for page in pages if page != root / "STYLE.md"))

    assert not found, found


def test_every_page_of_the_docs_can_be_reached_from_the_index(root: Path, pages: list[Path]) -> None:
    docs = root / "docs"

    found = listing(unreachable(docs / "index.md", [page for page in pages if page.is_relative_to(docs)]))

    assert not found, found


def test_the_pages_a_newcomer_looks_for_are_there(root: Path) -> None:
    wanted = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "STYLE.md",
        "CHANGELOG.md",
        "LICENSE",
        "docs/index.md",
        "docs/house.md",
        "docs/sandbox.md",
    ]

    assert [name for name in wanted if not (root / name).is_file()] == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("[a](missing.md)", id="missing-page"),
        pytest.param("![a](missing.png 'title')", id="missing-image"),
        pytest.param("[a](page.md#nothing)", id="missing-heading"),
        pytest.param("[a](#nothing)", id="missing-heading-here"),
        pytest.param("[a]: missing.md", id="missing-reference"),
        pytest.param("[`code` and [more]](missing.md)", id="code-in-text"),
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, line: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{line}\n")

    assert [finding.line for finding in broken([page])] == [3]


def test_good_links_and_code_pass(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `first` page, *here*\n## Two\n## Two\n[a](page.md) [b](#two-1) [c](page.md#a-first-page-here)\n"
        "[d](https://example.com/x.md) [e](mailto:a@b.c)\n"
        "`[f](missing.md)`\n\n```text\n[g](missing.md)\n```\n"
    )

    found = listing(broken([page]))

    assert not found, found


def test_links_are_found_with_their_line() -> None:
    assert links("a\n[x](y.md) and [z](<w.md>)\n\n```\n[n](no)\n```\n[k]: v\n") == [(2, "w.md"), (2, "y.md"), (7, "v")]


def test_headings_in_code_are_no_anchors() -> None:
    assert anchors("# One: two\n```sh\n# three\n```\n<a id='four'></a>\n") == {"one-two", "four"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("```yaml\na: [1\n```\n", id="yaml"),
        pytest.param("- item\n\n  ```yml\n  a: b: c\n  ```\n", id="indented-yaml"),
        pytest.param("```python\ndef f(:\n```\n", id="python"),
    ],
)
def test_a_block_that_cannot_be_read_is_found(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)

    assert len(list(unreadable([page]))) == 1


def test_blocks_are_dedented_and_know_their_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n- item\n\n  ```python title=x\n  x = 1\n  ```\n\n```yaml\na: 1\n---\na: 2\n```\n")

    assert [(block.language, block.line, block.code) for block in blocks(page)] == [
        ("python", 6, "x = 1\n"),
        ("yaml", 10, "a: 1\n---\na: 2\n"),
    ]
    found = listing(unreadable([page]))

    assert not found, found


def test_a_page_that_no_link_leads_to_is_found(tmp_path: Path) -> None:
    for name, text in {
        "index.md": "[a](a.md#x)",
        "a.md": "[b](b.md)",
        "b.md": "",
        "lost.md": "[index](index.md)",
    }.items():
        (tmp_path / name).write_text(text)

    found = unreachable(tmp_path / "index.md", tmp_path.glob("*.md"))

    assert [finding.path.name for finding in found] == ["lost.md"]
