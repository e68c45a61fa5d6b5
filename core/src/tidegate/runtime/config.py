"""`tidegate.yaml`: which plugins are used and how they are set up.

```yaml
plugins:
  enabled: [one, two]      # absent: everything that is installed
  disabled: [three]
  required: [one]          # the controller does not start without these
  settings:
    one: {anything: "the plugin's own settings"}
metrics:                   # how metric providers reach their endpoints
  egress: {allow: []}      # hosts and networks that are open although the policy closes them
  limits: {calls_per_host: 16, calls_per_second: 100, answer_bytes: 1048576}
  proxies: {http: "", https: ""}
```
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tidegate.errors import ConfigError

Path_ = tuple[str | int, ...]
HOST = re.compile(r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")


class PluginsConfig(BaseModel):
    """Which plugins are used; `enabled` None means every installed one that is not `disabled`."""

    model_config = ConfigDict(extra="forbid")

    enabled: list[str] | None = None
    disabled: list[str] = Field(default_factory=list)
    required: list[str] = Field(default_factory=list)
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> PluginsConfig:
        if both := sorted(set(self.disabled) & {*self.required, *(self.enabled or ())}):
            raise ValueError(f"{', '.join(both)}: disabled, and enabled or required as well; take it out of one list")
        return self


class EgressConfig(BaseModel):
    """`allow`: networks (`127.0.0.0/8`), addresses and hosts (`prometheus.local`, `*.example.com`) that metrics may ask
    although they are this machine, link-local or the like."""

    model_config = ConfigDict(extra="forbid")

    allow: list[str] = Field(default_factory=list)

    @field_validator("allow")
    @classmethod
    def _entries(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            if not _network(entry) and not HOST.match(entry):
                raise ValueError(
                    f"{entry!r} is no network, address or host; write 10.0.0.0/8, 10.0.0.1 or *.example.com"
                )
        return entries


class LimitsConfig(BaseModel):
    """Bounds for each endpoint: calls at once, calls begun in a second (0 is no limit), the longest answer.

    The defaults of the first two are chosen by feel: a thousand metrics on ten seconds at one endpoint fit in.
    """

    model_config = ConfigDict(extra="forbid")

    calls_per_host: int = Field(default=16, ge=1, le=1000)
    calls_per_second: float = Field(default=100.0, ge=0, allow_inf_nan=False)
    answer_bytes: int = Field(default=1_048_576, ge=1024, le=64 * 1_048_576)


class ProxiesConfig(BaseModel):
    """The proxy for each scheme, as a URL; "" is none. Those of the environment are not used."""

    model_config = ConfigDict(extra="forbid")

    http: str = Field(default="", repr=False)
    https: str = Field(default="", repr=False)

    @field_validator("http", "https")
    @classmethod
    def _url(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("a proxy is given as http://host:port")
        return url

    def by_scheme(self) -> dict[str, str]:
        """Those that are set, by the scheme of the URL that is asked."""
        return {scheme: url for scheme, url in (("http", self.http), ("https", self.https)) if url}


class MetricsConfig(BaseModel):
    """How metric providers reach their endpoints. `ca_file` holds the certificates (PEM) that are trusted instead of the
    public authorities'."""

    model_config = ConfigDict(extra="forbid")

    egress: EgressConfig = Field(default_factory=EgressConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    proxies: ProxiesConfig = Field(default_factory=ProxiesConfig)
    ca_file: str = ""

    @field_validator("ca_file")
    @classmethod
    def _there(cls, file: str) -> str:
        if file and not Path(file).is_file():
            raise ValueError(f"{file!r} is no file; name one with certificates in PEM form")
        return file


class Config(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    plugins: PluginsConfig = Field(default_factory=PluginsConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)


def load(path: Path | None) -> Config:
    """Read the file; without one, the defaults. Raises ConfigError with `file:line`, the field and what to do."""
    if path is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}; name a readable file with --config") from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Config:
    """Read the text of a file that is called `file` in messages."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_duplicates(node, file)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}", f"not YAML: {error.problem}; mend the syntax there") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}:1", f"not YAML: {error}") from error
    try:
        return Config.model_validate({} if content is None else content)
    except ValidationError as error:
        raise _first(error, node, file) from error


def _first(error: ValidationError, node: yaml.Node | None, file: str) -> ConfigError:
    """The first problem by its place in the file; how many others there are is said too."""
    problems = sorted(error.errors(), key=lambda problem: _line(node, tuple(problem["loc"])))
    path: Path_ = tuple(problems[0]["loc"])
    message = problems[0]["msg"].removeprefix("Value error, ")
    if problems[0]["type"] == "extra_forbidden":
        message = f"unknown field; here can stand: {', '.join(_known(path[:-1]))}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ConfigError(f"{file}:{_line(node, path)}", f"{_dotted(path) or 'the file'}: {message}{more}")


def _known(path: Path_) -> list[str]:
    model: type[BaseModel] = Config
    for part in path:
        inner = model.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return list(model.model_fields)


def _network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    return True


def _dotted(path: Path_) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _line(node: yaml.Node | None, path: Path_) -> int:
    """Where `path` stands, or the nearest thing around it that exists; 1-based."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in path:
        key, node = _child(node, part) if node is not None else (None, None)
        line = key.start_mark.line + 1 if key is not None else line
    return line


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """The node of a key or an index in `node`, and of its value."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None, None


def _refuse_duplicates(node: yaml.Node | None, file: str) -> None:
    """YAML readers keep the last of two equal keys, which silently drops what stands under the first."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConfigError(
                    f"{file}:{line}", f"{key.value}: stands twice, first in line {seen[key.value]}; join them"
                )
            seen[key.value] = line
            _refuse_duplicates(value, file)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(item, file)
