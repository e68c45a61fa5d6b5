"""Whose keys a query uses, and where Datadog is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.hooks import NotFound, PluginError, Secrets
from tidegate_datadog.config import SecretRef

SECRET = "datadog"  # noqa: S105  (a name)
ADDRESS = "https://api.datadoghq.com"
VARIABLES = {"api-key": "DD_API_KEY", "app-key": "DD_APP_KEY", "address": "DD_ADDRESS"}

UNNAMED = "secret name is required for namespaced credentials"
MISSING = "failed to find the credentials for datadog metrics provider"


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials and the base URL, without a slash at its end."""

    api: str = field(repr=False)
    application: str = field(repr=False)
    address: str = ADDRESS

    def hidden(self, text: str) -> str:
        """`text` without the keys: the core knows those of Secrets, and not those of the environment."""
        return text.replace(self.api, "*****").replace(self.application, "*****")


def find_keys(ref: SecretRef, secrets: Secrets) -> Keys:
    """The keys of the Secret that the metric names; else of the environment; else of the Secret `datadog`.

    A Secret that is named is the only place that counts. Raises PluginError where keys are missing.
    Source: argo-rollouts metricproviders/datadog/finders.go.
    """
    if ref.namespaced and not ref.name:
        raise PluginError(UNNAMED)
    if not ref.name and (given := _environment()):
        return _keys(given, "DD_API_KEY and DD_APP_KEY are empty; fill them in")
    name = ref.name or SECRET
    where = f"Secret {name!r} of the {'run' if ref.namespaced else 'controller'}'s namespace"
    try:
        found = secrets.read(name, in_run_namespace=ref.namespaced)
    except NotFound as cause:
        raise PluginError(f"{MISSING}: there is no {where}; create it with api-key and app-key") from cause
    return _keys(found, f"{where} lacks api-key or app-key; add both")


def _environment() -> Mapping[str, str]:
    given = {key: os.environ[name] for key, name in VARIABLES.items() if name in os.environ}
    return given if len(given) == len(VARIABLES) else {}


def _keys(found: Mapping[str, str], advice: str) -> Keys:
    api, application = found.get("api-key", ""), found.get("app-key", "")
    if not api or not application:
        raise PluginError(f"{MISSING}: {advice}")
    return Keys(api, application, (found.get("address") or ADDRESS).rstrip("/"))
