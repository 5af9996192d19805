"""A bundle without its network: what it says of itself, and what it may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radloop.errors import InputError, nearest
from radloop.images.decode import Decoded
from radloop.inference import clinical as clinical_values
from radloop.inference.admissibility import admit
from radloop.inference.answer import Model
from radloop.inference.bundle import Bundle, BundleFacts
from radloop.inference.engines import provider_of
from radloop.inference.precision import Precision, runs_natively
from radloop.inference.verification import Verified


class Admission:
    """What is known of a bundle whose bytes were checked; it costs no memory worth counting."""

    def __init__(self, bundle: Bundle, verified: Verified | None) -> None:
        """Join a bundle and what was verified of it; None where only its own bytes were."""
        self.bundle = bundle
        self.verified = verified

    @property
    def facts(self) -> BundleFacts:
        """Return the bundle's facts."""
        return self.bundle.facts

    @property
    def model(self) -> Model:
        """Return which model this is, as an answer says it."""
        return Model(
            version=self.verified.version if self.verified else None,
            bundle=self.bundle.digest,
            data_version=self.facts.data.version,
            evidence=self.verified.evidence if self.verified else None,
        )

    @property
    def precision(self) -> Precision:
        """Return in which its network answers here; the bundle's own, or f32 where the processor has no bf16."""
        wanted: Precision = self.facts.engine.precision
        return wanted if runs_natively(wanted) else "f32"

    @property
    def provider(self) -> str | None:
        """Return where ONNX Runtime computes here; None of a bundle that OpenVINO runs.

        Raises:
            ToolError: `incomplete_installation`: ONNX Runtime is not installed.
        """
        return provider_of(self.facts.engine.kind)

    def check(self, clinical: Mapping[str, Any] | None, target: str | None = None) -> dict[str, Any]:
        """Return a request's clinical values as they are understood; no image is needed to refuse them.

        Args:
            clinical: by name.
            target: the finding whose heat map is wanted.

        Raises:
            InputError: a clinical value is unknown or invalid; `unknown_target`.
        """
        if target is not None and target not in self.facts.outputs:
            raise InputError("unknown_target", "there is no finding of that name", nearest(target[:60], self.facts.outputs))
        return clinical_values.check(clinical, self.facts)

    def admit(self, decoded: Decoded, clinical: Mapping[str, Any] | None = None) -> tuple[str, ...]:
        """Return the warnings of an admissible image; nothing is inferred.

        Raises:
            InadmissibleImage: this model may not be asked about it.
            InputError: a clinical value is unknown or invalid.
        """
        header = clinical_values.complete(decoded.header, self.check(clinical))[0]
        return admit(header, decoded.quality, self.facts, decoded.coloured)
