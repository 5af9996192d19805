"""Ed25519 signatures of decisions (RFC 8032), checked by whoever serves: no more than files and public keys are needed.

A signature is over the very bytes of the sealed decision, which name bundle, evidence, note and key. It lies beside the
approval as `approval.sig`, 128 hexadecimal digits and a newline, so that a changed byte of either says which.
"""

from __future__ import annotations

import re
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from radloop.errors import IntegrityError
from radloop.inference.approval import Approval
from radloop.inference.bundle import APPROVAL, SIGNATURE
from radloop.inference.reviewers import Reviewers

_AGAIN = "a listed reviewer approves the version again: radloop review approve UC VERSION --key FILE --note TEXT"


def is_signed(content: bytes, signature: str, public: str) -> bool:
    """Tell whether a signature over some bytes was made with the private half of a public key; both hexadecimal."""
    if not re.fullmatch(r"[0-9a-f]{128}", signature):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), content)
    except InvalidSignature:
        return False
    return True


def check_approval(folder: Path, approval: Approval, reviewers: Reviewers | None) -> None:
    """Check who approved: with keys on a listed reviewer's signature, without them an unsigned approval.

    Args:
        folder: where `approval.json`, whose seal was checked, and `approval.sig` lie.
        approval: its members.
        reviewers: the key list, None where keys are off.

    Raises:
        IntegrityError: `unverified_approval`, `missing_reviewers`, or `missing_`, `foreign_` or `tampered_signature`.
    """
    if approval.key is None:
        if reviewers is not None:
            raise _error("unverified_approval", f"approval: {APPROVAL} carries no signature, and reviewers are listed")
        return
    if reviewers is None:
        raise IntegrityError(
            "missing_reviewers", "key list: reviewers.json is missing, and the approval is signed", "`radloop keys restore`"
        )
    reviewer = reviewers.by_key(approval.key)
    if reviewer is None or reviewer.name != approval.by:
        raise _error("foreign_signature", f"signature: no listed reviewer of that name has the key {approval.key[:19]}")
    if not reviewer.held(approval.time):
        raise _error("foreign_signature", f"signature: the key {approval.key[:19]} was not listed when it signed")
    path = folder / SIGNATURE
    if not path.is_file():
        raise _error("missing_signature", f"signature: {SIGNATURE} is missing")
    content = path.read_bytes().decode("ascii", "replace")
    if not content.endswith("\n") or not is_signed((folder / APPROVAL).read_bytes(), content[:-1], reviewer.public):
        raise _error("tampered_signature", f"signature: {SIGNATURE} is not {approval.by}'s over {APPROVAL}")


def _error(code: str, message: str) -> IntegrityError:
    return IntegrityError(code, message, _AGAIN)
