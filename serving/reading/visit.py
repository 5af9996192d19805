"""Who asks: what a callback of the page is told of its visitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from radloop.client import ServiceError
from radloop.serving.reading.asking import Asking

Served = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Visit:
    """What a callback is told of its visitor.

    Attributes:
        url: of this service.
        key: that the visitor typed, empty where none.
        use_case: that was chosen; None where the image decides.
        clinical: the values of the form.
        served: what the key may ask, by use case.
    """

    url: str
    key: str = ""
    use_case: str | None = None
    clinical: Mapping[str, Any] = field(default_factory=dict)
    served: Served = field(default_factory=dict)

    def asking(self) -> Asking:
        """Return the service, asked with the visitor's key."""
        return Asking(self.url, self.key)

    def informed(self) -> Visit:
        """Return the visit with what is served, asked for where the page was not told yet or has forgotten it."""
        if self.served:
            return self
        try:
            with self.asking() as asking:
                return replace(self, served={one["use_case"]: one for one in asking.use_cases()})
        except ServiceError:  # whatever is asked for next says why
            return self


def clinical_of(age: float | None, sex: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the clinical values that were entered; what is empty is not known and left out."""
    entered = {"age": age, "sex": sex, **values}
    return {name: value for name, value in entered.items() if value is not None and value != ""}
