"""What the simulated kubelet knows of a pod beyond its life, which the sandbox's simulation tells."""

from __future__ import annotations

from typing import Any

NODE = "node-1"


def key(pod: dict[str, Any]) -> str:
    """The uid: a pod of the same name that comes later is another pod."""
    return str(pod["metadata"]["uid"])


def path(pod: dict[str, Any]) -> str:
    """Where the API server serves it."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def binding(pod: dict[str, Any]) -> dict[str, Any]:
    """What a scheduler posts."""
    target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}, "target": target}
