"""L3: the world. Kubernetes, threads, time and the queue; how each action is performed.

Must not: know why an action was chosen, or any provider. Only `transport.py` imports the Kubernetes client.

From a watch event to a write: `reflector` fills a `store`, `wiring` turns the change into a key on the `queue`, a worker
of the `engine` hands it to `reconcile`, which lets `observe` look, the machine decide, and `perform` write through
`cluster` and `transport`. Beside them: `events`, `services` (hand-over), `leader`, `metrics` and `gauges`, `config`, `logs`.
Passes differ by kind: `rollouts`, `analysis` (AnalysisRuns, whose measurements `flights` carries to threads and `measuring`
makes), `experiments`.
"""
