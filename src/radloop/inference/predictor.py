"""A bundle that answers: the same code on the command line, in the service and in evaluation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radloop.images.decode import Decoded, decode
from radloop.inference import clinical as clinical_values
from radloop.inference.admissibility import admit
from radloop.inference.admission import Admission
from radloop.inference.answer import Answer
from radloop.inference.calibration import uncertainty
from radloop.inference.engine import STREAMS, Engine
from radloop.inference.engines import open_engine
from radloop.inference.familiarity import FAMILIAR, check_familiar, read_familiar
from radloop.inference.heat import RegionKind
from radloop.inference.precision import Precision
from radloop.inference.reading import abstained, explanation, findings, prediction, segmentation, severity
from radloop.inference.recorded import Observed
from radloop.inference.scoring import Scored, Scorer
from radloop.inference.selftest import run_selftest, selftest_inputs
from radloop.inference.verification import verify, verify_bundle


class Predictor(Admission):
    """A verified, compiled and self-tested bundle; several threads may ask it at once.

    Attributes:
        precision: in which it answers here; the bundle's own, or f32 where the processor has no bf16.

    Example:
        >>> predictor = Predictor(folder)                    # doctest: +SKIP
        >>> predictor.predict(Path("image.png")).findings    # doctest: +SKIP
        (Finding(label='tuberculosis', probability=0.91, threshold=0.42, positive=True, boxes=None, point=None),)
    """

    def __init__(
        self,
        folder: Path,
        approved: bool = True,
        *,
        precision: Precision | None = None,
        streams: int = STREAMS,
        cache: Path | None = None,
    ) -> None:
        """Load a bundle.

        Args:
            folder: the folder named by the bundle's digest.
            approved: ask for evidence and approval too; only evaluation may do without.
            precision: to run it in; None is the bundle's own.
            streams: how many threads may infer side by side.
            cache: see `open_engine`.

        Raises:
            IntegrityError: as `verify`; `invalid_model` or `selftest_failed`.
            ToolError: `incomplete_installation`: what runs it is not installed.
        """
        verified = verify(folder) if approved else None
        super().__init__(verified.bundle if verified else verify_bundle(folder), verified)
        wanted = precision or self.facts.engine.precision
        engine = open_engine(
            self.facts.engine.kind,
            self.bundle.content,
            self.facts.image.size,
            precision=wanted,
            streams=streams,
            cache=cache,
            read=self.bundle.read,
        )
        self._scorer = Scorer(engine, self.facts)
        run_selftest(self.bundle, engine)
        self.familiar = read_familiar(self.bundle.read(FAMILIAR)) if self.facts.familiarity is not None else None

    @property
    def engine(self) -> Engine:
        """Return what runs the network."""
        return self._scorer.engine

    @property
    def precision(self) -> Precision:
        """Return in which it answers here; the bundle's own, or f32 where the processor has no bf16."""
        return self.engine.precision

    def quicken(self) -> bool:
        """Let a request that is alone have every core, where that gives the same bits; see `Engine.add_lone`.

        Raises:
            IntegrityError: the network's files, which are read once more, changed since they were verified.
        """
        return self.engine.add_lone(*selftest_inputs(self.bundle))

    @property
    def withheld(self) -> str | None:
        """Return why no heat map is shown; None where one is, and in evaluation, which finds out."""
        return self.verified.withheld if self.verified else None

    def score(self, source: Path | bytes | Decoded, clinical: Mapping[str, Any] | None = None) -> Scored:
        """Score one image without asking whether it is admissible; see `Scorer.score`.

        Raises:
            Refusal: it cannot be read.
        """
        return self._scorer.score(source, clinical)

    def predict(
        self,
        source: Path | bytes | Decoded,
        clinical: Mapping[str, Any] | None = None,
        explain: bool = False,
        request_id: str | None = None,
        target: str | None = None,
        observed: Observed | None = None,
        segment: bool = False,
        region: RegionKind | None = None,
        alone: bool = False,
    ) -> Answer:
        """Answer for one image.

        Args:
            source: a DICOM, PNG or JPEG, as a path, as its bytes or decoded.
            clinical: `age` (years), `sex` and the model's own values, where known; age and sex fill what the file does
                not say.
            explain: add the heat map.
            request_id: the caller's; a random one otherwise.
            target: the finding whose heat map is wanted; the most probable one otherwise.
            observed: is given what becomes known on the way, for the record.
            segment: add the region at the image's size, where the model locates.
            region: of the heat map, at the image's resolution; it asks for the map too.
            alone: whether nobody else asks.

        Raises:
            Refusal: the image cannot be read or is inadmissible.
            InputError: a clinical value or the target is unknown or invalid.
        """
        values = self.check(clinical, target)
        decoded = source if isinstance(source, Decoded) else decode(source, self.facts.image)
        header, conflicts = clinical_values.complete(decoded.header, values)
        noted = observed or Observed()
        noted.asked(self.facts, self.model, self.precision)
        noted.decoded, noted.header = decoded, header
        joined = clinical_values.joined(header, values)
        warnings = (
            admit(header, decoded.quality, self.facts, decoded.coloured) + conflicts + clinical_values.missing(self.facts, joined)
        )
        noted.scored = scored = self._scorer.score(decoded, joined, alone)
        if self.familiar is not None and self.facts.familiarity is not None:
            check_familiar(scored.embedding, self.familiar, self.facts.familiarity)
        held = prediction(scored, self.facts)
        return Answer(
            request_id=request_id or uuid.uuid4().hex,
            use_case=self.facts.use_case,
            model=self.model,
            findings=findings(scored, self.facts),
            prediction_set=held,
            abstained=abstained(held, self.facts),
            severity=severity(scored, self.facts),
            uncertainty=uncertainty(scored.probabilities.tolist(), self.facts.labels.kind),
            explanation=explanation(scored, self.facts, target, region, self.withheld) if explain or region else None,
            segmentation=segmentation(scored, self.facts) if segment else None,
            warnings=warnings,
        )
