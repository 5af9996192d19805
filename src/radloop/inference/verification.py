"""Whether a bundle, its evidence and its approval are those that belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radloop.errors import IntegrityError
from radloop.inference.approval import Approval
from radloop.inference.bundle import APPROVAL, CONTENT, DIGEST_PATTERN, EVIDENCE, Bundle, read_facts
from radloop.inference.reviewers import read_reviewers
from radloop.inference.signature import check_approval
from radloop.records.seal import SEAL, canonical, digest_document, digest_files, read_sealed

_RESTORE = "restore the {what} from its copy in MLflow, or deploy another version"


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle that may be served.

    Attributes:
        bundle: facts, folder and digest.
        evidence: the seal of the evidence that was approved.
        version: of the registered model.
        approval: who approved it, when and why.
        withheld: why the heat map must not be shown, by the evidence; None where it passed its sanity test.
    """

    bundle: Bundle
    evidence: str
    version: int
    approval: Approval
    withheld: str | None = None


def verify(folder: Path) -> Verified:
    """Check every byte of a bundle, its evidence and its approval, and where keys are on who signed it.

    Args:
        folder: the folder named by the digest, `<bundles>/<use case>/<64 hexadecimal digits>`.

    Raises:
        IntegrityError: `missing_`, `tampered_` or `foreign_` and `bundle`, `evidence`, `approval`,
            `signature` or `reviewers`, or `unverified_approval`; the message names the file.
    """
    bundle = verify_bundle(folder)
    evidence = read_sealed(folder / EVIDENCE, "evidence")
    if _member(evidence, "digest") != bundle.digest:
        raise _error("foreign", "evidence", f"{EVIDENCE} was made for another bundle")
    approval = _approval(folder)
    if approval.use_case != bundle.facts.use_case or approval.bundle != bundle.digest:
        raise _error("foreign", "approval", f"{APPROVAL} approves another bundle")
    if approval.evidence != evidence[SEAL]:
        raise _error("foreign", "approval", f"{APPROVAL} approves other evidence than {EVIDENCE}")
    check_approval(folder, approval, read_reviewers(folder.parent.parent))
    withheld = _withheld(evidence.get("explanations"))
    return Verified(bundle, approval.evidence, approval.version, approval, withheld)


def verify_bundle(folder: Path) -> Bundle:
    """Check every byte of a bundle alone, as evaluation does before there is evidence.

    Raises:
        IntegrityError: `missing_bundle` or `tampered_bundle`, naming the file where evidence
            lists the files.
    """
    expected = f"sha256:{folder.name}"
    if not (folder / CONTENT).is_dir() or not re.fullmatch(DIGEST_PATTERN, expected):
        raise _error("missing", "bundle", f"there is no bundle {folder.name[:12]}")
    files = digest_files(folder / CONTENT)
    digest = digest_document(files)
    if digest != expected:
        raise _error("tampered", "bundle", _changes(folder, expected))
    facts = read_facts(folder / CONTENT, files)
    if facts.use_case != folder.parent.name:
        raise _error("foreign", "bundle", "bundle.json belongs to another use case")
    return Bundle(facts=facts, folder=folder, digest=digest, files=files)


def _withheld(tested: Any) -> str | None:
    """Return why the heat map is not shown; missing evidence means no."""
    if not isinstance(tested, dict):
        return "the evidence holds no sanity test of the heat map"
    if tested.get("sane") is True:
        return None
    return f"the heat map did not pass its sanity test: {tested.get('reason') or 'no reason was given'}"


def _approval(folder: Path) -> Approval:
    document = read_sealed(folder / APPROVAL, "approval")
    body = {key: value for key, value in document.items() if key != SEAL}
    try:
        return Approval.model_validate_json(canonical(body))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _error("tampered", "approval", f"{APPROVAL} does not approve anything ({where})") from None


def _changes(folder: Path, expected: str) -> str:
    """Name the files that changed, by what the evidence lists; it may be missing or edited itself."""
    listed = _listed(folder, expected)
    if listed is None:
        return f"the content of bundle {folder.name[:12]} is not what was sealed"
    actual = digest_files(folder / CONTENT)
    changed = sorted(name for name in listed.keys() | actual.keys() if _bare(listed.get(name)) != _bare(actual.get(name)))
    return f"{', '.join(changed) or 'a file'} is not what was sealed"


def _listed(folder: Path, expected: str) -> Mapping[str, str] | None:
    try:
        evidence = read_sealed(folder / EVIDENCE, "evidence")
    except IntegrityError:
        return None
    files = _member(evidence, "files")
    return files if isinstance(files, dict) and _member(evidence, "digest") == expected else None


def _member(evidence: Mapping[str, Any], key: str) -> Any:
    bundle = evidence.get("bundle")
    return bundle.get(key) if isinstance(bundle, dict) else None


def _bare(digest: str | None) -> str | None:
    return digest.removeprefix("sha256:") if isinstance(digest, str) else None


def _error(how: str, what: str, message: str) -> IntegrityError:
    return IntegrityError(f"{how}_{what}", f"{what}: {message}", _RESTORE.format(what=what))
