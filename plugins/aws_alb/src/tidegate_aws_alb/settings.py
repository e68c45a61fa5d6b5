"""The plugin's own block in `tidegate.yaml`: whether AWS is asked, where, and under which names."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

RESOURCE_TAG = "ingress.k8s.aws/resource"
BINDINGS = "elbv2.k8s.aws/v1beta1"
BINDING_VERSION = re.compile(r"(elbv2\.k8s\.aws|eks\.amazonaws\.com)/v[0-9][a-z0-9]*")


class AlbSettings(BaseModel):
    """How AWS is asked. Credentials are not here: the SDK finds them where AWS puts them.

    `verifyTargetGroup` False (the reference's default) asks AWS nothing. `region`, `endpointUrl` and `profile` override
    what the SDK finds in its environment. `timeoutSeconds` holds for the connection and for the answer, each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verify_target_group: bool = Field(default=False, alias="verifyTargetGroup")
    region: str = ""
    endpoint_url: str = Field(default="", alias="endpointUrl")
    profile: str = ""
    timeout_s: float = Field(default=10.0, alias="timeoutSeconds", gt=0, le=60)
    resource_tag: str = Field(default=RESOURCE_TAG, alias="tagKeyResourceId", min_length=1)
    binding_version: str = Field(default=BINDINGS, alias="targetGroupBindingApiVersion")

    @field_validator("endpoint_url")
    @classmethod
    def _endpoint_is_a_url(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must be a URL like https://elasticloadbalancing.eu-central-1.amazonaws.com")
        return value

    @field_validator("binding_version")
    @classmethod
    def _bindings_are_known(cls, value: str) -> str:
        if not BINDING_VERSION.fullmatch(value):
            raise ValueError(f"must be {BINDINGS}, or eks.amazonaws.com/v1 in EKS Auto Mode")
        return value
