"""A real Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager and a simulated kubelet.

Here belongs what starts, feeds and stops it. Not here: anything that knows tidegate's code; the only thing of the
project it touches is `deploy/crds`, which it installs. `tests/cluster` is on the import path of whoever uses it:
`conftest.py` puts it there for the tests, Python itself for `up.py`.
"""
