"""What stands under `provider.web`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

DEFAULT_S = 10
LONGEST_S = 3600  # chosen by feel: no endpoint that anybody waits for takes longer


class Part(BaseModel):
    """Unknown fields are ignored, as the API server prunes them; texts that may be secret are not shown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True)


class Header(Part):
    """Of several with one key the last is sent."""

    key: str
    value: str = Field(repr=False)


class OAuth2(Part):
    """The client credentials grant."""

    token_url: str = ""
    client_id: str = ""
    client_secret: str = Field(default="", repr=False)
    scopes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> OAuth2:
        given = (self.token_url, self.client_id, self.client_secret)
        if any(given) and not all(given):
            said = "missing mandatory parameter in metric for OAuth2 setup: give tokenUrl, clientId and clientSecret"
            raise ValueError(said)
        return self


class Authentication(Part):
    """Without `oauth2` a request goes out as it is."""

    oauth2: OAuth2 = Field(default_factory=OAuth2)


class Config(Part):
    """`timeoutSeconds` is 10 where it is 0 or less. A `jsonBody` of null is none."""

    url: str
    method: str = ""
    headers: list[Header] = Field(default_factory=list, repr=False)
    body: str = Field(default="", repr=False)
    json_body: Any = Field(default=None, repr=False)
    json_path: str = ""
    timeout_seconds: int = Field(default=0, le=LONGEST_S)
    insecure: bool = False
    authentication: Authentication = Field(default_factory=Authentication)

    @property
    def timeout_s(self) -> float:
        """How long one measurement may take."""
        return float(self.timeout_seconds if self.timeout_seconds > 0 else DEFAULT_S)
