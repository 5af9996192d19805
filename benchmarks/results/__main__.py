"""Train, judge and write down every use case on real data: docs/results.md, from MLflow, by way of docs/results/.

    python -m benchmarks.results [USE_CASE]... [--data DIR] [--page-only]

What is done is not done again, here or on the machine that committed it: kill it anywhere, run it again. Everything lies in `results/`,
an installation of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks.results import baselines, ledger, page, record
from benchmarks.results.installation import ROOT, SEEDS, Entry, digest, plan, radloop, settings, write_use_case
from radloop.data import versions
from radloop.training.pixels import load_pixels
from radloop.use_case import UseCase


def main() -> None:
    """Bring every use case up to date, and write the page after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("use_cases", nargs="*", metavar="USE_CASE")
    parser.add_argument("--data", type=Path, default=os.environ.get("RADLOOP_REAL_DATA"), help="default RADLOOP_REAL_DATA")
    parser.add_argument("--page-only", action="store_true", help="write the page from what was judged")
    options = parser.parse_args()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    planned = {entry.name: entry for entry in plan()}
    if strange := [name for name in options.use_cases if name not in planned]:
        parser.error(f"not in the plan: {', '.join(strange)}; it has {', '.join(planned)}")
    entries = [planned[name] for name in options.use_cases or planned]
    if options.page_only:
        page.write(plan(), ROOT / "docs" / "results.md")
        return
    if options.data is None:
        parser.error("name the folder of real data: --data DIR, or RADLOOP_REAL_DATA")
    for part in parts(Path(options.data).resolve()):
        for entry in entries:
            part(entry)
            for name in entry.names:
                ledger.gather(name, settings())
            halve(entry)
            ledger.gather(entry.name, settings())
            page.write(plan(), ROOT / "docs" / "results.md")


def parts(data: Path) -> Iterator[Callable[[Entry], None]]:
    """Yield what is to be done with every use case: the first seed of all, so that the page has every row early, then the rest."""

    def trained(seed: int) -> Callable[[Entry], None]:
        return lambda entry: one(entry, seed, None, data)

    def varied(entry: Entry) -> None:
        for variant in entry.variants:
            one(entry, SEEDS[0], variant, data)

    yield trained(SEEDS[0])
    yield lambda entry: compare(entry, data)
    yield varied
    yield from map(trained, SEEDS[1:])


def compare(entry: Entry, data: Path) -> None:
    """Judge the baselines on the splits of a use case, unless their numbers for this version of the data are known."""
    use_case = write_use_case(entry, SEEDS[0])
    judged = ledger.evidences(use_case.name)
    if not judged or not (entry.frozen or use_case.fusion is not None):
        return
    tags = {"radloop.data_version": judged[-1]["data"]["version"]}
    if ledger.kept(use_case.name, "baselines", tags) is not None:
        return
    if versions.pinned(use_case.name, settings()) is None:  # another machine trained
        radloop("ingest", use_case.name, *from_source(entry, data))
    pixels = load_pixels(use_case, tags["radloop.data_version"], settings())
    record.keep(use_case.name, "baselines", tags, baselines.baselines(pixels, use_case, entry.frozen), settings())


def halve(entry: Entry) -> None:
    """Judge the versions that this machine trained as the baselines are: cut at 0.5 instead of at their own threshold."""
    use_case = write_use_case(entry, SEEDS[0])
    if use_case.labels.kind != "binary":
        return
    data = versions.pinned(use_case.name, settings())
    seals = {judged["seal"]: judged["data"]["version"] for judged in ledger.evidences(use_case.name)}
    for seal, cases in record.cases(use_case.name, settings()).items():
        tags = {"radloop.evidence": seal}
        if data is not None and seals.get(seal) == data.version and ledger.kept(use_case.name, "half", tags) is None:
            pixels = load_pixels(use_case, data.version, settings())
            found = baselines.judged(baselines.said_of(cases, pixels), pixels, use_case)
            record.keep(use_case.name, "half", tags, found, settings())


def from_source(entry: Entry, data: Path) -> list[str]:
    """Return the option that names where a use case's images come from."""
    return [] if entry.source is None else ["--source", str(data / entry.source)]


def one(entry: Entry, seed: int, variant: str | None, data: Path) -> None:
    """Run the loop for one seed, unless its evidence or its failure is known."""
    use_case = write_use_case(entry, seed, variant)
    if _done(use_case):
        return
    started, used = time.monotonic(), _processor_seconds()
    code, answer = radloop("retrain", use_case.name, *from_source(entry, data))
    seconds = round(time.monotonic() - started, 1)
    print(f"{use_case.name} seed {seed}: exit {code}, {answer.get('verdict', answer.get('error'))}, {seconds} s", flush=True)
    tags = {"radloop.use_case_digest": digest(use_case)}
    if code in (0, 3) and "verdict" in answer:
        took = {"wall": seconds, "processor": round(_processor_seconds() - used, 1), "hardware": hardware()}
        record.keep(use_case.name, "seconds", tags, {**took, **answer["seconds"]}, settings())
    elif code in (2, 3):  # a refusal is a result; a crash is tried again
        record.keep(use_case.name, "failure", tags, answer, settings())


def _processor_seconds() -> float:
    """Return what the processes that ended have used: other work beside them lengthens the wall time only."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def hardware() -> str:
    """Return what trained."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}"


def _done(use_case: UseCase) -> bool:
    asked = digest(use_case)
    ledger.gather(use_case.name, settings())  # the last run may have been killed before it was written down
    judged = any(evidence["asked"] == asked for evidence in ledger.evidences(use_case.name))
    return judged or ledger.kept(use_case.name, "failure", {"radloop.use_case_digest": asked}) is not None


if __name__ == "__main__":
    main()
