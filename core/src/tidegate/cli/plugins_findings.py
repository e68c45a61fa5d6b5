"""What there is to say of installed plugins: how they loaded, and what a cluster lacks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from tidegate import __version__
from tidegate.errors import ApiError, Forbidden, NotFound
from tidegate.hooks.facade import Facade
from tidegate.hooks.records import PluginRecord, Status
from tidegate.hooks.references import Rule
from tidegate.hooks.router import API_VERSION
from tidegate.runtime.kinds import SECRETS, path_of

REVIEWS = "/apis/authorization.k8s.io/v1"
MISSING_MODULE = re.compile(r"No module named '([^'.]+)")


class Grade(StrEnum):
    """How bad a finding is; errors alone make the command fail."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a plugin, "" for all of them, with what to do about it; a note may need nothing."""

    plugin: str
    grade: Grade
    found: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """`grade: plugin: what was found; do this`."""
        about = f"{self.plugin}: " if self.plugin else ""
        return f"{self.grade.value}: {about}{self.found}" + (f"; {self.remedy}" if self.remedy else "")


class Server(Protocol):
    """What is asked of an API server."""

    def request(self, method: str, path: str, body: Any = None, *, query: dict[str, str] | None = None) -> Any:
        """Send and decode. Raises ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class Examiner:
    """Asks a live cluster about plugins. `account` is `namespace/name` of the controller's service account, "" to ask about
    whoever runs the command; `home` is the controller's namespace."""

    server: Server
    home: str
    account: str = ""

    def findings(self, record: PluginRecord) -> Iterator[Finding]:
        """What the cluster lacks for one loaded plugin."""
        for rule in record.needs:
            yield from self._served(record.name, rule)
        try:
            yield from self._rights(record)
        except ApiError as error:
            remedy = "ask somebody who may, or leave --service-account out"
            yield Finding(record.name, Grade.WARNING, f"its rights cannot be looked at: {error}", remedy)
        if record.remote:
            yield from self._remote(record)

    def _served(self, plugin: str, rule: Rule) -> Iterator[Finding]:
        """In which versions a resource is served."""
        resource = f"{rule.resource}.{rule.group}" if rule.group else rule.resource
        try:
            versions = [version for version in self._versions(rule.group) if self._has(rule, version)]
        except ApiError as error:
            yield Finding(plugin, Grade.WARNING, f"whether {resource} is served is not known: {error}", "try again")
            return
        if versions:
            yield Finding(plugin, Grade.NOTE, f"{resource} is served as {', '.join(versions)}")
        else:
            remedy = "install its CRDs if Rollouts are to use it; the controller notices by itself"
            yield Finding(plugin, Grade.WARNING, f"{resource} is not served by this cluster", remedy)

    def _versions(self, group: str) -> list[str]:
        if not group:
            return ["v1"]
        try:
            found = self.server.request("GET", f"/apis/{group}")
        except NotFound:
            return []
        return [str(version["version"]) for version in found.get("versions") or []]

    def _has(self, rule: Rule, version: str) -> bool:
        base = f"/apis/{rule.group}/{version}" if rule.group else f"/api/{version}"
        found = self.server.request("GET", base)
        return any(each.get("name") == rule.resource for each in found.get("resources") or [])

    def _rights(self, record: PluginRecord) -> Iterator[Finding]:
        """One error for each resource, with all the verbs that are not allowed."""
        for rule in record.needs:
            denied = [verb for verb in rule.verbs.split() if not self._allowed(rule, verb)]
            if denied:
                resource = f"{rule.resource}.{rule.group}" if rule.group else rule.resource
                whose = f"service account {self.account}" if self.account else "you"
                said = f"{whose} may not {', '.join(denied)} {resource}"
                yield Finding(record.name, Grade.ERROR, said, "grant it: tidegate plugins rbac | kubectl apply -f -")

    def _allowed(self, rule: Rule, verb: str, namespace: str = "") -> bool:
        attributes = {"group": rule.group, "resource": rule.resource, "verb": verb, "namespace": namespace}
        spec: dict[str, Any] = {"resourceAttributes": attributes}
        kind, plural = "SelfSubjectAccessReview", "selfsubjectaccessreviews"
        if self.account:
            kind, plural = "SubjectAccessReview", "subjectaccessreviews"
            spec["user"] = f"system:serviceaccount:{self.account.replace('/', ':')}"
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        return bool(self.server.request("POST", f"{REVIEWS}/{plural}", body)["status"]["allowed"])

    def _remote(self, record: PluginRecord) -> Iterator[Finding]:
        """Where the Secrets lead that may stand for another cluster."""
        selector = {"labelSelector": record.remote}
        try:
            items = self.server.request("GET", path_of(SECRETS, self.home), query=selector)["items"]
        except Forbidden as error:
            said = f"Secrets labelled {record.remote} in {self.home} cannot be looked at: {error}"
            yield Finding(record.name, Grade.WARNING, said, "grant it: tidegate plugins rbac")
            return
        names = [f"{self.home}/{item['metadata']['name']}" for item in items]
        if len(names) > 1:
            said = f"several Secrets are labelled {record.remote}: {', '.join(sorted(names))}"
            yield Finding(record.name, Grade.ERROR, said, "keep one; until then no Rollout of this router works")
        else:
            where = f"in the cluster that Secret {names[0]} leads to" if names else "in this cluster"
            yield Finding(record.name, Grade.NOTE, f"its objects are {where}")


def loading_findings(facade: Facade) -> Iterator[Finding]:
    """What became of every installed plugin."""
    for record in facade.plugins:
        match record.status:
            case Status.FAILED:
                yield Finding(record.name, Grade.ERROR, f"{record.origin}: {record.error}", _remedy(record))
            case Status.DISABLED:
                remedy = "enable it in tidegate.yaml if Rollouts are to use it"
                yield Finding(record.name, Grade.NOTE, f"{record.origin} is disabled", remedy)
            case Status.LOADED:
                yield Finding(record.name, Grade.NOTE, f"{record.origin} {_part(record)}")
    if not facade.plugins:
        yield Finding("", Grade.WARNING, "no plugin is installed", "pip install the one for your mesh: tidegate-<name>")


def _part(record: PluginRecord) -> str:
    if record.router:
        return f"answers to router {record.router}"
    return f"answers to metric {record.meter}" if record.meter else "stands around what others do"


def _remedy(record: PluginRecord) -> str:
    """What to do about a plugin that does not load."""
    if not record.distribution:
        return "install it, or take its name out of tidegate.yaml"
    if found := MISSING_MODULE.search(record.error):
        return f"pip install --force-reinstall {record.distribution}, which should bring {found[1]} along"
    if "plugin API" in record.error:
        return f"pip install --upgrade {record.distribution} tidegate (this is {__version__}, API {API_VERSION})"
    if "settings" in record.error:
        return "mend its block in tidegate.yaml"
    name = record.name
    return f"tell its author; until it is mended list it under plugins.disabled (tidegate plugins show {name} has more)"
