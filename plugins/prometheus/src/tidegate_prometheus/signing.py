"""Amazon's signature of a request, Signature Version 4, for the service `aps`."""

from __future__ import annotations

from tidegate.hooks import Call, PluginError
from tidegate_prometheus.config import SigV4

SERVICE = "aps"
INSTALL = 'authentication.sigv4 needs botocore; install it with: pip install "tidegate-prometheus[sigv4]"'
SESSION = "tidegate"


def sign(given: SigV4, call: Call) -> dict[str, str]:
    """The headers that sign the call. Raises PluginError without botocore, a region or credentials."""
    try:
        from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
        from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
        from botocore.credentials import Credentials  # type: ignore[import-untyped]
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
        from botocore.session import Session  # type: ignore[import-untyped]
    except ImportError as error:  # an extra: most installations have no Amazon
        raise PluginError(INSTALL) from error
    try:
        session = Session(profile=given.profile or None)
        region = given.region or session.get_config_variable("region") or ""
        credentials = session.get_credentials()
        if not region:
            raise PluginError("authentication.sigv4: no region; set `region`, or AWS_REGION for the controller")
        if credentials is not None and given.role_arn:
            client = session.create_client("sts", region_name=region)
            found = client.assume_role(RoleArn=given.role_arn, RoleSessionName=SESSION)["Credentials"]
            credentials = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    except (BotoCoreError, ClientError) as cause:
        raise PluginError(f"authentication.sigv4: no credentials: {cause}") from cause
    if credentials is None:
        raise PluginError("authentication.sigv4: no credentials; give the controller's account an IAM role")
    request = AWSRequest(call.method, call.url, data=call.body or b"", headers={"Host": call.url.split("/")[2]})
    SigV4Auth(credentials, SERVICE, region).add_auth(request)
    signed = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256")
    return {name: str(request.headers[name]) for name in signed if name in request.headers}
