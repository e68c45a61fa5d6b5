"""What stands under `provider.prometheus`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

DEFAULT_S = 30
LONGEST_S = 3600  # chosen by feel: no query that anybody waits for takes longer


class Part(BaseModel):
    """Unknown fields are ignored, as the API server prunes them; texts that may be secret are not shown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True)


class Header(Part):
    """Set on each request."""

    key: str
    value: str = Field(repr=False)


class RangeQuery(Part):
    """`start` and `end` are time expressions (`now() - duration("5m")`), `step` a Go duration."""

    start: str
    end: str
    step: str


class BasicAuth(Part):
    """Both are needed."""

    username: str = ""
    password: str = Field(default="", repr=False)


class SigV4(Part):
    """Whose requests they are, for Amazon's managed service. What is left out, the environment says."""

    region: str = ""
    profile: str = ""
    role_arn: str = ""


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
    """At most one of them counts: sigv4 where the address is Amazon's, else oauth2, else basicAuth."""

    sigv4: SigV4 = Field(default_factory=SigV4)
    oauth2: OAuth2 = Field(default_factory=OAuth2)
    basic_auth: BasicAuth = Field(default_factory=BasicAuth)

    @model_validator(mode="after")
    def _whole(self) -> Authentication:
        if bool(self.basic_auth.username) != bool(self.basic_auth.password):
            raise ValueError("basicAuth needs username and password; one of them is empty")
        return self


class Config(Part):
    """`timeout` is in seconds; 0 is the default of 30."""

    address: str = ""
    query: str = ""
    timeout: int = Field(default=0, ge=0, le=LONGEST_S)
    insecure: bool = False
    headers: list[Header] = Field(default_factory=list)
    range_query: RangeQuery | None = None
    authentication: Authentication = Field(default_factory=Authentication)

    @property
    def timeout_s(self) -> float:
        """How long one measurement may take."""
        return float(self.timeout or DEFAULT_S)
