"""The conformance suite of tidegate-testkit, run on this router, and the proof that it looks at the right fields."""

import pytest

from tidegate_contour.router import Contour
from tidegate_contour_world import ContourTranslator, a_proxy, managed_names, share, splits
from tidegate_testkit.sabotage import TrafficProof
from tidegate_testkit.traffic import Neighbour, TrafficCase, TrafficConformance


class TestContour(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return TrafficCase(
            router=Contour,
            config={"httpProxy": "web"},
            manifests=[a_proxy()],
            observe=share("demo"),
            splits=splits,
            routes=managed_names,
            neighbour=Neighbour({"httpProxy": "web"}, share("other")),
            translator=ContourTranslator,
            path="/demo",
        )


class TestContourProof(TrafficProof):
    case = TestContour.case
