"""Analysis templates out of the stores: those that some references lead to, read and gathered in a `Library`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import ValidationError

from tidegate.api.analysis import AnalysisTemplate
from tidegate.api.rollout import Metadata
from tidegate.api.steps import AnalysisTemplateRef
from tidegate.errors import SpecError
from tidegate.machine.analysis.templates import Key, Library, keys
from tidegate.runtime.kinds import ANALYSIS_TEMPLATES, CLUSTER_TEMPLATES
from tidegate.runtime.projections import TemplateText
from tidegate.runtime.store import Entry, Store
from tidegate.runtime.watches import Watches


class Templates:
    """Both kinds of templates as they stand in the stores."""

    def __init__(self, namespaced: Store[TemplateText], cluster: Store[TemplateText], watches: Watches) -> None:
        self._namespaced, self._cluster, self._watches = namespaced, cluster, watches

    def library(self, namespace: str, refs: Iterable[AnalysisTemplateRef]) -> Library:
        """What `refs`, and the templates that they lead to, name in a namespace and in the cluster, as far as it exists.

        Raises Pending while a store is being filled, and SpecError for a template that cannot be read.
        """
        found: dict[Key, AnalysisTemplate] = {}
        missed, ahead = set[Key](), keys(refs)
        while ahead:
            key = ahead.pop()
            if key in found or key in missed:
                continue
            entry = self._entry(namespace, key)
            if entry is None:
                missed.add(key)
                continue
            found[key] = _template(entry)
            ahead.extend(keys(found[key].spec.templates))
        return Library(
            {name: template for (wide, name), template in found.items() if not wide},
            {name: template for (wide, name), template in found.items() if wide},
        )

    def _entry(self, namespace: str, key: Key) -> Entry[TemplateText] | None:
        wide, name = key
        kind = CLUSTER_TEMPLATES if wide else ANALYSIS_TEMPLATES
        if not self._watches.watched(kind):  # a controller of namespaces knows none of the cluster's
            return None
        self._watches.need(kind)
        return self._cluster.get("", name) if wide else self._namespaced.get(namespace, name)


def _template(entry: Entry[TemplateText]) -> AnalysisTemplate:
    try:
        spec = entry.value.read()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SpecError(
            "spec.templates",
            f"the template cannot be read: {where}: {first['msg']}; mend it",
            value=json.dumps(entry.name),
        ) from error
    return AnalysisTemplate(metadata=Metadata(name=entry.name, namespace=entry.namespace), spec=spec)
