"""The ASGI application: discovery, health, the control endpoints of the sandbox, and the object endpoint behind them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tidegate_sandbox.api import discovery
from tidegate_sandbox.api.answers import JSON, error_answer
from tidegate_sandbox.api.endpoint import Endpoint
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import ApiError, BadRequest, NotFound, SandboxError
from tidegate_sandbox.faults import fault_from
from tidegate_sandbox.ledger import encode
from tidegate_sandbox.registry import Registry

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Controls:
    """What another process may ask of the sandbox. `advance` moves the virtual clock by seconds, None under a real one."""

    advance: Callable[[float], None] | None = None


def application(endpoint: Endpoint, controls: Controls) -> Starlette:
    registry = endpoint.registry
    routes = [
        Route("/version", _fixed(lambda: discovery.VERSION)),
        *(Route(path, _healthy) for path in ("/healthz", "/livez", "/readyz")),
        Route("/api", _discovery(registry, True)),
        Route("/apis", _discovery(registry, False)),
        Route("/api/{version}", _legacy(registry)),
        Route("/apis/{group}", _group(registry)),
        Route("/apis/{group}/{version}", _legacy(registry)),
        Route("/openapi/v2", _openapi_v2(registry)),
        Route("/openapi/v3", _fixed(lambda: discovery.openapi_index(registry))),
        Route("/openapi/v3/api/{version}", _openapi(registry)),
        Route("/openapi/v3/apis/{group}/{version}", _openapi(registry)),
        Route("/sandbox/faults", _faults(endpoint), methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/compact", _compact(registry), methods=["POST"]),
        Route("/sandbox/advance", _advance(controls), methods=["POST"]),
        Route("/{rest:path}", endpoint),
    ]
    return Starlette(routes=routes)


def _json(manifest: Any, content_type: str = JSON, code: int = 200) -> Response:
    return Response(encode(manifest), code, media_type=content_type)


def _answering(handler: Callable[[Request], Awaitable[Response]]) -> Handler:
    """The handler with errors as Status answers."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except ApiError as error:
            made = error_answer(error)
            return Response(made.body, made.code, dict(made.headers), JSON)

    return guarded


def _fixed(content: Callable[[], Manifest]) -> Handler:
    async def handler(_request: Request) -> Response:
        return _json(content())

    return _answering(handler)


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _discovery(registry: Registry, core: bool) -> Handler:
    async def handler(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        if "as=APIGroupDiscoveryList" in accept and "v=v2" in accept.replace("v=v2beta1", ""):
            return _json(discovery.aggregated(registry, core), _AGGREGATED)
        return _json(discovery.versions() if core else discovery.groups(registry))

    return _answering(handler)


def _legacy(registry: Registry) -> Handler:
    async def handler(request: Request) -> Response:
        group, version = request.path_params.get("group", ""), request.path_params["version"]
        return _json(discovery.resources(registry, group, version))

    return _answering(handler)


def _group(registry: Registry) -> Handler:
    async def handler(request: Request) -> Response:
        return _json(discovery.group(registry, request.path_params["group"]))

    return _answering(handler)


def _openapi(registry: Registry) -> Handler:
    async def handler(request: Request) -> Response:
        group, version = request.path_params.get("group", ""), request.path_params["version"]
        return _json(discovery.openapi_document(registry, group, version))

    return _answering(handler)


def _openapi_v2(registry: Registry) -> Handler:
    """JSON for whoever takes it; kubectl asks for protobuf alone, and goes on with v3 when there is none."""

    async def handler(request: Request) -> Response:
        accept = request.headers.get("accept", "*/*")
        if JSON not in accept and "*/*" not in accept:
            raise NotFound("the sandbox serves /openapi/v2 as JSON alone; use /openapi/v3")
        return _json(discovery.openapi_whole(registry))

    return _answering(handler)


def _faults(endpoint: Endpoint) -> Handler:
    """GET lists the faults in force, POST arms one (a JSON object) or several (a list), DELETE disarms all or ?id=."""

    async def handler(request: Request) -> Response:
        faults = endpoint.faults
        if request.method == "DELETE":
            number = request.query_params.get("id")
            if number is None:
                faults.clear()
            else:
                faults.remove(_number(number))
        elif request.method == "POST":
            sent = await _read(request)
            made = [faults.add(fault_from(one)) for one in (sent if isinstance(sent, list) else [sent])]
            return _json({"ids": made}, code=201)
        return _json({"faults": faults.listed()})

    return _answering(handler)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise BadRequest(f"id: found {text!r}; send the number that arming the fault returned")
    return int(text)


async def _read(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise BadRequest(f"{request.url.path}: the body is no JSON: {error}") from error


def _compact(registry: Registry) -> Handler:
    async def handler(_request: Request) -> Response:
        registry.ledger.compact()
        return _json({"compacted": registry.ledger.compacted})

    return _answering(handler)


def _advance(controls: Controls) -> Handler:
    """POST {"seconds": 60} moves the virtual clock, and with it the simulated workloads."""

    async def handler(request: Request) -> Response:
        if controls.advance is None:
            raise BadRequest("this sandbox runs on the real clock, which cannot be moved")
        seconds = (await _read(request)).get("seconds")
        if not isinstance(seconds, int | float) or seconds < 0:
            raise BadRequest(f'seconds: found {seconds!r}; send {{"seconds": 60}}')
        try:
            await asyncio.to_thread(controls.advance, float(seconds))
        except SandboxError as error:
            raise BadRequest(str(error)) from error
        return _json({"seconds": seconds})

    return _answering(handler)
