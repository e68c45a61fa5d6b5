"""The two pluggy markers, apart from everything so that the contract itself need not know pluggy."""

from __future__ import annotations

import pluggy

PROJECT = "tidegate"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
