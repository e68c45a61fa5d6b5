"""The packages of the workspace, what each declares, and the files that are kept."""

import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from sys import stdlib_module_names

from house.sources import Finding, Module, imports, read

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Package:
    """One distribution of the workspace."""

    name: str
    folder: Path
    dependencies: frozenset[str]

    @property
    def source(self) -> Path:
        """The folder that goes on the import path."""
        return self.folder / "src"

    @property
    def plugin(self) -> bool:
        """Whether it stands among the plugins."""
        return self.folder.parent.name == "plugins"

    def modules(self) -> list[Module]:
        """Its source files, parsed."""
        return read(self.source)


def packages(root: Path = ROOT) -> list[Package]:
    """Every package of the workspace: core, sandbox, testkit, then the plugins by name."""
    pages = [root / name / "pyproject.toml" for name in ("core", "sandbox", "testkit")]
    return [_package(page) for page in [*pages, *sorted(root.glob("plugins/*/pyproject.toml"))]]


def _package(page: Path) -> Package:
    project = tomllib.loads(page.read_text(encoding="utf-8"))["project"]
    extras = [wanted for extra in project.get("optional-dependencies", {}).values() for wanted in extra]
    wanted = frozenset(normal(requirement) for requirement in [*project.get("dependencies", []), *extras])
    return Package(project["name"], page.parent, wanted)


def normal(requirement: str) -> str:
    """The distribution's name in a requirement, in the one spelling in which names are compared."""
    name = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", name.group() if name else requirement).lower()


def undeclared(
    package: Package, modules: Sequence[Module], providers: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Finding]:
    """Imports of a library that the package's pyproject.toml does not name, neither as a dependency nor in an extra.

    `providers` says which distributions an import name comes from; by default those of this environment.
    """
    known = packages_distributions() if providers is None else providers
    for module in modules:
        own = module.name.partition(".")[0]
        for found in imports(module):
            top = found.module.partition(".")[0]
            if top == own or top in stdlib_module_names:
                continue
            offered = {normal(distribution) for distribution in known.get(top, [top])}
            if not offered & package.dependencies:
                yield Finding(
                    module.path, found.line, f"{package.name} imports {top} without declaring it in pyproject.toml"
                )


def uncharted(modules: Sequence[Module]) -> Iterator[Finding]:
    """Packages without a charter and modules without a docstring. A charter has more than a handful of words."""
    for module in modules:
        body = module.tree.body
        doc = body[0].value.value if body and hasattr(body[0], "value") and hasattr(body[0].value, "value") else None
        if not isinstance(doc, str):
            yield Finding(module.path, 1, "no docstring: say in one line what is in here")
        elif module.package and len(doc.split()) < 6:  # chosen by feel: "The nginx plugin." is no charter
            yield Finding(
                module.path, 1, "the package's docstring is its charter: say what belongs in here and what must not"
            )


def kept(root: Path = ROOT) -> list[Path]:
    """Files that are or would be committed. Outside a git checkout: all that are in no hidden and no build folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        names = {root / name for name in listed.stdout.split("\0") if name}
    else:
        skipped = {"__pycache__", "build", "dist", "htmlcov"}
        names = {
            path
            for path in root.rglob("*")
            if not any(part in skipped or part.startswith(".") for part in path.relative_to(root).parts[:-1])
        }
    return sorted(path for path in names if path.is_file() and not path.is_symlink())
