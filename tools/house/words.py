"""Words that must not stand in the sources of core: the names of providers."""

import re
from collections.abc import Iterator
from pathlib import Path

from house.sources import Finding

# Distinctive enough to be looked for anywhere, also inside a longer identifier.
NAMES = (
    "ambassador", "apisix", "appmesh", "cloudwatch", "contour", "datadog", "haproxy", "influxdb", "istio", "kayenta",
    "linkerd", "newrelic", "nginx", "route53", "skywalking", "traefik", "wavefront",
)  # fmt: skip
# Short ones stand inside innocent words ("albeit", "smile"), so they count as words of their own only.
SHORT = frozenset({"alb", "smi"})
# The words of an identifier: `NginxRouter`, `router_nginx` and `ALBIngress` each have two.
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def providers(folder: Path) -> Iterator[Finding]:
    """Lines of any file below `folder` that name a provider, in code, a string or a comment; file names too."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        lines = [path.name, *path.read_text(encoding="utf-8", errors="replace").splitlines()]
        for number, line in enumerate(lines):
            yield from (Finding(path, number, f"core knows no provider, but names {name!r}") for name in _named(line))


def _named(line: str) -> list[str]:
    squeezed = re.sub("[-_ ]", "", line.lower())
    words = {word.lower() for word in WORD.findall(line)}
    return [*(name for name in NAMES if name in squeezed), *sorted(SHORT & words)]
