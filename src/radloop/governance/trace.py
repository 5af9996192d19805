"""The trace: from a served model, link by link, back to the bytes of its training data; every link is checked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from radloop.data.objects import Objects
from radloop.errors import RadloopError
from radloop.governance.registry import Registry, Version
from radloop.governance.review import bundle_folder, check_recorded, read_evidence
from radloop.inference.bundle import APPROVAL
from radloop.inference.pointer import read_pointer
from radloop.inference.verification import verify, verify_bundle
from radloop.records import erasures
from radloop.settings import Settings


@dataclass(frozen=True)
class Link:
    """One step of a trace.

    Attributes:
        name: what was looked at.
        intact: whether it is what the link before it names; None where there is nothing to compare.
        says: what was found, or what is wrong, in a sentence.
    """

    name: str
    intact: bool | None
    says: str


@dataclass(frozen=True)
class Trace:
    """The links from what is served to the bytes behind it, in this order.

    Attributes:
        training: patients and images of `train` and `tune`, from the manifest of the data version; None where it is lost.
    """

    use_case: str
    version: int
    bundle: str
    data_version: str
    links: tuple[Link, ...]
    training: dict[str, dict[str, int]] | None

    @property
    def intact(self) -> bool:
        """Tell whether no link is broken."""
        return all(link.intact is not False for link in self.links)

    def as_dict(self) -> dict[str, Any]:
        """Return the trace as JSON."""
        return asdict(self) | {"intact": self.intact, "links": [asdict(link) for link in self.links]}


def trace(version: Version, settings: Settings) -> Trace:
    """Walk from a version of a model back to its training data; a broken link does not end the walk.

    Raises:
        IntegrityError: the evidence is missing or was edited: nothing behind it can be believed.
    """
    evidence = read_evidence(version, settings)
    entry = evidence["data"]["entry"]
    training: dict[str, dict[str, int]] = {}
    links = (
        _served(version, settings),
        _checked("approval", lambda: _approval(version, settings)),
        _checked("bundle", lambda: _bundle(version, evidence, settings)),
        Link("evidence", True, f"{evidence['seal']}: sealed, and the one that was registered with the version"),
        _run(version, evidence, settings),
        _code(evidence, settings),
        _checked("data version", lambda: _data(str(entry["md5"]), settings, training)),
    )
    return Trace(version.use_case, version.version, version.bundle, str(entry["md5"]), links, training or None)


def _checked(name: str, look: Callable[[], Link]) -> Link:
    """Return a link, broken where looking at it raised an error of ours."""
    try:
        return look()
    except RadloopError as error:
        return Link(name, False, error.message)


def _served(version: Version, settings: Settings) -> Link:
    pointer = read_pointer(settings.bundles, version.use_case)
    if pointer is None:
        return Link("served", None, "nothing of this use case is served")
    if pointer.bundle == version.bundle:
        return Link("served", True, f"version {version.version} is what is served")
    return Link("served", None, f"version {pointer.version} is served, not this one")


def _approval(version: Version, settings: Settings) -> Link:
    folder = bundle_folder(version, settings)
    if not (folder / APPROVAL).is_file():
        return Link("approval", None, "nobody approved it")
    approval = verify(folder).approval
    check_recorded(folder, settings)
    known = "signed" if approval.verified else "unverified name"
    return Link("approval", True, f"by {approval.by} ({known}) on {approval.time}: {approval.note}")


def _bundle(version: Version, evidence: Mapping[str, Any], settings: Settings) -> Link:
    bundle = verify_bundle(bundle_folder(version, settings))
    if bundle.digest != evidence["bundle"]["digest"]:
        return Link("bundle", False, "the evidence was made for another bundle")
    return Link("bundle", True, f"{bundle.digest}: {len(evidence['bundle']['files'])} files, every byte as it was judged")


def _run(version: Version, evidence: Mapping[str, Any], settings: Settings) -> Link:
    training = evidence["training"]
    says = f"MLflow run {training['run_id']}, trial {training['trial']} of {training['trials']}, seed {training['seed']}"
    if not Registry(version.use_case, settings).has_run(str(training["trial_run_id"])):
        return Link("run", False, f"{says}: MLflow does not hold it")
    return Link("run", True, says)


def _code(evidence: Mapping[str, Any], settings: Settings) -> Link:
    code = evidence["code"]
    if code["commit"] is None:
        return Link("code", None, f"Radloop {code['version']}, outside a checkout")
    command = ["git", "-C", str(settings.root), "cat-file", "-e", f"{code['commit']}^{{commit}}"]
    here = subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
    says = f"commit {code['commit']}{' with uncommitted changes' if code['dirty'] else ''}, lock file {code['lock'] or 'unknown'}"
    return Link("code", here, says if here else f"{says}: this checkout does not hold it")


def _data(data_version: str, settings: Settings, training: dict[str, dict[str, int]]) -> Link:
    """Read every object of the data version, each checked against its name."""
    erasures.check_whole(data_version, settings)
    objects = Objects(settings)
    listing = objects.listing(data_version)
    size = sum(len(objects.read(identifier)) for identifier in sorted(set(listing.values())))
    manifest = objects.manifest(data_version)
    for split in ("train", "tune"):
        part = manifest[(manifest["split"] == split) & manifest["excluded"].isna()]
        training[split] = {"images": len(part), "patients": int(part["patient"].nunique())}
    return Link("data version", True, f"{data_version}: {len(listing)} files, {size / 1e6:.1f} MB, every byte as it was pinned")
