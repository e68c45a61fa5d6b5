"""The real SDK: before a server that answers with recorded documents, and before moto.

The documents in `answers` have the shape of the API reference; the account in them does not exist.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import boto3  # type: ignore[import-untyped]
import pytest
from moto import mock_aws

from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection, Status
from tidegate_aws_alb import Alb
from tidegate_aws_alb.aws import sdk
from tidegate_aws_alb.aws.errors import AwsError, Gone, Refused, Throttled, Unreachable
from tidegate_aws_alb.aws.inventory import Inventory
from tidegate_aws_alb.settings import AlbSettings

ANSWERS = Path(__file__).parent / "answers"
HOST = "k8s-shop-web-5f2d-1711.eu-central-1.elb.amazonaws.com"
Make = Callable[..., dict[str, Any]]


@dataclass
class Endpoint:
    """An endpoint for every AWS API: for each action the names of documents, the last one again and again.

    An answer is a document's name, which is sent with status 200, or a status and a name. `requests` are the forms and
    headers that came in.
    """

    answers: dict[str, list[str | tuple[int, str]]] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, form: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes]:
        self.requests.append((form, headers))
        listed = self.answers[form["Action"]]
        found = listed.pop(0) if len(listed) > 1 else listed[0]
        status, name = found if isinstance(found, tuple) else (200, found)
        return status, (ANSWERS / f"{name}.xml").read_bytes()

    def sent(self, action: str) -> list[dict[str, str]]:
        return [form for form, _ in self.requests if form.get("Action") == action]

    def signatures(self, action: str) -> list[str]:
        return [headers["authorization"] for form, headers in self.requests if form.get("Action") == action]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A running endpoint, and an environment in which the SDK finds no credentials, no region and no files."""
    made = Endpoint(
        {
            "DescribeLoadBalancers": ["describe_load_balancers_1", "describe_load_balancers_2"],
            "DescribeTargetGroups": ["describe_target_groups"],
            "DescribeTags": ["describe_tags"],
            "DescribeListeners": ["describe_listeners"],
            "DescribeRules": ["describe_rules_1", "describe_rules_2"],
            "AssumeRoleWithWebIdentity": ["assume_role"],
        }
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*made.answer(dict(parse_qsl(body)), self._headers()))

        def do_GET(self) -> None:
            made.requests.append(({"Path": self.path}, self._headers()))
            credentials = {
                "AccessKeyId": "ASIAOFAPOD",
                "SecretAccessKey": "not-a-secret-2",
                "Token": "session-of-a-pod",
                "Expiration": "2099-10-24T23:00:23Z",
            }
            self._send(200, json.dumps(credentials).encode())

        def _headers(self) -> dict[str, str]:
            return {key.lower(): value for key, value in self.headers.items()}

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)  # between two attempts of the SDK
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        server.shutdown()


def settings(endpoint: Endpoint, **more: Any) -> AlbSettings:
    given = {"verifyTargetGroup": True, "endpointUrl": endpoint.url, "region": "eu-central-1", **more}
    return AlbSettings.model_validate(given)


@pytest.fixture
def static(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment; after `endpoint`, which takes them away."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSTATIC")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")


def groups_of(endpoint: Endpoint) -> Any:
    return sdk.connect(settings(endpoint)).ask("describe_target_groups", PageSize=400)


@pytest.mark.usefixtures("static")
def test_recorded_answers_are_verified_through_the_real_sdk(
    endpoint: Endpoint, make_shop: Callable[[Alb], Any], make_ingress: Make
) -> None:
    shop = make_shop(Alb(settings(endpoint)))
    shop.cluster.apply(make_ingress("web", hosts=[HOST]))
    verdict = shop.verdict(25)
    assert verdict.verified is True, verdict.message
    assert verdict.status["alb"]["loadBalancer"] == {
        "name": "k8s-shop-web-5f2d",
        "arn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/k8s-shop-web-5f2d/4f1a6c0c9188",
        "fullName": "k8s-shop-web-5f2d/4f1a6c0c9188",
    }
    assert verdict.status["alb"]["canaryTargetGroup"]["fullName"] == "k8s-shop-democana-17/73e2d6bc24d8a067"
    balancers, rules = endpoint.sent("DescribeLoadBalancers"), endpoint.sent("DescribeRules")
    assert [each.get("Marker") for each in balancers] == [None, "bWFya2VyLTE="]
    assert [each.get("Marker") for each in rules] == [None, "bWFya2VyLTI="]
    assert {each["PageSize"] for each in (*balancers, *rules)} == {"400"}
    (tags,) = endpoint.sent("DescribeTags")
    assert [key for key in tags if key.startswith("ResourceArns")] == ["ResourceArns.member.1", "ResourceArns.member.2"]


