"""Schemas of the traffic routers that have a key of their own under `trafficRouting`.

The schema of `trafficRouting` is open: a key that is not here belongs to somebody's plugin and is kept as written.
Likewise every router's config is open, so that a newer version of a router may have more fields than this page knows.
"""

from __future__ import annotations

from crds_notation import Schema, flag, listing, number, obj, open_obj, strings, text, texts


def traffic_routing() -> Schema:
    """`spec.strategy.canary.trafficRouting`."""
    return open_obj(
        "Who splits the traffic. Each key but managedRoutes and maxTrafficWeight names a router and holds its config; "
        "several routers are all set. Without it the split is approximated by the number of pods.",
        managedRoutes=listing(
            "Routes that steps may insert, highest precedence first; they are removed at the end of an update.",
            obj("One route.", "name", name=text("Its name, used by setHeaderRoute and setMirrorRoute.")),
        ),
        maxTrafficWeight=number("What all weights add up to; 100 if absent. Only for routers that support it."),
        plugins=open_obj(
            "Routers of third parties: the plugin's name, and as value its config.",
        ),
        alb=_alb(),
        ambassador=_ambassador(),
        apisix=_apisix(),
        appMesh=_app_mesh(),
        istio=_istio(),
        nginx=_nginx(),
        smi=_smi(),
        traefik=_traefik(),
    )


def _nginx() -> Schema:
    return open_obj(
        "ingress-nginx: a second Ingress with canary annotations beside each stable one.",
        stableIngress=text("The Ingress that leads to the stable Service. This or stableIngresses."),
        stableIngresses=texts("Several such Ingresses; each gets a canary Ingress of its own."),
        annotationPrefix=text("Prefix of the annotations; nginx.ingress.kubernetes.io if absent."),
        additionalIngressAnnotations=strings("Annotations for the canary Ingress, without the prefix."),
        canaryIngressAnnotations=strings("Annotations for the canary Ingress, as written; they win over the former."),
    )


def _virtual_service(about: str) -> Schema:
    tls = obj(
        "One TLS route.",
        port=number("The port it matches; 0 or absent is any.", bits=64),
        sniHosts=texts("The SNI names it matches, all of them."),
    )
    return open_obj(
        about,
        name=text("Its name; name.namespace for one in another namespace."),
        routes=texts("Names of its HTTP routes to change; may be absent where there is only one."),
        tlsRoutes=listing("Its TLS routes to change.", tls),
        tcpRoutes=listing(
            "Its TCP routes to change.",
            obj("One TCP route.", port=number("The port it matches; 0 or absent is any.", bits=64)),
        ),
    )


def _istio() -> Schema:
    return open_obj(
        "Istio: weights in VirtualServices, and optionally subsets of a DestinationRule.",
        virtualService=_virtual_service("The VirtualService to change. This or virtualServices."),
        virtualServices=listing("Several VirtualServices to change.", _virtual_service("One VirtualService.")),
        destinationRule=open_obj(
            "The DestinationRule whose subsets tell canary and stable pods apart.",
            name=text("Its name, in the Rollout's namespace."),
            canarySubsetName=text("The subset of the canary pods."),
            stableSubsetName=text("The subset of the stable pods."),
            additionalSubsetNames=texts("Subsets of other owners, whose weight is left to them."),
        ),
    )


def _alb() -> Schema:
    return open_obj(
        "AWS Load Balancer Controller: a weighted forward action in an annotation of the Ingress.",
        "servicePort",
        ingress=text("The Ingress to annotate. This or ingresses."),
        ingresses=texts("Several Ingresses to annotate."),
        servicePort=number("The port of the stable and the canary Service."),
        rootService=text("The Service that the Ingress refers to; the stable Service if absent."),
        annotationPrefix=text("Prefix of the annotations; alb.ingress.kubernetes.io if absent."),
        stickinessConfig=open_obj(
            "Keeps a client on one target group.",
            enabled=flag("Whether it is on."),
            durationSeconds=number("For how long, 1 to 604800.", bits=64),
        ),
    )


def _smi() -> Schema:
    return open_obj(
        "Service Mesh Interface: a TrafficSplit made by the controller.",
        rootService=text("The Service that clients use; the stable Service if absent."),
        trafficSplitName=text("Name of the TrafficSplit; the Rollout's name if absent."),
    )


def _ambassador() -> Schema:
    return open_obj(
        "Ambassador/Emissary: a canary Mapping with a weight beside each Mapping.",
        mappings=texts("Names of the Mappings that lead to the stable Service."),
    )


def _app_mesh() -> Schema:
    reference = open_obj("A VirtualNode.", name=text("Its name, in the Rollout's namespace."))
    return open_obj(
        "AWS App Mesh: weights in the routes of a VirtualRouter.",
        virtualService=open_obj(
            "The VirtualService whose router is changed.",
            name=text("Its name."),
            routes=texts("Names of its routes to change; all of them if absent."),
        ),
        virtualNodeGroup=open_obj(
            "The two nodes that the weights are split between.",
            canaryVirtualNodeRef=reference,
            stableVirtualNodeRef=reference,
        ),
    )


def _apisix() -> Schema:
    return open_obj(
        "Apache APISIX: weights of the backends in an ApisixRoute.",
        route=open_obj(
            "The ApisixRoute to change.",
            "name",
            name=text("Its name."),
            rules=texts("Names of its HTTP rules to change; the rule named like the route if absent."),
        ),
    )


def _traefik() -> Schema:
    return open_obj(
        "Traefik: weights in a weighted TraefikService.",
        weightedTraefikServiceName=text("Name of the TraefikService."),
    )
