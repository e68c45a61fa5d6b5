"""The command lines of the three servers: light, quick, and on loopback only."""

from __future__ import annotations

from pathlib import Path

from realcluster.certificates import Certificates

# Everything that acts on what a Rollout makes and uses; the rest would only cost CPU.
_CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "job-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "disruption-controller",
)


def etcd(folder: Path, client_port: int, peer_port: int) -> list[str]:
    """Arguments of etcd. Without fsync: the data is thrown away anyway, and a slow disk must not slow the tests."""
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--log-level=error",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def api_server(folder: Path, port: int, etcd_port: int, files: Certificates) -> list[str]:
    """Arguments of kube-apiserver. Users are the tokens in tokens.csv; RBAC is on."""
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={files.serving}",
        f"--tls-private-key-file={files.serving_key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files.account_key}",
        f"--service-account-signing-key-file={files.account_key}",
        # Its controller, which makes the accounts that it asks for, is not here.
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        "--profiling=false",
    ]


def controller_manager(folder: Path, kubeconfig: Path) -> list[str]:
    """Arguments of kube-controller-manager: it serves nothing, and its writes are as good as unlimited."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--cert-dir={folder}",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--concurrent-deployment-syncs=10",
        "--concurrent-replicaset-syncs=10",
    ]
