"""L2: a whole cluster in virtual time around the pure machine; a day passes in milliseconds.

Belongs here: an object store, the ReplicaSet controller and pods, routers and what requests meet, a process that makes
passes and may die at any write, an autoscaler, clients, and the invariants that are checked while all of it runs.
Must not: the network, threads, clocks, any rule of a rollout.

```python
from tidegate.simulation import Cluster, PodBehaviour, Router

cluster = Cluster(manifest, routers=[Router("mesh")], pods=PodBehaviour(ready_s=3))
cluster.run_until_quiet()          # first deployment, and on through every timer until nothing happens by itself
cluster.set_image("v2")            # also: patch_spec({...}), patch_status({"abort": True})
cluster.settle()                   # until only the controller's own timers are left (a pause of 1 h is one)
cluster.advance(60)                # a minute passes
cluster.step()                     # one pass now
for moment in cluster.history:     # every pass: ms, situation, phase, step, sizes, weights, actions with why, notes, events
    print(moment.ms, moment.situation, moment.weights, moment.sizes)
cluster.status, cluster.phase, cluster.sizes(), cluster.weights(), cluster.seconds
```

`Router("mesh")` selects pods by revision and tells whether weights are in force; `can=SUBSETS` does so without Services;
`Router("ingress", can=INGRESS)` selects by Service and tells nothing. Services that the Rollout names are made up unless
`services` says otherwise.
"""

from tidegate.simulation.cluster import Cluster, Endless, Moment, Setting, Watcher
from tidegate.simulation.controller import Pass
from tidegate.simulation.faults import Fault
from tidegate.simulation.pods import PodBehaviour
from tidegate.simulation.routing import INGRESS, MESH, SUBSETS, Backend, Router

__all__ = [
    # the cluster and how it is set up
    "Cluster",
    "PodBehaviour",
    "Router",
    "MESH",
    "SUBSETS",
    "INGRESS",
    "Setting",
    # what is seen of it
    "Moment",
    "Pass",
    "Backend",
    "Watcher",
    "Endless",
    # what may go wrong
    "Fault",
]
