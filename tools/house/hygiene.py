"""What a committed file must not hold: places that exist for one machine or one network only."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from house.sources import Finding

# Written so that no pattern matches its own line.
FORBIDDEN = (
    (
        "a package registry's host",
        r"\bpypi\.org|pythonhosted\.org|\bregistry\.npmjs|\bcrates\.io|(?:proxy|sum)\.golang\.org|\bgoproxy\.(?:io|cn)|\brubygems\.org|\bdeb\.debian\.org|\bdevpi\b",
    ),
    (
        "an index or proxy setting",
        r"--(?:extra-)?index-url|\b(?:extra-)?index-url\s*=|--find-lin[k]s|\bfind-links\s*=|\b(?:PIP|UV)_(?:EXTRA_)?INDEX[_U]|\bGOPRO[X]Y\b",
    ),
    (
        "a path of one machine",
        r"(?<![\w.:~}/-])/(?:wor[k]|roo[t]|hom[e]|User[s]|opt/wheel[s])/(?!\.\.\.)|\b[A-Z]:\\\\?Users\\",
    ),
    ("a file outside the checkout", r"(?:^|[^./\w])(?:\.\./)+share[d]/"),
)


def strangers(paths: Iterable[Path]) -> Iterator[Finding]:
    """Lines that name a registry's host, an index or a machine's path. Files that are not text are passed over."""
    patterns = [(what, re.compile(pattern)) for what, pattern in FORBIDDEN]
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for what, pattern in patterns:
            yield from (_finding(path, text, match, what) for match in pattern.finditer(text))


def _finding(path: Path, text: str, match: re.Match[str], what: str) -> Finding:
    return Finding(path, text.count("\n", 0, match.start()) + 1, f"{what}: {match.group().strip()!r}")