@pytest.mark.usefixtures("static")
def test_region_and_endpoint_of_the_settings_win(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    groups_of(endpoint)
    (signature,) = endpoint.signatures("DescribeTargetGroups")
    assert "Credential=AKIDSTATIC/" in signature
    assert "/eu-central-1/elasticloadbalancing/aws4_request" in signature


@pytest.mark.usefixtures("static")
def test_without_settings_the_environment_names_region_and_endpoint(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", endpoint.url)
    sdk.connect(AlbSettings()).ask("describe_target_groups")
    assert "/ap-south-1/elasticloadbalancing/" in endpoint.signatures("DescribeTargetGroups")[0]


def test_the_token_of_a_service_account_is_exchanged_for_a_role(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("token-of-the-service-account")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/tidegate")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint.url)
    groups_of(endpoint)
    (exchange,) = endpoint.sent("AssumeRoleWithWebIdentity")
    assert exchange["WebIdentityToken"] == "token-of-the-service-account"
    assert exchange["RoleArn"] == "arn:aws:iam::123456789012:role/tidegate"
    assert "Credential=ASIAOFIRSA/" in endpoint.signatures("DescribeTargetGroups")[0]
    assert endpoint.requests[-1][1]["x-amz-security-token"] == "session-of-irsa"


def test_the_agent_of_the_node_gives_a_pod_its_credentials(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("token-of-the-pod")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{endpoint.url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    groups_of(endpoint)
    assert endpoint.requests[0][0] == {"Path": "/v1/credentials"}
    assert endpoint.requests[0][1]["authorization"] == "token-of-the-pod"
    assert "Credential=ASIAOFAPOD/" in endpoint.signatures("DescribeTargetGroups")[0]


@pytest.mark.usefixtures("static")
def test_one_throttled_request_is_repeated_at_once(endpoint: Endpoint) -> None:
    endpoint.answers["DescribeTargetGroups"] = [(400, "throttling"), "describe_target_groups"]
    assert len(groups_of(endpoint)["TargetGroups"]) == 2


@pytest.mark.usefixtures("static")
@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((400, "throttling"), Throttled, "DescribeTargetGroups: Throttling: Rate exceeded"),
        ((503, "throttling"), Throttled, "DescribeTargetGroups"),
        ((403, "access_denied"), Refused, "not authorized to perform: elasticloadbalancing:DescribeRules"),
        ((200, "not_xml"), Unreachable, "parse"),
        ((500, "not_xml"), Unreachable, "parse"),
    ],
    ids=["throttling", "busy", "denied", "not xml", "not xml and an error"],
)
def test_a_failed_request_says_what_can_be_done(
    endpoint: Endpoint, answer: tuple[int, str], kind: type[AwsError], said: str
) -> None:
    endpoint.answers["DescribeTargetGroups"] = [answer]
    with pytest.raises(kind, match=said):
        groups_of(endpoint)


def test_without_credentials_the_question_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(Refused, match="Unable to locate credentials"):
        groups_of(endpoint)
    assert endpoint.requests == []


def test_a_role_that_cannot_be_had_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/other")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint.url)
    endpoint.answers["AssumeRoleWithWebIdentity"] = [(403, "access_denied")]
    with pytest.raises(Refused, match="AssumeRoleWithWebIdentity: AccessDenied"):
        groups_of(endpoint)


def test_a_token_that_was_not_mounted_is_told_in_one_line(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/other")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint.url)
    with pytest.raises(Refused, match="/nonexistent/token") as caught:
        groups_of(endpoint)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("static")
def test_an_endpoint_that_nobody_serves_is_unreachable(endpoint: Endpoint) -> None:
    nobody = AlbSettings(verifyTargetGroup=True, endpointUrl="http://127.0.0.1:9", region="eu-central-1")
    with pytest.raises(Unreachable, match="Could not connect"):
        sdk.connect(nobody).ask("describe_target_groups")


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("given", "said"), [({}, "specify a region"), ({"profile": "nobody"}, "profile")], ids=["region", "profile"]
)
def test_a_client_that_cannot_be_made_says_what_is_missing(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreachable, match=said):
        sdk.connect(AlbSettings.model_validate(given))


@pytest.mark.usefixtures("static")
def test_a_throttled_verdict_names_the_reason_and_pauses(
    endpoint: Endpoint, make_shop: Callable[[Alb], Any], make_ingress: Make
) -> None:
    shop = make_shop(Alb(settings(endpoint)))
    shop.cluster.apply(make_ingress("web", hosts=[HOST]))
    endpoint.answers["DescribeRules"] = [(400, "throttling")]
    verdict = shop.verdict(25)
    assert (verdict.verified, verdict.retry_after_s) == (False, pytest.approx(10, abs=1))
    assert "DescribeRules: Throttling: Rate exceeded" in verdict.message
    asked = len(endpoint.requests)
    assert shop.verdict(25).verified is False
    assert len(endpoint.requests) == asked


def test_without_the_sdk_verification_fails_at_load_and_the_rest_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate_aws_alb.verification.importlib.util.find_spec", lambda name: None)
    on = PluginSelection(settings={"alb": {"verifyTargetGroup": True}})
    (record,) = load_objects({"alb": Alb}, on).plugins
    assert record.status is Status.FAILED
    assert "pip install 'tidegate-aws-alb[verify]'" in record.error
    (record,) = load_objects({"alb": Alb}).plugins
    assert record.status is Status.LOADED


def test_only_who_verifies_is_granted_the_rights_for_it() -> None:
    on = PluginSelection(settings={"alb": {"verifyTargetGroup": True}})
    plain = {rule.resource for rule in load_objects({"alb": Alb}).plugins[0].needs}
    verifying = {rule.resource for rule in load_objects({"alb": Alb}, on).plugins[0].needs}
    assert plain == {"ingresses", "services"}
    assert verifying - plain == {"endpointslices", "targetgroupbindings"}
    auto = PluginSelection(
        settings={"alb": {"verifyTargetGroup": True, "targetGroupBindingApiVersion": "eks.amazonaws.com/v1"}}
    )
    assert "eks.amazonaws.com" in {rule.group for rule in load_objects({"alb": Alb}, auto).plugins[0].needs}


@dataclass
class Cloud:
    """A load balancer in moto, as the AWS Load Balancer Controller would have made it."""

    client: Any
    host: str
    rule: str
    groups: dict[str, str]

    def split(self, canary: int, stable: int) -> None:
        weights = {"demo-canary": canary, "demo-stable": stable}
        groups = [{"TargetGroupArn": self.groups[name], "Weight": weight} for name, weight in weights.items()]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        self.client.modify_rule(RuleArn=self.rule, Actions=[action])


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        ec2, client = boto3.client("ec2"), boto3.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")["Subnet"]
            for n, zone in enumerate("ab")
        ]
        (made,) = client.create_load_balancer(Name="k8s-shop", Subnets=[each["SubnetId"] for each in subnets])[
            "LoadBalancers"
        ]
        groups = {}
        for name in ("demo-canary", "demo-stable"):
            (group,) = client.create_target_group(
                Name=f"k8s-{name}", Protocol="HTTP", Port=1, VpcId=vpc, TargetType="ip"
            )["TargetGroups"]
            groups[name] = group["TargetGroupArn"]
            tag = {"Key": "ingress.k8s.aws/resource", "Value": f"shop/web-{name}:443"}
            client.add_tags(ResourceArns=[groups[name]], Tags=[tag])
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}
        (listener,) = client.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[fixed]
        )["Listeners"]
        weighted = [{"TargetGroupArn": arn, "Weight": 50} for arn in groups.values()]
        (rule,) = client.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=1,
            Conditions=[{"Field": "host-header", "Values": ["shop.example.com"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}],
        )["Rules"]
        yield Cloud(client, made["DNSName"], rule["RuleArn"], groups)


