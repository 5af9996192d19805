"""A version beside the champion: as a shadow once the gate has passed it, as a canary once a person has approved it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from radloop.errors import InputError, Refusal
from radloop.governance.decisions import append, last_decision, unverified
from radloop.governance.deployment import check_deployable, event, loaded_by
from radloop.governance.keys import now
from radloop.governance.registry import Registry, Version
from radloop.governance.review import bundle_folder, check_compared, read_evidence, verdict_of
from radloop.inference.bundle import CONTENT, BundleFacts, read_facts
from radloop.inference.challenger import Challenger, Mode, read_challenger, remove_challenger, replace_challenger, seat
from radloop.inference.pointer import Pointer, read_pointer
from radloop.inference.predictor import Predictor
from radloop.settings import Settings

ENDED = "challenger ended"


@dataclass(frozen=True)
class Beside:
    """A version that answers beside the champion.

    Attributes:
        champion: the version it stands beside.
        workers: how many running workers have loaded it; 0 where no service runs.
    """

    use_case: str
    version: int
    bundle: str
    mode: Mode
    share: float | None
    champion: int
    workers: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def shadow(use_case: str, settings: Settings, number: int | None = None) -> Beside:
    """Let a version (the candidate by default) answer what the champion answers, seen by nobody.

    Raises:
        Refusal: there is no champion; the gate or a reviewer rejected the version; it answers another question; a worker
            refused it, and what stood beside the champion before still does.
        IntegrityError: bundle or evidence are not what they were.
    """
    champion = _champion(use_case, settings)
    version = _chosen(use_case, number, settings)
    _check_passed(version, settings)
    return _begin(version, champion, "shadow", None, settings)


def canary(use_case: str, settings: Settings, share: float, number: int | None = None) -> Beside:
    """Let an approved version (the candidate by default) answer a share of the requests instead of the champion.

    It is verified as `deploy` verifies: whoever meets it meets what a person approved.

    Args:
        use_case: its name.
        settings: of the installation.
        share: of the requests, above 0 and below 1.
        number: of the version.

    Raises:
        InputError: `invalid_share`.
        Refusal: as `shadow`, and as `deploy`.
        IntegrityError: as `deploy`.
    """
    if not 0 < share < 1:
        raise InputError("invalid_share", f"a canary's share is above 0 and below 1, not {share:g}", "0.1 is one request in ten")
    champion = _champion(use_case, settings)
    version = _chosen(use_case, number, settings)
    check_deployable(version, settings)
    check_compared(version, read_evidence(version, settings), settings)
    return _begin(version, champion, "canary", share, settings)


def end(use_case: str, settings: Settings) -> Challenger:
    """Let none answer beside the champion; what was recorded stays.

    Raises:
        Refusal: `no_challenger`.
    """
    challenger = read_challenger(settings.bundles, use_case)
    if challenger is None:
        raise Refusal("no_challenger", f"nothing answers beside {use_case}'s champion", f"radloop challenger shadow {use_case}")
    remove_challenger(settings.bundles, use_case)
    append(settings, event(ENDED, Registry(use_case, settings).version(challenger.version)) | {"time": now()})
    return challenger


def _champion(use_case: str, settings: Settings) -> Pointer:
    champion = read_pointer(settings.bundles, use_case)
    if champion is None:
        raise Refusal(
            "no_champion", f"{use_case} has no champion to stand beside", f"approve and deploy one: radloop deploy {use_case}"
        )
    return champion


def _chosen(use_case: str, number: int | None, settings: Settings) -> Version:
    registry = Registry(use_case, settings)
    return registry.alias("candidate") if number is None else registry.version(number)


def _check_passed(version: Version, settings: Settings) -> None:
    """Check what a shadow needs: a verdict that passed, nobody who rejected it, and the bundle that was judged."""
    what = f"{version.use_case} version {version.version}"
    verdict = verdict_of(read_evidence(version, settings))
    if not verdict.passed:
        raise Refusal(
            "gate_rejected", f"{what} was rejected by the gate", f"read `radloop report {version.use_case} {version.version}`"
        )
    last = last_decision(settings, version.use_case, version.version)
    if last is not None and last["decision"] == "reject":
        raise Refusal("not_approved", f"{what} was rejected by {unverified(last)}", "a reviewer may approve it again")
    Predictor(bundle_folder(version, settings), approved=False)


def _begin(version: Version, champion: Pointer, mode: Mode, share: float | None, settings: Settings) -> Beside:
    if version.bundle == champion.bundle:
        raise Refusal(
            "is_champion", f"{version.use_case} version {version.version} is the champion itself", "name another version"
        )
    _check_same_question(version, champion, settings)
    before = read_challenger(settings.bundles, version.use_case)
    made = Challenger(
        use_case=version.use_case, bundle=version.bundle, version=version.version, mode=mode, share=share, since=now()
    )
    replace_challenger(settings.bundles, made)
    workers = loaded_by(seat(version.use_case, mode), version, _back_to(before, version.use_case, settings), settings)
    append(settings, event(mode, version) | {"champion": champion.version, "time": now()} | ({"share": share} if share else {}))
    return Beside(version.use_case, version.version, version.bundle, mode, share, champion.version, workers)


def _check_same_question(version: Version, champion: Pointer, settings: Settings) -> None:
    def asked(facts: BundleFacts) -> tuple[Any, ...]:
        return facts.labels, facts.outputs, facts.clinical

    mine = read_facts(bundle_folder(version, settings) / CONTENT)
    if asked(mine) != asked(read_facts(champion.folder(settings.bundles) / CONTENT)):
        raise Refusal(
            "other_question",
            f"{version.use_case} version {version.version} has other labels or clinical values than the champion",
            "who asks would be answered something else: deploy it instead",
        )


def _back_to(before: Challenger | None, use_case: str, settings: Settings) -> Callable[[], None]:
    def back() -> None:
        if before is None:
            remove_challenger(settings.bundles, use_case)
        else:
            replace_challenger(settings.bundles, before)

    return back
