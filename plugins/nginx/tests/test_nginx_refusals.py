"""The refusal corpus: values with which ingress-nginx was made to run foreign configuration, and their harmless kin.

The payloads are of the shape that the advisories describe; none of them does anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import SpecError
from tidegate_nginx.refusals import BREAKS_OUT, refused_key, refused_path, refused_value

P = "nginx.ingress.kubernetes.io"
PATH = "spec.strategy.canary.trafficRouting.nginx"
Make = Callable[..., dict[str, Any]]

HOSTILE = {
    "CVE-2021-25742 location snippet": ("configuration-snippet", "return 200 ok"),
    "CVE-2021-25742 server snippet": ("server-snippet", ""),
    "CVE-2021-25742 auth snippet": ("auth-snippet", "proxy_set_header X y"),
    "CVE-2021-25746 directive in a value": ("session-cookie-name", "a; load_module x.so"),
    "CVE-2023-5043 modsecurity snippet": ("modsecurity-snippet", "SecRuleEngine On"),
    "CVE-2023-5044 redirect": ("permanent-redirect", "https://x;}location /y{return 200;"),
    "CVE-2025-1097 client certificate": ("auth-tls-match-cn", "CN=abc #(\n){}\n }}\nssl_engine foo;"),
    "CVE-2025-1098 mirror target": ("mirror-target", "https://x/;\n}\nload_module a;"),
    "CVE-2025-1098 mirror host": ("mirror-host", "h#;"),
    "CVE-2025-1974 any of them, through admission": ("auth-url", 'http://x/"\n}}}\nssl_engine /proc/1/fd/1;'),
    "CVE-2025-24513 path in a secret's name": ("auth-secret", "shop/a`b"),
    "CVE-2025-24514 authentication URL": ("auth-url", "http://x/#;\nload_module a;"),
    "CVE-2025-15566 headers to set": ("auth-proxy-set-headers", "shop/h\n;}"),
    "CVE-2026-1580 method": ("auth-method", "GET\nreturn 200;"),
    "CVE-2026-3288 quote in a rewrite": ("rewrite-target", '/$1" break; }'),
    "CVE-2026-4342 comment and path together": ("server-alias", "a # b"),
    "lua in a value": ("upstream-hash-by", "$arg_a'..os.execute('id')"),
    "header name with a line break": ("canary-by-header", "X-C\r\nSet-Cookie"),
    "header name with a space": ("canary-by-header", "X C"),
    "header name that is a variable": ("canary-by-header", "$http_x"),
    "header value with a brace": ("canary-by-header-value", "a}b"),
    "header value with a quote": ("canary-by-header-value", 'a"b'),
    "header value with a null byte": ("canary-by-header-value", "a\x00b"),
    "header value with a separator of lines": ("canary-by-header-value", "a\u2028b"),
    "cookie with a semicolon": ("canary-by-cookie", "a; Path=/"),
    "pattern with a semicolon": ("canary-by-header-pattern", "^a;b$"),
    "pattern with a block": ("canary-by-header-pattern", "^a{b}$"),
    "pattern with a quote": ("canary-by-header-pattern", "a'b"),
    "pattern that takes for ever": ("canary-by-header-pattern", "^(a+)+$"),
    "pattern that takes for ever, counted": ("canary-by-header-pattern", "^(a*){10,}$"),
    "affinity that does not exist": ("affinity-canary-behavior", "always"),
}

HARMLESS = {
    "header": ("canary-by-header", "X-Canary_2"),
    "header value": ("canary-by-header-value", "yes, please=1"),
    "pattern": ("canary-by-header-pattern", r"^(de|fr)-[A-Z]{2}\.\d{1,3}$"),
    "cookie": ("canary-by-cookie", "canary.beta"),
    "legacy affinity": ("affinity-canary-behavior", "legacy"),
    "load balancing": ("load-balance", "ewma"),
    "hash key": ("upstream-hash-by", "$request_uri"),
    "authentication URL": ("auth-url", "https://$host/oauth2/auth?allowed_groups=a"),
    "client certificate": ("auth-tls-match-cn", r"CN=(web|admin)\.example\.com"),
    "captured rewrite": ("rewrite-target", "/api/$2"),
    "an empty value": ("canary-by-header", ""),
}


@pytest.mark.parametrize(("key", "value"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["additionalIngressAnnotations", "canaryIngressAnnotations"])
def test_a_hostile_value_is_refused_with_its_field_and_never_written(
    shop: Any, field: str, key: str, value: str
) -> None:
    given = key if field == "additionalIngressAnnotations" else f"{P}/{key}"
    shop.given[field] = {given: value}
    (problem,) = shop.problems()
    assert problem.path == f"{PATH}.{field}[{given}]"
    assert any(advice in problem.detail for advice in ("remove it", "write it in these", "write it without"))
    with pytest.raises(SpecError):
        shop.weigh(25)
    assert shop.written() == []


@pytest.mark.parametrize(("key", "value"), HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_value_is_written_as_it_is(shop: Any, key: str, value: str) -> None:
    shop.given["additionalIngressAnnotations"] = {key: value}
    assert shop.problems() == ()
    shop.weigh(25)
    assert shop.annotated()[f"{P}/{key}"] == value


def test_a_hostile_value_for_another_prefix_is_refused_too(shop: Any) -> None:
    shop.given |= {"annotationPrefix": "c.example.com", "additionalIngressAnnotations": {"load-balance": "a;"}}
    shop.given["canaryIngressAnnotations"] = {f"{P}/mirror-target": "a;b", "other.example.com/server-snippet": "x"}
    assert [problem.path.partition("[")[2] for problem in shop.problems()] == [
        "load-balance]",
        f"{P}/mirror-target]",
        "other.example.com/server-snippet]",
    ]


def test_annotations_that_no_proxy_reads_are_not_looked_at(shop: Any) -> None:
    shop.given["canaryIngressAnnotations"] = {"a.example.com/policy": '{"rules": ["a;b"]}\n'}
    assert shop.problems() == ()


@pytest.mark.parametrize("key", ["a b", "a/b/c", "-a", "x" * 64, "", "a\n"])
def test_what_is_no_annotation_key_is_refused(shop: Any, key: str) -> None:
    shop.given["canaryIngressAnnotations"] = {key: "v"}
    (problem,) = shop.problems()
    assert "not an annotation key" in problem.detail
    assert refused_key("a.b/c") == ""


def test_one_annotation_given_twice_is_refused(shop: Any) -> None:
    shop.given["additionalIngressAnnotations"] = {"canary-by-header": "X", f"{P}/canary-by-header": "Y"}
    (problem,) = shop.problems()
    assert "is the same annotation as canary-by-header" in problem.detail


@pytest.mark.parametrize(
    "path",
    ['/a"; }', "/a#b", "/a\nb", "/a;b", "/`id`", "/a'b"],
    ids=["quote", "comment", "line", "semicolon", "tick", "lua"],
)
def test_a_hostile_path_is_not_copied_cve_2026_24512(shop: Any, make_ingress: Make, path: str) -> None:
    stable = make_ingress("web")
    stable["spec"]["rules"][0]["http"]["paths"][0]["path"] = path
    shop.cluster.apply(stable)
    (problem,) = shop.problems()
    assert problem.path == f"{PATH}.stableIngress"
    assert "ingress `web` has the path" in problem.detail
    with pytest.raises(SpecError):
        shop.weigh(25)
    assert shop.written() == []


@pytest.mark.parametrize("path", ["/", "/api/v1", "/a(/|$)(.*)", "/[a-z]{2}/x", "/a%20b", ""])
def test_a_path_that_is_in_use_everywhere_is_copied(path: str) -> None:
    assert refused_path(path) == ""


@given(key=st.sampled_from(sorted({key for key, _ in (*HOSTILE.values(), *HARMLESS.values())})), value=st.text())
def test_what_is_accepted_never_holds_what_ends_a_directive(key: str, value: str) -> None:
    if refused_value(f"{P}/{key}", value) == "":
        assert not {"\n", "\r", "\0", ";", '"', "'", "`", "#"} & set(value)
        if key != "canary-by-header-pattern":
            assert not {"{", "}"} & set(value)
    else:
        assert value or key.endswith("-snippet")


def test_every_character_that_breaks_out_is_told_by_name() -> None:
    for character, what in BREAKS_OUT.items():
        assert what in refused_value(f"{P}/load-balance", f"a{character}b")
