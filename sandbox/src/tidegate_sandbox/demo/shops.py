"""The shops of the demo: one application behind five kinds of routing object. Each is a folder of `examples/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import SandboxError

CHECKOUT = Path(__file__).parents[4]
FOLDERS = {"crds": "deploy/crds"} | {f"crds-{group}": f"sandbox/crds/{group}" for group in ("istio", "gateway", "smi")}


class UnknownShop(SandboxError):
    """There is no shop for that router; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Shop:
    """`router` is the name in `make demo ROUTER=`; `example` and `crds` are folders for `data_folder`, "" for none.

    `host` is what users ask for; `kinds` are the objects that the router works with, as kubectl names them.
    `monitored` shops have a Prometheus endpoint that the controller may ask.
    """

    router: str
    example: str
    host: str = "checkout.example.com"
    crds: str = ""
    kinds: str = "ingresses"
    monitored: bool = False


SHOPS: Mapping[str, Shop] = MappingProxyType(
    {
        shop.router: shop
        for shop in (
            Shop("nginx", "canary"),
            Shop("istio", "istio", crds="crds-istio", kinds="virtualservices,destinationrules"),
            Shop("gateway", "gateway", crds="crds-gateway", kinds="httproutes"),
            Shop("alb", "alb"),
            # What clients in a mesh call is a Service, by its name.
            Shop("smi", "smi", host="checkout.default.svc", crds="crds-smi", kinds="trafficsplits"),
        )
    }
)

JUDGED = Shop("nginx", "analysis", monitored=True)
"""The shop whose releases are judged by their success rate."""


def shop_of(router: str) -> Shop:
    """The shop of a router. Raises UnknownShop."""
    found = SHOPS.get(router)
    if found is None:
        raise UnknownShop(f"--router {router}: no shop behind it; choose one of {', '.join(SHOPS)}")
    return found


def data_folder(name: str) -> Path:
    """A folder of manifests: beside the package where it was installed, else in the checkout."""
    packaged = Path(str(files("tidegate_sandbox"))) / "data" / name
    return packaged if packaged.is_dir() else CHECKOUT / FOLDERS.get(name, f"examples/{name}")


def weights_of(manifests: Iterable[Manifest]) -> tuple[int, ...]:
    """The weights that the Rollout among these manifests walks through."""
    for manifest in manifests:
        if manifest["kind"] == "Rollout":
            steps = manifest["spec"]["strategy"]["canary"].get("steps") or ()
            return tuple(step["setWeight"] for step in steps if "setWeight" in step)
    return ()
