"""CustomResourceDefinitions and the objects they define."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Invalid, MethodNotAllowed, NotFound
from tidegate_sandbox.store import Store

CRD = "customresourcedefinitions.apiextensions.k8s.io"
GATES = "gates.example.com"
Gates = Callable[..., Manifest]


@pytest.fixture
def gates(store: Store, gate_definition: Manifest) -> Store:
    store.create(CRD, gate_definition)
    return store


def causes_of(store: Store, manifest: Manifest) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        store.create(GATES, manifest)
    return {cause.field: cause.message for cause in caught.value.causes}


def test_a_definition_is_established_at_once(gates: Store) -> None:
    definition = gates.get(CRD, "", GATES)
    assert {c["type"]: c["status"] for c in definition["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert definition["status"]["storedVersions"] == ["v1"]
    assert definition["spec"]["names"]["listKind"] == "GateList"
    assert gates.list(GATES) == []


def test_defaults_are_filled_in_at_every_depth(gates: Store, a_gate: Gates) -> None:
    made = gates.create(GATES, a_gate(steps=[{"weight": 10}, {"weight": 20, "hold": True}]))
    assert made["spec"]["mode"] == "Open"
    assert [step["hold"] for step in made["spec"]["steps"]] == [False, True]


def test_unknown_fields_are_dropped_except_where_kept(gates: Store, a_gate: Gates) -> None:
    made = gates.create(GATES, a_gate(nope=1, free={"any": {"thing": 1}}, steps=[{"weight": 1, "nope": 2}]))
    assert "nope" not in made["spec"]
    assert "nope" not in made["spec"]["steps"][0]
    assert made["spec"]["free"] == {"any": {"thing": 1}}


def test_null_is_dropped_unless_it_is_a_value(gates: Store, a_gate: Gates) -> None:
    made = gates.create(GATES, a_gate(mode=None, note=None))
    assert made["spec"]["mode"] == "Open"
    assert made["spec"]["note"] is None


@pytest.mark.parametrize("surge", [1, "25%"])
def test_int_or_string_takes_both(gates: Store, a_gate: Gates, surge: int | str) -> None:
    assert gates.create(GATES, a_gate(surge=surge))["spec"]["surge"] == surge


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (
            {"replicas": "x"},
            "spec.replicas",
            'Invalid value: "string": spec.replicas in body must be of type integer: "string"',
        ),
        (
            {"replicas": -1},
            "spec.replicas",
            "Invalid value: -1: spec.replicas in body should be greater than or equal to 0",
        ),
        ({"replicas": None}, "spec.replicas", "Required value"),
        ({"mode": "Ajar"}, "spec.mode", 'Unsupported value: "Ajar": supported values: "Open", "Closed"'),
        ({"note": "too long"}, "spec.note", "Too long: may not be more than 4 bytes"),
        ({"steps": [{"weight": 1}, {}]}, "spec.steps[1].weight", "Required value"),
        ({"steps": [{"weight": 1}] * 4}, "spec.steps", "Too many: 4: must have at most 3 items"),
        (
            {"surge": []},
            "spec.surge",
            'Invalid value: "array": spec.surge in body must be of type integer,string: "array"',
        ),
    ],
    ids=["type", "minimum", "required", "enum", "length", "nested", "items", "int-or-string"],
)
def test_an_object_is_refused_with_the_field_at_fault(
    gates: Store, a_gate: Gates, spec: Manifest, field: str, message: str
) -> None:
    assert causes_of(gates, a_gate(**spec))[field] == message


def test_a_rule_of_immutability_holds_on_updates(gates: Store, a_gate: Gates) -> None:
    gates.create(GATES, a_gate(**{"class": "a"}))
    with pytest.raises(Invalid, match=r'spec\.class: Invalid value: "string": class is immutable'):
        gates.update(GATES, a_gate(**{"class": "b"}))
    gates.update(GATES, a_gate(replicas=2, **{"class": "a"}))


def test_spec_and_status_are_apart(gates: Store, a_gate: Gates) -> None:
    made = gates.create(GATES, a_gate() | {"status": {"replicas": 9}})
    assert "status" not in made
    made["status"], made["spec"]["replicas"] = {"replicas": 3}, 7
    made["metadata"]["labels"] = {"x": "y"}
    stored = gates.update(GATES, made, subresource="status")
    assert (stored["status"], stored["spec"]["replicas"]) == ({"replicas": 3}, 1)
    assert "labels" not in stored["metadata"]
    assert stored["metadata"]["generation"] == 1


def test_generation_counts_spec_changes(gates: Store, a_gate: Gates) -> None:
    gates.create(GATES, a_gate())
    assert gates.update(GATES, a_gate(replicas=2))["metadata"]["generation"] == 2
    labelled = a_gate(replicas=2)
    labelled["metadata"]["labels"] = {"x": "y"}
    assert gates.update(GATES, labelled)["metadata"]["generation"] == 2


def test_deleting_a_definition_deletes_its_objects(gates: Store, a_gate: Gates) -> None:
    gates.create(GATES, a_gate())
    gates.delete(CRD, "", GATES)
    with pytest.raises(NotFound):
        gates.list(GATES)
    with pytest.raises(NotFound):
        gates.get(CRD, "", GATES)


def test_a_definition_waits_for_its_last_object(gates: Store, a_gate: Gates) -> None:
    held = a_gate()
    held["metadata"]["finalizers"] = ["x.io/hold"]
    held = gates.create(GATES, held)
    gates.delete(CRD, "", GATES)
    with pytest.raises(MethodNotAllowed, match="definition is terminating"):
        gates.create(GATES, a_gate("late"))
    held = gates.get(GATES, "default", "g")
    del held["metadata"]["finalizers"]
    gates.update(GATES, held)
    with pytest.raises(NotFound):
        gates.get(CRD, "", GATES)


@pytest.mark.parametrize(
    ("break_it", "field"),
    [
        (lambda crd: crd["metadata"].update(name="gate.example.com"), "metadata.name"),
        (lambda crd: crd["spec"].update(scope="Galaxy"), "spec.scope"),
        (lambda crd: crd["spec"]["versions"][0].update(storage=False), "spec.versions"),
        (lambda crd: crd["spec"]["versions"][0].pop("schema"), "spec.versions[0].schema.openAPIV3Schema"),
        (
            lambda crd: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].update(x={}),
            "spec.versions[0].schema.openAPIV3Schema.properties[x].type",
        ),
        (
            lambda crd: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].update(
                x={"type": "string", "pattern": "("}
            ),
            "spec.versions[0].schema.openAPIV3Schema",
        ),
    ],
    ids=["name", "scope", "storage", "no schema", "untyped", "pattern"],
)
def test_a_broken_definition_is_refused(
    store: Store, gate_definition: Manifest, break_it: Callable[[Manifest], None], field: str
) -> None:
    break_it(gate_definition)
    with pytest.raises(Invalid) as caught:
        store.create(CRD, gate_definition)
    assert field in {cause.field for cause in caught.value.causes}
    with pytest.raises(NotFound):
        store.list(GATES)


def test_a_further_version_serves_the_same_objects(store: Store, gate_definition: Manifest, a_gate: Gates) -> None:
    older = copy.deepcopy(gate_definition["spec"]["versions"][0]) | {"name": "v1beta1", "storage": False}
    gate_definition["spec"]["versions"].append(older)
    store.create(CRD, gate_definition)
    kinds = store.registry.kinds
    beta = kinds.find("example.com", "v1beta1", "gates")
    assert beta is not None
    store.registry.create(beta, a_gate() | {"apiVersion": "example.com/v1beta1"})
    assert store.get(GATES, "default", "g")["apiVersion"] == "example.com/v1"
