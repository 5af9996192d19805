"""Another site's images: read and de-identified as ingest does it, and kept apart from everything that trains.

They lie in a scratch folder until they were judged. `data/UC`, its index of pictures, its ledger and its data versions
never hear of them, so that no later ingest takes them for its own.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.collection import collect
from radloop.data.leakage import find_leaks
from radloop.data.listing import entries_of
from radloop.data.manifest import frame_of, usable
from radloop.data.objects import Objects, digest, file_digest
from radloop.data.places import downloads_folder, external_folder
from radloop.data.pseudonym_key import pseudonym_key
from radloop.data.sources import SourceRow, read_bytes, read_source
from radloop.data.store_index import StoreIndex
from radloop.data.thumbnails import thumbnails
from radloop.errors import Refusal
from radloop.images.pseudonym import pseudonym
from radloop.records import erasures
from radloop.records.runs import locked
from radloop.records.seal import digest_document
from radloop.settings import Settings
from radloop.use_case import UseCase

Progress = Callable[[str, int, int], None]
"""Called with (what is done, how many are, of how many)."""

LEARNT_FROM = ("train", "tune", "calibrate")
"""The splits that made a bundle what it is: weights, choice, temperature and thresholds."""
LEAK = "learnt_from"


@dataclass(frozen=True)
class ForeignList:
    """What a source lists, and by which digests it is known again.

    Attributes:
        rows: of the source, in the order of their names.
        listing: digest of the canonical JSON of [name, md5 of the file, label or findings] in this order; the md5 of a file
            that cannot be opened is null.
        facts: digest of everything else that the source says of its images.
        people: whether equal identifiers of patients are taken for equal people.
    """

    rows: tuple[SourceRow, ...]
    listing: str
    facts: str
    people: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the list as an addendum names it; the bytes themselves are not kept."""
        return {
            "files": len(self.rows),
            "listing": self.listing,
            "facts": self.facts,
            "patients_compared": self.people,
            "kept": False,
        }


@dataclass(frozen=True)
class Foreign:
    """Another site's images, ready to be judged.

    Attributes:
        folder: that holds them.
        frame: their manifest, every row in `test`; `excluded` says why one is not judged: `quarantine:` and its rules, or
            `learnt_from:` and what it shares with what the bundle learnt from.
        left_out: images (of an erased patient or an unreadable file: files) that are not judged, by the reason.
        in_test: images whose pixels the bundle was judged on already.
        not_compared: images that the bundle learnt from and that cannot be decoded: near-duplicates of them are not found.
    """

    folder: Path
    frame: pd.DataFrame
    left_out: dict[str, int]
    in_test: int
    not_compared: int

    @property
    def usable(self) -> pd.DataFrame:
        """Return the rows that may be judged."""
        return usable(self.frame)


def list_foreign(source: Path | str, use_case: UseCase, settings: Settings, people: bool, progress: Progress) -> ForeignList:
    """List a source and read every byte of it once, for the digest; nothing is written.

    Args:
        source: as `read_source` takes it.
        use_case: its columns, words and groups.
        settings: of the installation.
        people: take equal identifiers of patients for equal people.
        progress: see `Progress`.

    Raises:
        InputError: the source is missing, empty, mislabelled or not understood.
    """
    rows = read_source(source, use_case, downloads_folder(settings))
    known = []
    for number, row in enumerate(rows, start=1):
        known.append([_text(row.name), _md5(row), row.label if row.label is not None else dict(row.findings)])
        progress("list", number, len(rows))
    return ForeignList(tuple(rows), digest_document(known), digest_document([_facts(row) for row in rows]), people)


def _md5(row: SourceRow) -> str | None:
    try:
        return file_digest(row.path) if row.member is None else digest(read_bytes(row))
    except (OSError, ValueError, Refusal):
        return None


def _facts(row: SourceRow) -> list[Any]:
    region = row.region
    outline = file_digest(region.outline) if region and region.outline and region.outline.is_file() else None
    boxes = [list(box) for box in region.boxes] if region else []
    words = [row.patient, row.group, row.sex, row.age, row.age_note, row.site, row.view, row.device, row.extent]
    return [_plain(value) for value in (*words, outline, *boxes, *sorted(row.clinical.items()))]


