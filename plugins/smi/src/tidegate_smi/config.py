"""The `smi` part of a Rollout's trafficRouting, and the plugin's block in tidegate.yaml."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_LENGTH, LABEL_LENGTH = 253, 63  # DNS subdomain and DNS label, RFC 1123

VERSIONS = ("v1alpha1", "v1alpha2", "v1alpha3", "v1alpha4")
DEFAULT_VERSION = "v1alpha1"  # of the reference controller's --traffic-split-api-version


def _name(value: str) -> str:
    if value and (len(value) > NAME_LENGTH or not SUBDOMAIN.fullmatch(value)):
        raise ValueError("must be the name of an object: lower-case letters, digits, - and .")
    return value


def _service(value: str) -> str:
    if value and (len(value) > LABEL_LENGTH or "." in value or not SUBDOMAIN.fullmatch(value)):
        raise ValueError("must be the name of a Service: at most 63 lower-case letters, digits and -")
    return value


def _version(value: str) -> str:
    if value not in VERSIONS:
        raise ValueError(f"Unsupported TrafficSplit API version `{value}`; write one of {', '.join(VERSIONS)}")
    return value


class SmiConfig(BaseModel):
    """`root_service` "" is the stable Service, `split_name` "" the Rollout's name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    root_service: Annotated[str, AfterValidator(_service)] = Field("", alias="rootService")
    split_name: Annotated[str, AfterValidator(_name)] = Field("", alias="trafficSplitName")


class SmiSettings(BaseModel):
    """How the mesh wants its TrafficSplits: meshes differ in what they call a weight of v1alpha1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: Annotated[str, AfterValidator(_version)] = Field(DEFAULT_VERSION, alias="apiVersion")
    weight_form: Literal["string", "int"] = Field("string", alias="v1alpha1Weight")

    @property
    def texts(self) -> bool:
        """Whether weights are written as text."""
        return self.api_version == "v1alpha1" and self.weight_form == "string"
