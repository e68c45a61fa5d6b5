"""From `tidegate.yaml` to the plugins that are in force."""

from __future__ import annotations

from pathlib import Path

from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load
from tidegate.hooks.records import PluginSelection
from tidegate.runtime import config


def facade_of(file: Path | None) -> Facade:
    """The plugins that the config file wants, all installed ones without a file.

    Raises ConfigError, and PluginLoadError for a required plugin that fails; other failures stand in the records.
    """
    plugins = config.load(file).plugins
    selection = PluginSelection(
        enabled="*" if plugins.enabled is None else tuple(plugins.enabled),
        disabled=tuple(plugins.disabled),
        required=tuple(plugins.required),
        settings=plugins.settings,
    )
    return Facade(load(selection))
