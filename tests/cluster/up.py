"""Brings the real control plane up by hand and keeps it until SIGTERM or Ctrl-C.

`python tests/cluster/up.py --kubeconfig FILE` prints one line when it is ready: seconds, address, folder of the logs.
The kubeconfig has two contexts: `admin`, and `tidegate` with the rights of the controller's ServiceAccount.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from realcluster.binaries import MissingBinaries, find
from realcluster.control_plane import CRDS, ControlPlane, NotReady, Options
from realcluster.process import ProcessEnded

# How often a process that ended by itself is noticed.
_LOOK_S = 1.0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="up.py", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="where to write the kubeconfig")
    parser.add_argument("--port", type=int, default=0, help="port of the API server; 0 (the default) is a free one")
    parser.add_argument("--crds", type=Path, default=CRDS, help="folder of CRDs to install (default: deploy/crds)")
    parser.add_argument("--no-crds", action="store_true", help="install none")
    parser.add_argument("--no-kubelet", action="store_true", help="leave pods unbound")
    return parser.parse_args()


def main() -> int:
    """0 after SIGTERM or Ctrl-C, 1 when something ended or did not start, 2 without the programs."""
    asked = arguments()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    started = time.monotonic()
    options = Options(asked.port, None if asked.no_crds else asked.crds, not asked.no_kubelet)
    try:
        with ControlPlane.start(find(), options) as plane:
            plane.write_kubeconfig(asked.kubeconfig)
            took = time.monotonic() - started
            print(
                f"ready in {took:.1f} s: https://127.0.0.1:{plane.port}, {asked.kubeconfig}, logs in {plane.folder}",
                flush=True,
            )
            while not ended.wait(_LOOK_S):
                plane.check()
    except MissingBinaries as error:
        print(error, file=sys.stderr)
        return 2
    except (NotReady, ProcessEnded) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
