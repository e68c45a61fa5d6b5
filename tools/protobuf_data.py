"""Writes the sandbox's protobuf field tables of the kinds that typed kubectl verbs send.

    python tools/protobuf_data.py <k8s.io/api folder> <k8s.io/apimachinery folder>

Numbers and types come from the generated.proto files, JSON names and what is left out when empty from the struct tags
in types.go (both Apache-2.0, The Kubernetes Authors). A field is written as `name type`: `name?` is left out of JSON
when it is zero, `.` is inlined into its parent, `[]` repeats, `map:` is a map from strings.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).parent.parent / "sandbox/src/tidegate_sandbox/wire/protobuf.json"

API, META = "k8s.io.api.", "k8s.io.apimachinery.pkg.apis.meta.v1."
KINDS = {
    "v1": ("core.v1", "Namespace Pod Service ConfigMap Secret ServiceAccount Node Event Endpoints ResourceQuota Binding"
           " PersistentVolumeClaim ReplicationController LimitRange"),
    "apps/v1": ("apps.v1", "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision"),
    "batch/v1": ("batch.v1", "Job CronJob"),
    "networking.k8s.io/v1": ("networking.v1", "Ingress IngressClass NetworkPolicy"),
    "discovery.k8s.io/v1": ("discovery.v1", "EndpointSlice"),
    "events.k8s.io/v1": ("events.v1", "Event"),
    "autoscaling/v1": ("autoscaling.v1", "HorizontalPodAutoscaler Scale"),
    "autoscaling/v2": ("autoscaling.v2", "HorizontalPodAutoscaler"),
    "policy/v1": ("policy.v1", "PodDisruptionBudget Eviction"),
    "coordination.k8s.io/v1": ("coordination.v1", "Lease"),
    "rbac.authorization.k8s.io/v1": ("rbac.v1", "Role RoleBinding ClusterRole ClusterRoleBinding"),
    "scheduling.k8s.io/v1": ("scheduling.v1", "PriorityClass"),
    "authorization.k8s.io/v1": ("authorization.v1", "SelfSubjectAccessReview SelfSubjectRulesReview"
                                " SubjectAccessReview LocalSubjectAccessReview"),
    "authentication.k8s.io/v1": ("authentication.v1", "TokenReview SelfSubjectReview TokenRequest"),
}  # fmt: skip

# Written by hand in the decoder: their JSON form is not that of a message.
SPECIAL = {
    META + "Time",
    META + "MicroTime",
    META + "Duration",
    META + "FieldsV1",
    "k8s.io.apimachinery.pkg.api.resource.Quantity",
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString",
    "k8s.io.apimachinery.pkg.runtime.RawExtension",
    "k8s.io.api.authorization.v1.ExtraValue",
    "k8s.io.api.authentication.v1.ExtraValue",
}
SCALARS = {"string", "int32", "int64", "uint32", "uint64", "bool", "bytes", "double"}

MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.DOTALL | re.MULTILINE)
FIELD = re.compile(r"^\s*(optional|repeated|map<string, ([\w.]+)>) ?([\w.]*) ?(\w+) = (\d+);", re.MULTILINE)
STRUCT = re.compile(r"^type (\w+) struct \{(.*?)^\}", re.DOTALL | re.MULTILINE)
TAGGED = re.compile(r"^\s*(?:\w+\s+)?(\S+)\s+`json:\"([^\"]*)\".*?protobuf:\"\w+,(\d+),", re.MULTILINE)


@dataclass(frozen=True)
class Tag:
    """What a Go struct says of a field: its JSON name, empty for inline, and whether a zero is left out."""

    name: str
    omitted: bool


def folder_of(package: str, api: Path, machinery: Path) -> Path:
    if package.startswith(API):
        return api / package.removeprefix(API).replace(".", "/")
    return machinery / package.removeprefix("k8s.io.apimachinery.").replace(".", "/")


def tags_of(folder: Path) -> dict[tuple[str, str], Tag]:
    """The tag by struct and field number."""
    found: dict[tuple[str, str], Tag] = {}
    for name, body in STRUCT.findall((folder / "types.go").read_text()):
        for go_type, json_tag, number in TAGGED.findall(body):
            json_name, *options = json_tag.split(",")
            found[name, number] = Tag(json_name, "omitempty" in options and not go_type.startswith("*"))
    return found


def full_name(proto_type: str, package: str) -> str:
    if proto_type in SCALARS:
        return proto_type
    return proto_type.removeprefix(".") if "." in proto_type else f"{package}.{proto_type}"


class Tables:
    """The messages read so far."""

    def __init__(self, api: Path, machinery: Path) -> None:
        self.api, self.machinery = api, machinery
        self.messages: dict[str, dict[str, str]] = {}
        self.read: set[str] = set()

    def read_package(self, package: str) -> None:
        if package in self.read:
            return
        self.read.add(package)
        folder = folder_of(package, self.api, self.machinery)
        tags = tags_of(folder)
        for name, body in MESSAGE.findall((folder / "generated.proto").read_text()):
            fields: dict[str, str] = {}
            for label, map_type, proto_type, proto_name, number in FIELD.findall(body):
                tag = tags.get((name, number), Tag(proto_name, False))
                prefix = "map:" if map_type else "[]" if label == "repeated" else ""
                shown = (tag.name or ".") + ("?" if tag.omitted else "")
                fields[number] = f"{shown} {prefix}{full_name(map_type or proto_type, package)}"
            self.messages[f"{package}.{name}"] = fields

    def reachable(self, roots: list[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in found or name in SPECIAL or name in SCALARS:
                continue
            self.read_package(name.rpartition(".")[0])
            found[name] = self.messages[name]
            waiting += [text.split(" ")[1].removeprefix("[]").removeprefix("map:") for text in found[name].values()]
        return dict(sorted(found.items()))


def main(api: str, machinery: str) -> None:
    tables = Tables(Path(api), Path(machinery))
    kinds = {
        f"{gv}/{kind}": f"{API}{package}.{kind}" for gv, (package, names) in KINDS.items() for kind in names.split()
    }
    # Kubernetes serves these two options under every group; clients send them as of v1.
    kinds |= {f"v1/{name}": META + name for name in ("DeleteOptions", "Status")}
    messages = tables.reachable(list(kinds.values()))
    lines = [f"{json.dumps(name)}:{json.dumps(fields, separators=(',', ':'))}" for name, fields in messages.items()]
    origin = "Kubernetes v1.34 k8s.io/api and k8s.io/apimachinery, Apache-2.0, The Kubernetes Authors;"
    origin += " written by tools/protobuf_data.py"
    text = f'{{"origin":{json.dumps(origin)},\n"kinds":{json.dumps(kinds, indent=0)},\n"messages":{{\n'
    TARGET.write_text(text + ",\n".join(lines) + "\n}}\n")
    print(f"{TARGET}: {len(messages)} messages, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
