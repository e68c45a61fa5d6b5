"""Schemas of what Kubernetes itself defines: selectors, pod templates, metadata."""

from __future__ import annotations

from crds_notation import Schema, int_or_string, listing, number, obj, open_obj, strings, text, texts


def selector(about: str, **more: object) -> Schema:
    """A LabelSelector."""
    expression = obj(
        "One requirement on a label.",
        "key",
        "operator",
        key=text("The label."),
        operator=text("How the label is compared: In, NotIn, Exists or DoesNotExist."),
        values=texts("The values of In and NotIn."),
    )
    made = obj(
        about,
        matchLabels=strings("Labels and the values they must have."),
        matchExpressions=listing("Requirements that must all hold, besides matchLabels.", expression),
    )
    return {**made, "x-kubernetes-map-type": "atomic", **more}


def pod_metadata(about: str) -> Schema:
    """Labels and annotations, the only metadata that pods and runs take over."""
    return obj(about, labels=strings("Labels to add."), annotations=strings("Annotations to add."))


def object_metadata(about: str) -> Schema:
    """The metadata of an object to be made; what the controller does not use is kept as written."""
    return open_obj(about, labels=strings("Its labels."), annotations=strings("Its annotations."))


def _named(about: str, item: str, **fields: Schema) -> Schema:
    entry = open_obj(item, "name", name=text("Its name, unique in the list."), **fields)
    return listing(about, entry, key="name")


def pod_template(about: str) -> Schema:
    """A pod template: the fields that everybody looks up are described, all others are kept as written.

    Containers and volumes are lists by name, as in Kubernetes' own kinds, so that server-side apply merges them.
    """
    container = {
        "image": text("The image to run."),
        "command": texts("What to run in place of the image's entry point."),
        "args": texts("Arguments of the command."),
        "resources": open_obj(
            "What the container asks for and may use at most.",
        ),
        "readinessProbe": open_obj(
            "How Kubernetes learns that the container can serve; no traffic before that.",
            initialDelaySeconds=number("Seconds to wait before the first probe."),
            periodSeconds=number("Seconds between probes."),
        ),
        "ports": listing(
            "Ports that the container listens on.",
            open_obj(
                "One port.",
                containerPort=number("The number of the port."),
                name=text("A name that Services can refer to."),
            ),
        ),
    }
    spec = open_obj(
        "What runs in the pods: a PodSpec, checked by the controller and by Kubernetes when pods are made.",
        containers=_named("The containers that run side by side.", "One container.", **container),
        initContainers=_named("Containers that run to their end, one by one, before the others.", "One container."),
        volumes=_named("Volumes that containers can mount.", "One volume."),
        restartPolicy=text("When containers are started again: only Always in a Rollout, Never or OnFailure in a Job."),
        serviceAccountName=text("The ServiceAccount that the pods run as."),
        terminationGracePeriodSeconds=number("Seconds a pod has to end after it was told to.", bits=64),
    )
    return open_obj(about, metadata=object_metadata("Labels and annotations of the pods."), spec=spec)


def job_spec(about: str) -> Schema:
    """A JobSpec; all fields are kept as written."""
    return open_obj(
        about,
        backoffLimit=number("How often a failed pod is tried again; Kubernetes' default is 6."),
        activeDeadlineSeconds=number("Seconds after which the Job has failed.", bits=64),
        template=pod_template("The pod that measures; its exit code is the result."),
    )


def percentage_or_number(about: str) -> Schema:
    """maxSurge and its kin."""
    return int_or_string(f"{about} A number, or a percentage of spec.replicas such as 25%.")
