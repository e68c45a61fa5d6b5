"""Protobuf bodies as kubectl 1.32 sent them, and bodies that are none."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_sandbox.errors import BadRequest, UnsupportedMediaType
from tidegate_sandbox.wire.protobuf import decode, tables

# kubectl create deployment web --image=nginx:1 --replicas=3 --port=80 -- sh -c x
CREATE_DEPLOYMENT = (
    "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412c5010a1f0a0377656212001a0022002a003200380042005a0a0a03617070"
    "12037765621293010803120c0a0a0a0361707012037765621a790a1c0a0012001a0022002a003200380042005a0a0a0361707012037765621259"
    "123b0a056e67696e7812076e67696e783a311a0273681a022d631a01782a00320a0a001000185022002a0042006a007200800100880100900100"
    "a201001a00320042004a0052005800600068008201008a01009a0100c2010022020a00280038001a0c0800100018002000280038001a002200"
)
# kubectl create namespace foo
CREATE_NAMESPACE = (
    "6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a0032003800420012001a020a001a002200"
)
# kubectl auth can-i get pods
CAN_I = (
    "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a656374416363657373526576696577123c"
    "0a100a0012001a0022002a00320038004200121e0a1c0a0764656661756c7412036765741a0022002a04706f647332003a001a08080012001a00"
    "20001a002200"
)
# kubectl create service clusterip s1 --tcp=80:8080
CREATE_SERVICE = (
    "6b3873000a0d0a02763112075365727669636512660a1d0a02733112001a0022002a003200380042005a090a036170701202733112410a1b0a07"
    "38302d38303830120354435018502207080010903f1a00280012090a03617070120273311a002209436c757374657249503a00420052005a0060"
    "0068001a020a001a002200"
)
# kubectl create pdb p --min-available=50% --selector=a=b
CREATE_BUDGET = (
    "6b3873000a200a09706f6c6963792f76311213506f6444697372757074696f6e42756467657412360a110a017012001a0022002a003200380042"
    "0012150a09080110001a0335302512080a060a01611201621a0a080018002000280030001a002200"
)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param(
            CREATE_DEPLOYMENT,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web", "labels": {"app": "web"}},
                "spec": {
                    "replicas": 3,
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": {
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {
                            "containers": [
                                {
                                    "name": "nginx",
                                    "image": "nginx:1",
                                    "command": ["sh", "-c", "x"],
                                    "ports": [{"containerPort": 80}],
                                }
                            ]
                        },
                    },
                },
            },
            id="create-deployment",
        ),
        pytest.param(
            CREATE_NAMESPACE,
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "foo"}},
            id="create-namespace",
        ),
        pytest.param(
            CAN_I,
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}},
                "status": {"allowed": False},
            },
            id="can-i",
        ),
        pytest.param(
            CREATE_SERVICE,
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "s1", "labels": {"app": "s1"}},
                "spec": {
                    "ports": [{"name": "80-8080", "protocol": "TCP", "port": 80, "targetPort": 8080}],
                    "selector": {"app": "s1"},
                    "type": "ClusterIP",
                },
            },
            id="create-service",
        ),
    ],
)
def test_what_kubectl_sends_reads_like_its_json(body: str, wanted: dict[str, Any]) -> None:
    assert decode(bytes.fromhex(body)) == wanted


def test_an_int_or_string_keeps_its_text() -> None:
    assert decode(bytes.fromhex(CREATE_BUDGET))["spec"]["minAvailable"] == "50%"


def varint(number: int) -> bytes:
    """A number as protobuf writes it, 64 bits in two's complement."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def part(number: int, value: bytes | int) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def body(api_version: str, kind: str, message: bytes) -> bytes:
    type_meta = part(1, api_version.encode()) + part(2, kind.encode())
    return b"k8s\x00" + part(1, type_meta) + part(2, message)


def test_an_explicit_zero_of_an_optional_number_is_kept() -> None:
    options = decode(body("apps/v1", "DeleteOptions", part(1, 0) + part(4, b"Foreground")))
    assert options == {
        "apiVersion": "apps/v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground",
    }


def test_a_negative_number_is_read_as_such() -> None:
    assert decode(body("autoscaling/v1", "Scale", part(2, part(1, -1))))["spec"] == {"replicas": -1}


def test_secret_data_becomes_base64_and_times_rfc_3339() -> None:
    metadata = part(1, b"s") + part(8, part(1, 1_893_456_000))
    secret = decode(body("v1", "Secret", part(1, metadata) + part(2, part(1, b"k") + part(2, b"\x00\xff"))))
    assert secret["data"] == {"k": "AP8="}
    assert secret["metadata"]["creationTimestamp"] == "2030-01-01T00:00:00Z"


def test_quantities_are_texts() -> None:
    quota = decode(body("v1", "ResourceQuota", part(2, part(1, part(1, b"cpu") + part(2, part(1, b"500m"))))))
    assert quota["spec"] == {"hard": {"cpu": "500m"}}


def test_volumes_are_inlined() -> None:
    volume = part(1, b"conf") + part(2, part(19, part(1, part(1, b"settings"))))
    pod = decode(body("v1", "Pod", part(2, part(1, volume))))
    assert pod["spec"]["volumes"] == [{"name": "conf", "configMap": {"name": "settings"}}]


def test_fields_of_a_newer_client_are_left_out() -> None:
    fixed = varint(999 << 3 | 1) + struct.pack("<d", 1.5) + varint(998 << 3 | 5) + b"1234"
    assert decode(body("v1", "ConfigMap", fixed + part(997, b"new"))) == {"apiVersion": "v1", "kind": "ConfigMap"}


def test_a_kind_without_a_table_points_to_apply() -> None:
    with pytest.raises(UnsupportedMediaType, match="kubectl apply -f") as caught:
        decode(body("example.com/v1", "Thing", b""))
    assert "example.com/v1 Thing" in caught.value.message


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"kind":"Pod"}', id="json"),
        pytest.param(bytes.fromhex(CREATE_DEPLOYMENT)[:60], id="cut-short"),
        pytest.param(b"k8s\x00\x0b", id="a-group"),
        pytest.param(b"k8s\x00" + b"\xff" * 12, id="endless-number"),
        pytest.param(b"k8s\x00" + part(1, 5), id="number-for-a-message"),
        pytest.param(body("v1", "Namespace", part(1, part(1, b"\xff"))), id="not-utf-8"),
        pytest.param(body("v1", "Namespace", part(1, part(8, part(1, 1 << 60)))), id="time-beyond-the-calendar"),
    ],
)
def test_garbage_is_a_bad_request(garbage: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(garbage)


@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_manifest_or_a_bad_request(data: bytes) -> None:
    try:
        kind = decode(body("v1", "Pod", data))["kind"]
    except BadRequest:
        kind = "Pod"
    assert kind == "Pod"


def test_every_table_leads_to_types_that_can_be_read() -> None:
    known = tables()
    assert set(known.kinds.values()) <= set(known.messages)
    for name, fields in known.messages.items():
        assert all(field.name or field.type in known.messages for field in fields.values()), name