def _plain(value: Any) -> Any:
    """Return a value as canonical JSON takes it: NaN is unknown, and a file's name may hold bytes that are no text."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return _text(value)
    return None if value != value else value


def _text(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def read_foreign(
    listed: ForeignList, use_case: UseCase, manifest: pd.DataFrame, version: str, settings: Settings, progress: Progress
) -> Foreign:
    """Store, de-identify and fingerprint what a list names, and leave out what the bundle learnt from.

    The caller holds `scratch`. What a killed call stored is found again by the next.

    Args:
        listed: the source.
        use_case: whose pixels, words and rules of quarantine count.
        manifest: of the data version behind the bundle.
        version: that data version: where a picture of it is read from if nothing else has it.
        settings: of the installation.
        progress: see `Progress`.

    Raises:
        Refusal: no image can be read.
        IntegrityError: an image that the bundle learnt from is lost: nobody could say whether it is here again.
    """
    work, key = _work(use_case.name, settings), pseudonym_key(use_case, settings)
    own = _without_erased(listed.rows, key, settings)
    rows = [_apart(row, listed) for row in own]
    staging = work / "staging"
    with StoreIndex(work / "index.sqlite", key) as index:
        collected = collect(
            rows, use_case, staging, staging, index, key, settings.workers, lambda done, total: progress("read", done, total)
        )
        if not collected.stored:
            raise Refusal("nothing_readable", "no image of the source can be read", "check the source")
        frame = frame_of(entries_of(collected, use_case, key, {}, {}, {})[0], use_case)
        pictures = index.thumbnails()
    learnt = usable(manifest[manifest["split"].isin(LEARNT_FROM)])
    theirs = _pictures(use_case, learnt, version, settings, progress)
    leaks = find_leaks(frame, theirs | pictures, use_case.leakage, learnt.assign(version=version))
    frame = _without_learnt(frame, {row: leak.kind for leak in reversed(leaks) for row in leak.rows})
    test = usable(manifest[manifest["split"] == "test"])
    unreadable = Counter(f"unreadable:{item['code']}" for item in collected.refused)
    erased = {"erased": len(listed.rows) - len(own)} if len(own) < len(listed.rows) else {}
    excluded = Counter(str(word) for word in frame.loc[frame["kind"] != "clip", "excluded"].dropna())
    return Foreign(
        folder=staging,
        frame=frame,
        left_out={**excluded, **unreadable, **erased},
        in_test=int(usable(frame)["pixels"].isin(test["pixels"]).sum()),
        not_compared=int((~learnt["id"].isin(theirs.keys())).sum()),
    )


def _without_erased(rows: Sequence[SourceRow], key: bytes, settings: Settings) -> list[SourceRow]:
    gone = erasures.erased(settings)
    return [row for row in rows if not gone or erasures.keyed_hash(key, pseudonym(key, row.patient)) not in gone]


def _apart(row: SourceRow, listed: ForeignList) -> SourceRow:
    """Return a row as a test image; a patient who is known by the file's name only is nobody whom the training data know."""
    apart = not listed.people
    patient = f"{listed.listing}/{row.patient}" if apart or row.patient.endswith(row.name) else row.patient
    group = f"{listed.listing}/{row.group}" if apart and row.group is not None else row.group
    return replace(row, split="test", patient=patient, group=group)


def _pictures(
    use_case: UseCase, learnt: pd.DataFrame, version: str, settings: Settings, progress: Progress
) -> dict[str, NDArray[np.uint8]]:
    """Return the thumbnails of what the bundle learnt from; files that `data/UC` no longer has are read from the data version."""

    def count(done: int, total: int) -> None:
        progress("compare", done, total)

    found = thumbnails(use_case, learnt, settings, count)
    missing = learnt[~learnt["id"].isin(found.keys())]
    if not len(missing):
        return found
    objects, folder = Objects(settings), _work(use_case.name, settings) / "learnt"
    listing = objects.listing(version)
    for path in dict.fromkeys(str(path) for path in missing["path"]):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(objects.read(listing[path]))
    return found | thumbnails(use_case, missing, settings, count, folder)


def _without_learnt(frame: pd.DataFrame, shared: Mapping[str, str]) -> pd.DataFrame:
    """Return the frame with `excluded` set where a row shares something with what the bundle learnt from; a clip goes whole."""
    of_row = frame["id"].map(shared)
    of_clip = {str(clip): kind for clip, kind in zip(frame["clip"], of_row, strict=True) if clip is not None and kind == kind}
    kinds = of_row.where(of_row.notna(), frame["clip"].map(of_clip))
    reasons = kinds.map(lambda kind: f"{LEAK}:{kind}", na_action="ignore").astype(object)
    return frame.assign(excluded=frame["excluded"].where(frame["excluded"].notna() | reasons.isna(), reasons))


@contextmanager
def scratch(use_case: str, settings: Settings) -> Iterator[None]:
    """Hold a use case's scratch folder, and empty it when what was asked is done or refused.

    What a person stopped or a machine killed leaves its files, and the same command goes on from them; an erasure empties the
    folder too.

    Raises:
        Refusal: `busy`.
    """
    with locked(external_folder(use_case, settings), "being judged on another site's data"):
        try:
            yield
        except Exception:  # refused or failed: there is nothing to go on from; what a person stopped stays
            shutil.rmtree(_work(use_case, settings), ignore_errors=True)
            raise
        shutil.rmtree(_work(use_case, settings), ignore_errors=True)


def _work(use_case: str, settings: Settings) -> Path:
    return external_folder(use_case, settings) / "work"
