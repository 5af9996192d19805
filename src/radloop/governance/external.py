"""External validation: a bundle judged on another site's data, as an addendum to its evidence."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from radloop import __version__
from radloop.data.foreign import Foreign, ForeignList, list_foreign, read_foreign, scratch
from radloop.data.objects import Objects
from radloop.data.storing import stored_image
from radloop.data.truths import truths
from radloop.errors import InadmissibleImage, InputError, IntegrityError, Refusal
from radloop.evaluation.cases import Outputs, cases_as_csv, score_cases
from radloop.evaluation.judgement import judge
from radloop.governance.absolute import outlook
from radloop.governance.addenda import add_addendum, copy_addenda, read_addenda
from radloop.governance.evidence import code_facts
from radloop.governance.registry import Version
from radloop.governance.review import bundle_folder, read_evidence
from radloop.inference.predictor import Predictor
from radloop.progress import report
from radloop.records import erasures
from radloop.records.seal import digest_bytes
from radloop.settings import Settings
from radloop.statistics.bounds import METHOD
from radloop.use_case import Source, UseCase

KIND = "external"
_NAME = re.compile(r"[\w .,:()+-]{1,60}")


def check_name(name: str | None) -> None:
    """Refuse a name of the data that would not fit into a line.

    Raises:
        InputError: `invalid_name`.
    """
    if name is not None and not (_NAME.fullmatch(name) and name.strip()):
        raise InputError("invalid_name", "the name of the data is not one", "letters, digits, spaces and -_.,:()+, at most 60")


def evaluate_external(
    version: Version,
    source: Path | str,
    present: UseCase,
    settings: Settings,
    name: str | None = None,
    people: bool = True,
) -> tuple[dict[str, Any], bool]:
    """Judge a version's bundle on another site's data and add what was found to its evidence.

    Labels, images, groups and policy are those by which the bundle was judged; only the source's columns and words are today's.

    Args:
        version: of the registered model.
        source: as `radloop.data.sources.read_source` takes it.
        present: the use case as its YAML stands.
        settings: of the installation.
        name: what people call the data; by default digits of its digest.
        people: take equal identifiers of patients for equal people.

    Returns:
        the sealed addendum, and whether it was there already: the same data were judged by the same code.

    Raises:
        InputError: the source or the name is not understood.
        Refusal: nothing of the source can be judged; another process judges.
        IntegrityError: bundle, evidence, an addendum or the data behind the bundle are not what they were.
    """
    check_name(name)
    evidence = read_evidence(version, settings)
    use_case = judged_as(evidence, present)
    listed = list_foreign(source, use_case, settings, people, report)
    with scratch(use_case.name, settings):
        found = _same(read_addenda(version, settings), listed)
        new = found is None
        if found is None:
            predictor = Predictor(bundle_folder(version, settings), approved=False)
            head = {"kind": KIND, "name": name or f"external {listed.listing.removeprefix('sha256:')[:8]}"}
            foreign = _read(listed, use_case, evidence, settings)
            found = add_addendum(version, head | _judged(version, predictor, foreign, listed, use_case, settings), settings)
        copy_addenda(version, settings)
    return found, not new


def judged_as(evidence: Mapping[str, Any], present: UseCase) -> UseCase:
    """Return the use case by which a bundle was judged, with the source's columns and words as they are today.

    Splits are not asked for: all of it judges. Only where a source numbers its patients anew in each are they still read.

    Raises:
        IntegrityError: the evidence holds no use case that this Radloop understands.
    """
    try:
        config = UseCase.model_validate_json(json.dumps(evidence["use_case"]["config"]))
    except (KeyError, ValidationError) as error:
        raise IntegrityError("tampered_evidence", "evidence: it holds no readable use case", "retrain") from error
    source = present.source
    if not source.patient_per_split:
        source = source.model_copy(update={"columns": source.columns.model_copy(update={"split": None}), "splits": {}})
    return config.model_copy(update={"source": source, "validation": present.validation})


def with_mapping(use_case: UseCase, members: Mapping[str, Any]) -> UseCase:
    """Return a use case that reads another source: members of the YAML's section `source`, those of `columns` one by one.

    Raises:
        InputError: `invalid_mapping`.
    """
    given = dict(members)
    try:
        section = use_case.source.model_dump(mode="json")
        columns = section["columns"] | dict(given.pop("columns", None) or {})
        source = Source.model_validate_json(json.dumps({**section, **given, "columns": columns}))
    except (ValidationError, TypeError, ValueError) as error:
        raise InputError(
            "invalid_mapping", "the mapping is not a section `source` of a use case", "see `source` in configs/use_cases"
        ) from error
    return use_case.model_copy(update={"source": source})


def _same(addenda: list[dict[str, Any]], listed: ForeignList) -> dict[str, Any] | None:
    """Return the addendum that the same code made of the same data."""
    mine = (one for one in addenda if one["kind"] == KIND)
    return next((one for one in mine if one["data"] == listed.as_dict() and one["code"]["version"] == __version__), None)


def _read(listed: ForeignList, use_case: UseCase, evidence: Mapping[str, Any], settings: Settings) -> Foreign:
    """Read the images, and leave out what the bundle learnt from, by the data version behind it or what an erasure left of it."""
    data_version = erasures.remainder(str(evidence["data"]["version"]), settings)
    manifest = Objects(settings).manifest(data_version)
    return read_foreign(listed, use_case, manifest, data_version, settings, report)


def _judged(
    version: Version, predictor: Predictor, foreign: Foreign, listed: ForeignList, use_case: UseCase, settings: Settings
) -> dict[str, Any]:
    """Return the addendum's members: the numbers under the names that evidence has for them.

    Raises:
        Refusal: `nothing_to_judge`.
    """
    frame, refused = _admitted(predictor, foreign.usable, foreign.folder)
    left_out = dict(sorted((foreign.left_out | refused).items()))
    if not len(frame) or not np.isfinite(truths(frame, use_case)).any():
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no label is known"
        raise Refusal(
            "nothing_to_judge",
            f"of {len(listed.rows)} files no image can be judged: {reasons}",
            "give data that the bundle did not learn from; where equal identifiers are other people, --other-patients",
        )
    cases = score_cases(predictor, frame, foreign.folder, use_case, lambda done, total: report("evaluate", done, total))
    outputs, policy, config = Outputs.of(predictor.facts), use_case.policy, use_case.model_dump(mode="json")
    judgement = judge(cases, outputs, use_case.subgroups, policy)
    numbers = judgement.as_dict() | {"policy": config["policy"], "policy_subgroups": config["subgroups"]["gated"]}
    return {
        "use_case": use_case.name,
        "model_version": version.version,
        "data": listed.as_dict(),
        "counts": {
            "files": len(listed.rows),
            "images": int((foreign.frame["kind"] != "clip").sum()),
            "judged": len(cases),
            "patients": int(cases.frame["patient"].nunique()),
            "left_out": left_out,
            "in_test": foreign.in_test,
            "not_compared": foreign.not_compared,
        },
        "cases": digest_bytes(cases_as_csv(cases, outputs)),
        **numbers,
        **outlook(numbers, policy).as_dict(),
        "bootstrap": {"draws": policy.draws, "seed": policy.seed, "unit": cases.unit, "method": METHOD, "level": 0.95},
        "code": asdict(code_facts(settings.root)),
    }


def _admitted(predictor: Predictor, frame: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows that serving would answer for, and how many it would not, by the reason.

    A patient outside the intended use stays: evaluation judges these apart.
    """
    kept, refused = [], Counter[str]()
    for number, (path, slot) in enumerate(zip(frame["path"], frame["frame"], strict=True), start=1):
        code = _refused(predictor, folder / str(path), float(slot))
        kept.append(code is None)
        refused.update([f"inadmissible:{code}"] if code else [])
        report("admit", number, len(frame))
    return frame[np.asarray(kept, dtype=np.bool_)], dict(refused)


def _refused(predictor: Predictor, path: Path, frame: float) -> str | None:
    try:
        predictor.admit(stored_image(path, frame, predictor.facts.image))
    except InadmissibleImage as error:
        return None if error.code == "outside_intended_use" else error.code
    return None
