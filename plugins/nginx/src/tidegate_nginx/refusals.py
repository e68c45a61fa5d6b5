"""Annotation values and paths that could become nginx configuration, and are therefore refused.

ingress-nginx renders annotations and paths into `nginx.conf`. Again and again a value that closes the directive it
stands in has been a way to run code inside the proxy, which may read every Secret of the cluster: CVE-2021-25742,
2021-25745, 2021-25746, 2023-5043, 2023-5044, 2025-1097, 2025-1098, 2025-1974, 2025-24513, 2025-24514, 2025-15566,
2026-1580, 2026-3288, 2026-4342, 2026-24512. Whoever may write a Rollout gets the canary Ingress written by the
controller; so what it asks for is looked at here, whatever version of the proxy runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The alphabets of what is documented for a canary Ingress. An empty value is what the proxy takes for "not set".
ALPHABETS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "canary-by-header": (re.compile(r"[A-Za-z0-9_-]*"), "a header name: letters, digits, - and _"),
    "canary-by-cookie": (re.compile(r"[A-Za-z0-9_.-]*"), "a cookie name: letters, digits, -, _ and ."),
    "canary-by-header-value": (
        re.compile(r"[A-Za-z0-9 _.,:/=+@~|-]*"),
        "letters, digits, spaces and _ . , : / = + @ ~ | -",
    ),
    "canary-by-header-pattern": (
        re.compile(r"[A-Za-z0-9 _.,:/=@~^$\[\]()*+?|&\\<>!-]*"),
        "a regular expression of letters, digits, quantifiers like {2,3} and _ . , : / = @ ~ ^ $ [ ] ( ) * + ? | & \\ < > ! -",
    ),
    "affinity-canary-behavior": (re.compile(r"(sticky|legacy)?"), "sticky or legacy"),
}

# Regular expressions may have these; they are taken out before a value is looked at.
QUANTIFIER = re.compile(r"\{\d{1,4}(,\d{0,4})?\}")
# A repeated group that repeats inside, as in (a+)+: matching may take exponential time, in the proxy, per request.
EXPONENTIAL = re.compile(r"\([^()]*[+*][^()]*\)([+*]|\{\d+,)")

# What ends a directive, opens or closes a block, a string or a comment, or is a line of its own.
BREAKS_OUT: Mapping[str, str] = {
    ";": "a semicolon",
    "{": "a brace",
    "}": "a brace",
    '"': "a quote",
    "'": "a quote",
    "`": "a backtick",
    "#": "a comment sign",
    "\\": "a backslash",
}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Where regular expressions or URLs are documented, these are part of them.
HARMLESS_IN: Mapping[str, str] = {"auth-tls-match-cn": "\\", "server-alias": "\\", "cors-allow-origin": "\\"}

# Annotations that have been a way in; they are looked at under whatever prefix they come.
HISTORY = frozenset(
    {
        *("auth-method", "auth-proxy-set-headers", "auth-realm", "auth-secret", "auth-signin", "auth-url"),
        *("auth-tls-match-cn", "auth-tls-error-page", "mirror-host", "mirror-target", "permanent-redirect"),
        *("rewrite-target", "secure-verify-ca-secret", "server-alias"),
    }
)

QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

# Fields that a path may not have; `{` and `}` are quantifiers in paths that are regular expressions.
PATH_BREAKS_OUT = ";\"'`#"


def has_history(name: str) -> bool:
    """Whether an annotation of this name, without its prefix, is looked at wherever it appears."""
    return name in HISTORY or name in ALPHABETS or name.endswith("-snippet")


def refused_key(key: str) -> str:
    """Why this is no annotation key; "" for a good one."""
    if QUALIFIED.fullmatch(key):
        return ""
    return "not an annotation key: an optional domain and a slash, then at most 63 letters, digits, - _ and ."


def refused_value(key: str, value: str) -> str:
    """Why an annotation for the proxy is refused, with what to do; "" for a harmless one."""
    name = key.rpartition("/")[2]
    if name.endswith("-snippet"):
        return (
            "snippets run any nginx directive with the rights of the proxy, and a canary Ingress ignores them; "
            "remove it here (the stable Ingress is where it would work)"
        )
    if found := CONTROL.search(value):
        return f"holds the control character {found.group()!a}, which would start a new line in nginx.conf; remove it"
    if name == "canary-by-header-pattern":
        return _refused_pattern(value)
    if name in ALPHABETS and not ALPHABETS[name][0].fullmatch(value):
        return f"must be {ALPHABETS[name][1]}; write it in these"
    return _refused_characters(name, value)


def refused_path(path: str) -> str:
    """Why a path of the stable Ingress must not be copied to a second Ingress; "" for a harmless one."""
    if found := CONTROL.search(path):
        return f"holds the control character {found.group()!a}; remove it"
    for character in PATH_BREAKS_OUT:
        if character in path:
            return f"holds {BREAKS_OUT[character]} ({character}), which would leave its place in nginx.conf; remove it"
    return ""


def _refused_pattern(value: str) -> str:
    pattern, alphabet = ALPHABETS["canary-by-header-pattern"]
    if not pattern.fullmatch(QUANTIFIER.sub("", value)):
        return f"must be {alphabet}; write it in these"
    if EXPONENTIAL.search(value):
        return "repeats a group that repeats inside, which can take the proxy seconds for one header; write it without"
    return ""


def _refused_characters(name: str, value: str) -> str:
    for character, what in BREAKS_OUT.items():
        if character in value and character not in HARMLESS_IN.get(name, ""):
            return f"holds {what} ({character}), which would leave its place in nginx.conf; remove it"
    return ""
