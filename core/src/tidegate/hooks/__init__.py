"""L2: the plugin contract, and who answers it.

Belongs here: the base classes that are the hook specifications, their value types, the loader, the typed facade and the
unit of work over copies of objects.
Must not: HTTP, watches, threads, any strategy.

What this package exports is all that a plugin author imports.
"""

from tidegate.api.analysis import Measurement
from tidegate.api.duration import go_seconds
from tidegate.api.intstr import IntOrString
from tidegate.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    OwnershipError,
    Pending,
    PluginError,
    Rejected,
    Retry,
    SpecError,
    TooManyRequests,
    Transient,
    Unreachable,
)
from tidegate.hooks.http import Answer, Call, Http, OAuth2, Secrets
from tidegate.hooks.markers import hookimpl
from tidegate.hooks.metrics import Access, MetricProvider, Query
from tidegate.hooks.objects import Manifest, Objects, controller_of
from tidegate.hooks.references import Kind, Ref, Rule
from tidegate.hooks.router import API_VERSION, Target, TrafficRouter
from tidegate.hooks.values import duration_s, go_text, is_known
from tidegate.machine.actions import Event
from tidegate.machine.analysis.verdicts import Reading
from tidegate.machine.expr.conditions import moment
from tidegate.machine.expr.values import Duration, Floats, Struct, Value, from_json, go_type
from tidegate.machine.observed import Problem
from tidegate.machine.traffic import (
    Capability,
    Destination,
    Hashes,
    HeaderRoute,
    Match,
    MirrorMatch,
    MirrorRoute,
    Verdict,
    Weights,
)

__all__ = [
    # what a plugin is
    "API_VERSION",
    "TrafficRouter",
    "MetricProvider",
    "hookimpl",
    # what a router declares
    "Capability",
    "Kind",
    "Ref",
    "Rule",
    # what a verb is handed
    "Target",
    "Objects",
    "Manifest",
    "controller_of",
    "Weights",
    "Destination",
    "Hashes",
    "HeaderRoute",
    "MirrorRoute",
    "MirrorMatch",
    "Match",
    # what a provider's verb is handed
    "Query",
    "Access",
    "Measurement",
    "Http",
    "Call",
    "OAuth2",
    "Answer",
    "Secrets",
    # what a result is made of
    "Value",
    "Floats",
    "Struct",
    "Duration",
    "from_json",
    "go_type",
    "go_text",
    # what a metric's texts mean
    "IntOrString",
    "go_seconds",
    "duration_s",
    "moment",
    "is_known",
    # what a verb answers
    "Reading",
    "Event",
    "Problem",
    "Verdict",
    # what a verb may raise
    "SpecError",
    "PluginError",
    "Unreachable",
    "Pending",
    "Retry",
    "OwnershipError",
    "ApiError",
    "NotFound",
    "Conflict",
    "Forbidden",
    "Rejected",
    "TooManyRequests",
    "Transient",
]
