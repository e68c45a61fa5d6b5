"""Markdown pages: their links, anchors and code blocks."""

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import yaml

from house.sources import Finding

FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^[ \t]*(?P=mark)[`~]*[ \t]*$", re.M | re.S
)
LINK = re.compile(r"(?<!\\)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?(?P<target>[^\s()<>]+)>?(?:\s+[\"'(][^)]*)?\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]^][^\]]*\]:\s*<?(?P<target>[^\s<>]+)>?", re.M)
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<title>.+?)[ \t#]*$", re.M)
ANCHOR = re.compile(r"<a\s+(?:id|name)=[\"']([^\"']+)[\"']")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.I)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block; `line` is the page's line of its first line of code.

    `code` is dedented, `body` as it stands; `info` is what follows the language.
    """

    page: Path
    language: str
    line: int
    code: str
    body: str = ""
    info: str = ""


def _blank(text: str) -> str:
    return "\n" * text.count("\n")


def prose(text: str) -> str:
    """The page without its code, line numbers kept."""
    without = FENCE.sub(lambda match: _blank(match.group()), text)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", lambda match: _blank(match.group()), without, flags=re.S)


def links(text: str) -> list[tuple[int, str]]:
    """Line and target of each link and image, references included."""
    plain = prose(text)
    found = [*LINK.finditer(plain), *REFERENCE.finditer(plain)]
    return sorted((plain.count("\n", 0, match.start()) + 1, match["target"]) for match in found)


def anchors(text: str) -> set[str]:
    """What a link into this page may name: headings, spelled as code hosts do, and explicit anchors."""
    seen: dict[str, int] = {}
    names = set(ANCHOR.findall(text))
    for match in HEADING.finditer(FENCE.sub(lambda each: _blank(each.group()), text)):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match["title"])
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        names.add(f"{slug}-{count}" if count else slug)
    return names


def broken(pages: Iterable[Path]) -> Iterator[Finding]:
    """Relative links that lead to no file, or to no heading of a page. Links to other sites are not followed."""
    for page in pages:
        for line, target in links(page.read_text(encoding="utf-8")):
            if ELSEWHERE.match(target):
                continue
            name, _, anchor = unquote(target).partition("#")
            goal = page if not name else (page.parent / name)
            if not goal.exists():
                yield Finding(page, line, f"link leads nowhere: {target}")
            elif anchor and goal.suffix == ".md" and anchor not in anchors(goal.read_text(encoding="utf-8")):
                yield Finding(page, line, f"no such heading: {target}")


def blocks(page: Path) -> Iterator[Block]:
    """The fenced code blocks of a page; the language in lower case, empty where none is given."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        language, _, info = match["info"].strip().partition(" ")
        line = text.count("\n", 0, match.start("body")) + 1
        yield Block(page, language.lower(), line, textwrap.dedent(match["body"]), match["body"], info)


def unreadable(pages: Iterable[Path]) -> Iterator[Finding]:
    """YAML blocks that do not parse and Python blocks that do not compile."""
    for block in (block for page in pages for block in blocks(page)):
        try:
            match block.language:
                case "yaml" | "yml":
                    list(yaml.safe_load_all(block.code))
                case "python" | "py":
                    ast.parse(block.code)
                case _:
                    pass
        except (yaml.YAMLError, SyntaxError) as error:
            reason = str(error).replace("\n", " ")
            yield Finding(block.page, block.line, f"{block.language} block cannot be read: {reason}")


def unreachable(index: Path, pages: Iterable[Path]) -> Iterator[Finding]:
    """Pages that no chain of links from `index` leads to."""
    wanted = {page.resolve() for page in pages}
    seen: set[Path] = set()
    ahead = [index.resolve()]
    while ahead:
        page = ahead.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        goals = (
            unquote(target).partition("#")[0]
            for _, target in links(page.read_text(encoding="utf-8"))
            if not ELSEWHERE.match(target)
        )
        ahead += [(page.parent / goal).resolve() for goal in goals if goal.endswith(".md")]
    yield from (Finding(page, 1, f"no link from {index.name} leads here") for page in sorted(wanted - seen))
