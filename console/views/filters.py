"""The filters above a list that the server searches: plain GET parameters, so that each search has an address."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.http import urlencode

MOST = 500  # choices of one filter


class Filters:
    """`labels`: field -> what it is called. `wanted`: what the user chose, `q` being the free text."""

    def __init__(self, parameters: QueryDict, labels: dict[str, str]) -> None:
        self._labels = labels
        names = (*labels, "q")
        self.wanted = {name: value[:200] for name in names if (value := parameters.get(name))}

    def context(self, rows: QuerySet[Any]) -> dict[str, Any]:
        """`filters`: (name, label, [(value, chosen)]) of what there is among `rows`; `query`: for links and streams."""
        filters = [(name, label, self._choices(rows, name)) for name, label in self._labels.items()]
        query = urlencode(self.wanted)
        return {"filters": filters, "wanted": self.wanted, "query": query, "pager_query": query and f"&{query}"}

    def _choices(self, rows: QuerySet[Any], name: str) -> list[tuple[str, bool]]:
        values = rows.order_by(name).values_list(name, flat=True).distinct()[:MOST]
        return [(value, value == self.wanted.get(name)) for value in values if value]
