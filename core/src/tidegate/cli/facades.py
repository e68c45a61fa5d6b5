"""The plugins as a command without a controller sees them."""

from __future__ import annotations

from pathlib import Path

from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load
from tidegate.hooks.records import PluginSelection
from tidegate.runtime.config import load as read_config


def facade_from(config: Path | None) -> Facade:
    """The facade over the plugins that a config file selects, over all installed ones without a file."""
    plugins = read_config(config).plugins
    selection = PluginSelection(
        "*" if plugins.enabled is None else tuple(plugins.enabled),
        tuple(plugins.disabled),
        tuple(plugins.required),
        plugins.settings,
    )
    return Facade(load(selection))
