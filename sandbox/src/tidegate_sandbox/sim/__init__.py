"""Simulated workloads: what the controllers, the scheduler and the kubelets of a cluster would do to its objects.

Belongs here: the behaviour of the built-in workload kinds (Deployment, ReplicaSet, Job, Pod, Node, EndpointSlice,
HorizontalPodAutoscaler, PodDisruptionBudget, Namespace, ownerReferences), driven by the objects in the store and by a
`contracts.Clock`. Every controller is level-triggered: a change only names the keys to look at again, a pass over a key
compares what is with what should be, and writes nothing when they agree. Passes run one at a time in the order in which
their keys came in, so that under a virtual clock the same input gives the same world.

Does not belong here: HTTP, admission and defaulting, the store's own rules (deletion with finalizers, generations), and
anything about rollouts; traffic is the data plane's affair.

Reading order: `world` (the engine), `cluster` and `view` (what a controller may read and write), `pods` with
`behaviour` and `containers` (the kubelet), then any controller.
"""

from __future__ import annotations

from tidegate_sandbox.sim.world import World

__all__ = ["World"]
