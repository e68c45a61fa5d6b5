"""Every exception that tidegate raises on purpose.

TidegateError
+- SpecError                an object cannot work as written; `path` is the field. Ends in condition InvalidSpec
|  +- UnknownRouter         no installed plugin answers to that name
+- Pending                  nothing is wrong, the world is not there yet; looked at again after `after_s`
+- Retry                    a pass that should be made again after `after_s`
+- Terminal                 a pass that no repetition can help; looked at again only on a change
+- ApiError                 the API server answered with something else than success
|  +- NotFound              404
|  +- AlreadyExists         409 on create
|  +- Conflict              409 on a stale resourceVersion
|  +- Gone                  410
|  +- Forbidden             401, 403
|  +- Rejected              400, 413, 415, 422, admission denials
|  +- TooManyRequests       429; `after_s` is the server's Retry-After
|  +- Transient             5xx, timeouts, refused or broken connections
+- OwnershipError           an object exists and belongs to somebody else; never overwritten
+- PluginError              a plugin raised, answered with the wrong type, or failed to load
|  +- PluginLoadError       while loading: import error, wrong API version, unusable verbs, two distributions of one name
+- ConfigError              `tidegate.yaml` or a flag; holds file, line and field
+- ConnectionFailed         no API server behind the kubeconfig
"""

from __future__ import annotations


class TidegateError(Exception):
    """Anything that tidegate raises on purpose."""


class SpecError(TidegateError):
    """`path` is the field, `detail` what was found and what to do, `value` the offending value as JSON, or None.

    The text is Kubernetes' form of a field error: `<path>: Invalid value: <value>: <detail>`, or
    `<path>: Required value: <detail>` when `value` is None.
    """

    def __init__(self, path: str, detail: str, *, value: str | None = None) -> None:
        self.path, self.detail, self.value = path, detail, value
        kind = "Required value" if value is None else f"Invalid value: {value}"
        super().__init__(f"{path}: {kind}: {detail}")


class UnknownRouter(SpecError):
    """A Rollout names a router that no loaded plugin answers to."""


class Pending(TidegateError):
    """The world is not there yet; not a failure, so no back-off grows and no Warning is sent."""

    def __init__(self, message: str, *, after_s: float = 10.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Retry(TidegateError):
    """Make this pass again after `after_s` seconds."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class Terminal(TidegateError):
    """No repetition can help; the key is looked at again only when something changes."""


class ApiError(TidegateError):
    """An answer of the API server that is not a success.

    `reason` is Kubernetes' Status reason, `code` the HTTP status (0 when there was no answer).
    """

    def __init__(self, message: str, *, code: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.code, self.reason = code, reason


class NotFound(ApiError):
    """404: the object, or the API version, is not there. Retried like any other error."""


class AlreadyExists(ApiError):
    """409 on create."""


class Conflict(ApiError):
    """409: the object changed since it was read."""


class Gone(ApiError):
    """410: the resourceVersion is too old; list again."""


class Forbidden(ApiError):
    """401 or 403: the message names the verb and the resource to grant."""


class Rejected(ApiError):
    """400, 413, 415 or 422, a denial by admission included: sending it again cannot help."""


class TooManyRequests(ApiError):
    """429. `after_s` is the server's Retry-After, or 1."""

    def __init__(self, message: str, *, after_s: float = 1.0, reason: str = "TooManyRequests") -> None:
        super().__init__(message, code=429, reason=reason)
        self.after_s = after_s


class Transient(ApiError):
    """5xx, a timeout, a refused or broken connection."""


class Unreachable(TidegateError):
    """A call to an endpoint of metrics brought no whole answer: it was forbidden, refused, cut, too late or too long."""


class OwnershipError(TidegateError):
    """An object exists and belongs to somebody else; it is never overwritten."""


class PluginError(TidegateError):
    """A plugin misbehaved. `plugin` is its name, `distribution` is `name==version`, `verb` what was asked of it."""

    def __init__(self, message: str, *, plugin: str = "", distribution: str = "", verb: str = "") -> None:
        super().__init__(message)
        self.plugin, self.distribution, self.verb = plugin, distribution, verb


class PluginLoadError(PluginError):
    """A plugin that cannot be used at all; the others go on."""


class ConfigError(TidegateError):
    """A setting that cannot be used. `where` is `file:line`, or the flag."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where


class ConnectionFailed(TidegateError):
    """There is no API server to talk to."""