def test_weights_and_pods_of_a_load_balancer_in_moto_are_verified(
    cloud: Cloud, make_shop: Callable[[Alb], Any], make_ingress: Make
) -> None:
    shop = make_shop(Alb(AlbSettings(verifyTargetGroup=True)))
    shop.cluster.apply(make_ingress("web", hosts=[cloud.host]))
    assert "canary weight 25 not yet set (current: 50)" in shop.verdict(25).message
    for weight in (25, 0, 100):
        cloud.split(weight, 100 - weight)
        assert shop.verdict(weight).verified is True
    stable = cloud.groups["demo-stable"]
    reference = {"serviceRef": {"name": "demo-stable", "port": "https"}, "targetType": "ip", "targetGroupARN": stable}
    shop.cluster.apply(
        {
            "apiVersion": "elbv2.k8s.aws/v1beta1",
            "kind": "TargetGroupBinding",
            "metadata": {"name": "k8s-demo-stable", "namespace": "shop"},
            "spec": reference,
        }
    )
    shop.cluster.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "demo-stable-1",
                "namespace": "shop",
                "labels": {"kubernetes.io/service-name": "demo-stable"},
            },
            "ports": [{"name": "https", "port": 8443}],
            "endpoints": [{"addresses": ["10.0.0.7"]}],
        }
    )
    cloud.split(0, 100)
    assert f"(TargetGroup {stable}) not verified: 0/1 endpoints registered" in shop.verdict(0).message
    cloud.client.register_targets(TargetGroupArn=stable, Targets=[{"Id": "10.0.0.7", "Port": 8443}])
    assert shop.verdict(0).verified is True


def test_a_group_that_aws_has_deleted_is_gone(cloud: Cloud) -> None:
    asked = Inventory(sdk.connect(AlbSettings()), lambda: 0.0, "tag")
    with pytest.raises(Gone, match="TargetGroupNotFound"):
        asked.registered(cloud.groups["demo-stable"][:-1] + "x")
