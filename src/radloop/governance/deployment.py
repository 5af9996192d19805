"""Deploy and roll back: what is served changes in one rename, and only to what a person approved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from radloop.errors import InputError, Refusal
from radloop.governance.addenda import added_since
from radloop.governance.decisions import append, last_decision, unverified
from radloop.governance.key_file import OpenKey
from radloop.governance.keys import as_recorded, now, signed, signer, who_decides
from radloop.governance.registry import Registry, Version
from radloop.governance.review import bundle_folder, check_compared, check_recorded, read_evidence
from radloop.inference.bundle import APPROVAL
from radloop.inference.challenger import remove_challenger
from radloop.inference.pointer import Pointer, read_pointer, remove_pointer, replace_pointer
from radloop.inference.predictor import Predictor
from radloop.inference.verification import verify
from radloop.inference.workers import live_workers, wait_for
from radloop.packaging.bento import build_bento
from radloop.records.seal import read_sealed
from radloop.settings import Settings


@dataclass(frozen=True)
class Deployment:
    """What is served now.

    Attributes:
        workers: how many running workers acknowledged it; 0 where no service runs.
        bento: the tag of the Bento that holds it, None where none was built.
    """

    use_case: str
    version: int
    bundle: str
    bento: str | None
    workers: int
    previous: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the deployment as JSON."""
        return asdict(self)


Say = Callable[[str], None]


def deploy(use_case: str, settings: Settings, number: int | None = None, say: Say = lambda _: None) -> Deployment:
    """Serve an approved version: the candidate by default.

    Raises:
        Refusal: no candidate, not approved, judged beside another champion, or a worker refused it; the pointer is as it was.
        IntegrityError: bundle, evidence, approval or an addendum are not what they were; the message names which.
    """
    registry = Registry(use_case, settings)
    version = _chosen(registry, number)
    check_deployable(version, settings)
    check_compared(version, read_evidence(version, settings), settings)
    say(f"version {version.version}: bundle, evidence and approval match; self-test passed")
    for one in added_since(version, last_decision(settings, use_case, version.version), settings):
        say(f"addendum {one['number']} ({one['name']}) came after the approval: a reviewer may decide anew over both")
    before = registry.aliases().get("champion")
    bento = build_bento(use_case, version.bundle, version.version, settings)
    say(f"built {bento}")
    acknowledged = _switch(version, settings)
    _move(registry, version.version)
    append(settings, event("deploy", version) | {"time": now()})
    return Deployment(
        use_case,
        version.version,
        version.bundle,
        bento,
        acknowledged,
        before if before != version.version else registry.aliases().get("previous"),
    )


def rollback(use_case: str, settings: Settings, by: str, note: str, key: OpenKey | None = None) -> Deployment:
    """Serve the previous champion again, at once, and record who decided so and why.

    Raises:
        InputError: no name or no note.
        Refusal: there is no previous champion, a worker refused it, or the decision is not signed though keys are on.
    """
    if not note.strip() or not (by.strip() or key):
        raise InputError(
            "decision_incomplete", "a rollback needs a name and a note", "give --by NAME (or --key FILE) and --note TEXT"
        )
    name, _ = signer(by, key, settings)
    registry = Registry(use_case, settings)
    version = registry.alias("previous")
    check_deployable(version, settings)
    before = registry.alias("champion")
    acknowledged = _switch(version, settings)
    _move(registry, version.version)
    append(settings, as_recorded(*signed(event("rollback", version) | {"by": name, "note": note.strip(), "time": now()}, key)))
    return Deployment(use_case, version.version, version.bundle, None, acknowledged, before.version)


def _chosen(registry: Registry, number: int | None) -> Version:
    if number is not None:
        return registry.version(number)
    aliases = registry.aliases()
    # A deploy that was killed between pointer and aliases, or that is run twice, finds its champion again.
    if "candidate" not in aliases and "champion" in aliases:
        return registry.alias("champion")
    return registry.alias("candidate")


def check_deployable(version: Version, settings: Settings) -> None:
    """Verify everything that serving will verify, and what only we can: the record and a self-test.

    Raises:
        Refusal: `not_approved`.
        IntegrityError: bundle, evidence, approval or an addendum are not what they were; the message names which.
    """
    folder = bundle_folder(version, settings)
    if not (folder / APPROVAL).is_file():
        last = last_decision(settings, version.use_case, version.version)
        how = f"was rejected by {unverified(last)}" if last and last["decision"] == "reject" else "is not approved"
        raise Refusal(
            "not_approved",
            f"{version.use_case} version {version.version} {how}",
            f"a reviewer runs `radloop review approve {version.use_case} {version.version} {who_decides(settings)} --note TEXT`",
        )
    verify(folder)
    check_recorded(folder, settings)
    added_since(version, read_sealed(folder / APPROVAL, "approval"), settings)
    Predictor(folder)


def _switch(version: Version, settings: Settings) -> int:
    """Replace the pointer and wait for every running worker; a refusal puts the old pointer back.

    What stood beside the old champion was compared with that one: it goes.
    """
    old = read_pointer(settings.bundles, version.use_case)
    replace_pointer(settings.bundles, Pointer(use_case=version.use_case, bundle=version.bundle, version=version.version))
    workers = loaded_by(version.use_case, version, lambda: _restore(old, version.use_case, settings), settings)
    if old is None or old.bundle != version.bundle:
        remove_challenger(settings.bundles, version.use_case)
    return workers


def loaded_by(seat: str, version: Version, back: Callable[[], None], settings: Settings) -> int:
    """Wait until every running worker has loaded a version, and return how many there are.

    Args:
        seat: under which name they publish it.
        version: that a pointer names now.
        back: puts the old pointer back; called where a worker refuses, and before any other error is raised again.
        settings: of the installation.

    Raises:
        Refusal: `worker_refused`.
        ToolError: `worker_silent`.
    """
    folder = settings.place / "serving" / "workers"
    try:
        refusals = wait_for(folder, seat, version.bundle, timeout=60.0)
    except BaseException:  # a Ctrl-C too: the old pointer comes back, and the cause is raised again
        back()
        raise
    if refusals:
        back()
        raise Refusal(
            "worker_refused",
            f"a worker refused version {version.version}: {refusals[0].message}",
            "what was served before still is; see the service's log",
        )
    return len(live_workers(folder))


def _restore(old: Pointer | None, use_case: str, settings: Settings) -> None:
    if old is None:
        remove_pointer(settings.bundles, use_case)
    else:
        replace_pointer(settings.bundles, old)


def _move(registry: Registry, version: int) -> None:
    """Move previous first, champion next, candidate last: a crash in between leaves no alias on a wrong version."""
    aliases = registry.aliases()
    champion = aliases.get("champion")
    if champion is not None and champion != version:
        registry.point("previous", champion)
    registry.point("champion", version)
    if aliases.get("candidate") == version:
        registry.point("candidate", None)


def event(name: str, version: Version) -> dict[str, Any]:
    """Return what the record of decisions keeps of a change in what is served."""
    return {
        "schema_version": 1,
        "use_case": version.use_case,
        "version": version.version,
        "bundle": version.bundle,
        "evidence": version.evidence,
        "decision": name,
    }
