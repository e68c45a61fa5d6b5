"""ownerReferences: whose an object is, and how a controller takes one up or lets it go."""

from __future__ import annotations

from tidegate_sandbox.contracts import Manifest


def controller_of(manifest: Manifest) -> Manifest | None:
    """The one ownerReference with `controller: true`; None for an orphan."""
    references = manifest["metadata"].get("ownerReferences", ())
    return next((reference for reference in references if reference.get("controller")), None)


def controlled_by(manifest: Manifest, owner: Manifest) -> bool:
    reference = controller_of(manifest)
    return reference is not None and reference["uid"] == owner["metadata"]["uid"]


def reference_to(owner: Manifest, api_version: str, kind: str) -> Manifest:
    """The ownerReference of a controller to what it controls."""
    metadata = owner["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def adopted(manifest: Manifest, reference: Manifest) -> Manifest:
    """`manifest` with one more owner."""
    references = [*manifest["metadata"].get("ownerReferences", ()), reference]
    return {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": references}}


def released(manifest: Manifest, uid: str) -> Manifest:
    """`manifest` without its references to `uid`."""
    metadata = dict(manifest["metadata"])
    kept = [reference for reference in metadata.pop("ownerReferences", ()) if reference["uid"] != uid]
    if kept:
        metadata["ownerReferences"] = kept
    return {**manifest, "metadata": metadata}


def deleting(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def without_finalizer(manifest: Manifest, finalizer: str) -> Manifest:
    metadata = dict(manifest["metadata"])
    kept = [name for name in metadata.pop("finalizers", ()) if name != finalizer]
    if kept:
        metadata["finalizers"] = kept
    return {**manifest, "metadata": metadata}
