"""The example is a template that the provider takes."""

from __future__ import annotations

from pathlib import Path

import yaml

from tidegate.hooks.configs import read_config
from tidegate_web import Web


def test_the_example_is_taken_without_a_finding() -> None:
    text = (Path(__file__).parent.parent / "examples" / "template.yaml").read_text(encoding="utf-8")
    (metric,) = yaml.safe_load(text)["spec"]["metrics"]
    configured = read_config(Web.config, "web", metric["provider"]["web"], "p")
    assert isinstance(configured.config, Web.config)
    assert not Web().check_metric(configured.config, "p")
