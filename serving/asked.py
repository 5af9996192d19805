"""What a request asks, beside its image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from radloop.images.decode import Decoded
from radloop.inference.answer import Answer
from radloop.inference.heat import RegionKind
from radloop.inference.predictor import Predictor
from radloop.inference.recorded import Observed


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its image.

    Attributes:
        use_case: its name; None where the image decides.
        clinical: values by name, as they were sent.
        explain: whether a heat map is wanted.
        target: the finding that it explains; None is the most probable one.
        request_id: ours.
        allowed: the use cases that the key may ask; None is all.
        observed: is given what becomes known on the way.
        segment: whether the region's outline is wanted.
        region: of the heat map that is wanted.
        alone: whether no other request is in flight.
    """

    use_case: str | None
    clinical: Mapping[str, Any] | None
    explain: bool
    target: str | None
    request_id: str
    allowed: frozenset[str] | None = None
    observed: Observed = field(default_factory=Observed)
    segment: bool = False
    region: RegionKind | None = None
    alone: bool = False

    def of(self, predictor: Predictor, decoded: Decoded) -> Answer:
        """Return a predictor's answer."""
        return predictor.predict(
            decoded,
            self.clinical,
            self.explain,
            self.request_id,
            self.target,
            self.observed,
            segment=self.segment,
            region=self.region,
            alone=self.alone,
        )
