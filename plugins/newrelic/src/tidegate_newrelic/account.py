"""The account that a query is about, and where its API is."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.hooks import PluginError, Secrets

REGIONS = {"us": "https://api.newrelic.com/graphql", "eu": "https://api.eu.newrelic.com/graphql"}


@dataclass(frozen=True, slots=True)
class Account:
    """A number, its key, and the URL of NerdGraph."""

    number: int
    key: str = field(repr=False)
    url: str = REGIONS["us"]


def find_account(profile: str, secrets: Secrets) -> Account:
    """The account of the Secret `profile` in the controller's namespace. Raises PluginError, NotFound, Forbidden.

    `base-url-rest` is not read: no query goes there.
    """
    found = secrets.read(profile)
    key, number = found.get("personal-api-key", ""), found.get("account-id", "").strip()
    if not key or not number:
        raise PluginError(
            f"account ID or personal API key not found: Secret {profile!r} needs account-id and personal-api-key"
        )
    if not (number.isascii() and number.isdigit()):
        raise PluginError(f"could not parse account ID: account-id of Secret {profile!r} has to be a whole number")
    return Account(int(number), key, found.get("base-url-nerdgraph") or _url(found.get("region", ""), profile))


def _url(region: str, profile: str) -> str:
    url = REGIONS.get(region.strip().lower() or "us")
    if url is None:
        raise PluginError(f"Secret {profile!r}: region is {region!r}; it has to be us or eu")
    return url
