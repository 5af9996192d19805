"""The stages of the loop, one function each: what flows, `radloop stage` and DVC's pipeline all call.

A stage takes the use case, the data version and the run, and gives a small JSON object that the run
keeps. A finished stage of an unfinished run is not done again.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radloop import __version__
from radloop.configuration import load_use_case
from radloop.data import versions
from radloop.data.ingest import IngestResult, ingest
from radloop.data.places import downloads_folder
from radloop.data.sources import read_source
from radloop.data.versions import DataVersion
from radloop.errors import InputError, Refusal, nearest
from radloop.progress import report
from radloop.records.runs import Run, open_run
from radloop.records.seal import digest_document
from radloop.settings import Settings
from radloop.use_case import UseCase

if TYPE_CHECKING:
    from radloop.validation.verdict import DataVerdict

DEFAULT = "phantom-cxr"
"""The use case that makes its own data."""


@dataclass(frozen=True)
class Budget:
    """What a command may change of the search; None keeps the YAML's."""

    trials: int | None = None
    max_epochs: int | None = None
    minutes: float | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Budget:
        """Return the budget of a JSON object."""
        return cls(values.get("trials"), values.get("max_epochs"), values.get("minutes"))

    def applied(self, use_case: UseCase) -> UseCase:
        """Return the use case with this budget."""
        changes = {name: value for name, value in vars(self).items() if value is not None}
        return use_case.model_copy(update={"search": use_case.search.model_copy(update=changes)})


@dataclass(frozen=True)
class Work:
    """What every stage needs to know."""

    use_case: UseCase
    data: DataVersion
    run: Run
    settings: Settings

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of every MLflow run: they join it to its data, code and key."""
        from radloop.governance.evidence import code_facts

        code = code_facts(self.settings.root)
        author = {} if self.settings.user is None else {"radloop.author": self.settings.user, "mlflow.user": self.settings.user}
        return {
            **author,
            "radloop.use_case": self.use_case.name,
            "radloop.data_version": self.data.version,
            "radloop.key": self.run.key,
            "radloop.run": self.run.name,
            "radloop.synthetic": str(self.use_case.synthetic).lower(),
            "radloop.config": digest_document(self.use_case.model_dump(mode="json")),
            "mlflow.source.git.commit": code.commit or "unknown",
        }


def asked(use_case: UseCase, data_version: str) -> dict[str, Any]:
    """Return what a run's key is made of."""
    return {
        "use_case": use_case.name,
        "data_version": data_version,
        "config": digest_document(use_case.model_dump(mode="json")),
        "seed": use_case.search.seed,
        "budget": {
            "trials": use_case.search.trials,
            "max_epochs": use_case.search.max_epochs,
            "minutes": use_case.search.minutes,
        },
        "radloop": __version__,
    }


def runs_folder(use_case: str, settings: Settings) -> Path:
    """Return where a use case's runs are kept."""
    return settings.place / "runs" / use_case


def check_request(use_case: UseCase, source: Path | None, settings: Settings) -> None:
    """Refuse what cannot work before anything starts: a source is listed but not decoded.

    Raises:
        InputError: the source is missing, empty or mislabelled, or there is no data.
    """
    if source is not None:
        read_source(source, use_case, downloads_folder(settings))
    elif use_case.name != DEFAULT and versions.pinned(use_case.name, settings) is None:
        raise InputError("no_data", f"{use_case.name} has no data yet", f"run `radloop ingest {use_case.name} --source PATH`")


def bring_data(use_case: UseCase, source: Path | None, settings: Settings) -> IngestResult | None:
    """Ingest a source; without one, only the phantoms make their own data, and only if they have none.

    Raises:
        InputError: there is neither a source nor data.
    """
    if source is not None:
        return ingest(use_case, source, settings, lambda done, total: report("ingest", done, total))
    if use_case.name != DEFAULT or (settings.data / DEFAULT).is_dir():
        return None
    from radloop.data.phantoms import DEFAULT_N, write_phantoms

    settings.place.mkdir(parents=True, exist_ok=True)
    for left in settings.place.glob("phantoms-*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=settings.place, prefix="phantoms-") as temporary:
        folder = Path(temporary) / "source"
        write_phantoms(folder, progress=lambda done: report("phantoms", done, DEFAULT_N))
        return ingest(use_case, folder, settings, lambda done, total: report("ingest", done, total))


def open_work(use_case: UseCase, settings: Settings) -> Work:
    """Return the unfinished run of a use case on its data as it stands, or a new one.

    Raises:
        InputError: it has no data.
        IntegrityError: `data/UC` is not what `data.dvc` pins.
    """
    data = versions.checked(use_case.name, settings)
    return Work(use_case, data, open_run(runs_folder(use_case.name, settings), asked(use_case, data.version)), settings)


def begin(name: str, source: Path | None, budget: Budget, settings: Settings) -> dict[str, Any]:
    """Bring the data in or take it as it stands, open the run, and return its ticket.

    Returns:
        use case, budget, data version and the run's name: what `resume_work` needs.
    """
    started = time.monotonic()
    use_case = load(name, settings, budget)
    brought = bring_data(use_case, source, settings)
    if brought is not None:
        data = DataVersion(brought.data_version, brought.entry)
        run = open_run(runs_folder(name, settings), asked(use_case, data.version))
    else:
        run = open_work(use_case, settings).run
    if run.result("ingest") is None:
        run.store("ingest", {"changed": bool(brought and brought.changed), "seconds": round(time.monotonic() - started, 3)})
    version = str((run.result("asked") or {})["data_version"])
    return {"use_case": name, "budget": dict(vars(budget)), "data_version": version, "run": run.name}


def resume_work(ticket: Mapping[str, Any], settings: Settings) -> Work:
    """Return the work that a ticket names.

    Raises:
        Refusal: another data version was ingested since.
    """
    use_case = load(str(ticket["use_case"]), settings, Budget.of(ticket["budget"]))
    data = versions.pinned(use_case.name, settings)
    if data is None or data.version != ticket["data_version"]:
        raise Refusal(
            "data_changed", f"{use_case.name} has another data version than this run began with", "run `radloop retrain` again"
        )
    key, _, attempt = str(ticket["run"]).rpartition("-")
    return Work(use_case, data, Run(runs_folder(use_case.name, settings) / str(ticket["run"]), key, int(attempt)), settings)


def finish(ticket: Mapping[str, Any], settings: Settings) -> None:
    """Close a ticket's run, the very last step: the same command will start another."""
    resume_work(ticket, settings).run.finish()


def summary(ticket: Mapping[str, Any], settings: Settings, total: float) -> dict[str, Any]:
    """Return what `radloop retrain --json` prints of a finished run.

    Args:
        total: wall seconds of the whole command, the earlier parts of a resumed run not counted.
    """
    run = resume_work(ticket, settings).run
    results = {name: run.result(name) or {} for name in ("ingest", *STAGES)}
    promoted, evaluated = results["promote"], results["evaluate"]
    seconds = {name: float(result.get("seconds", 0.0)) for name, result in results.items()}
    return {
        "use_case": ticket["use_case"],
        "data_version": ticket["data_version"],
        "run_id": promoted["run_id"],
        "model_version": promoted["model_version"],
        "bundle": promoted["bundle"],
        "evidence": promoted["evidence"],
        "verdict": promoted["verdict"],
        "reasons": promoted["reasons"],
        "proposals": promoted["proposals"],
        "metrics": evaluated["metrics"],
        "metrics_all_test": evaluated["metrics_all_test"],
        "population": evaluated["population"],
        **{name: evaluated[name] for name in ("labels", "severity", "without_clinical") if name in evaluated},
        "seconds": {
            **seconds,
            "fit": results["search"].get("fit_seconds", 0.0),
            "asked": results["package"].get("asked_seconds", 0.0),
            "total": round(total, 3),
        },
        "report": promoted["report"],
    }


def headline(metrics: Mapping[str, Any]) -> str:
    """Return the number that a result is told by: Dice where only a region is outlined, else AUROC, with its interval."""
    name, number = next(((word, metrics[key]) for key, word in (("auroc", "AUROC"), ("dice", "Dice")) if key in metrics))
    if number["low"] is None:
        return f"{name} not evaluable"
    return f"{name} {number['value']:.3f} ({number['low']:.3f} to {number['high']:.3f})"


def as_markdown(found: Mapping[str, Any], address: str) -> str:
    """Return a summary as the Markdown that Prefect shows beside the run.

    Args:
        found: the summary.
        address: of the page on which decisions are signed, which shows the report.
    """
    page = f"{address}/{found['use_case']}/{str(found['bundle']).removeprefix('sha256:')}"
    rows = "\n".join(f"| {reason['rule']} | {reason['status']} | {reason['sentence']} |" for reason in found["reasons"])
    head = f"# {found['use_case']} version {found['model_version']}: {found['verdict']}"
    body = f"Test {headline(found['metrics'])}. Bundle `{found['bundle']}`.\n\n| rule | status | reason |\n|---|---|---|\n{rows}"
    links = f"[Report]({page}/report) and [decision]({page}) under `radloop up`; the file is `{found['report']}`."
    return f"{head}\n\n{body}\n\n{links}\n"


def judge_data(use_case: UseCase, settings: Settings) -> DataVerdict:
    """Judge `data/UC` as it stands; what is accepted is remembered, so that no later version may leak from it.

    Raises:
        IntegrityError: it is not what `data.dvc` pins.
    """
    return _judged(use_case, versions.checked(use_case.name, settings).version, settings)


def _judged(use_case: UseCase, data_version: str, settings: Settings) -> DataVerdict:
    from radloop.data import ledger
    from radloop.data.ingest import previous_manifest
    from radloop.data.manifest import read_manifest
    from radloop.data.places import ledger_folder
    from radloop.validation import verdict

    found = verdict.validate(use_case, data_version, settings, previous_manifest(use_case.name, settings))
    if found.success:
        ledger.record(ledger_folder(use_case.name, settings), read_manifest(settings.data / use_case.name), data_version)
    return found


def judge_table(use_case: UseCase, source: Path, settings: Settings) -> DataVerdict:
    """Judge what a source's table says, before its images are brought in; no file of it is opened.

    Raises:
        InputError: the table is missing or not understood.
    """
    from radloop.data.leakage import apply_policy, described, find_leaks
    from radloop.data.listing import table_rows
    from radloop.data.manifest import table_frame
    from radloop.data.pseudonym_key import pseudonym_key
    from radloop.data.sources import read_table_only
    from radloop.validation.verdict import judge_manifest

    rows = read_table_only(source, use_case)
    frame = table_frame(table_rows(rows, use_case, pseudonym_key(use_case, settings)), use_case)
    leaks = find_leaks(frame, {}, use_case.leakage)
    frame, _ = apply_policy(frame, leaks, use_case.leakage)
    return judge_manifest(use_case, frame, settings.place / "gx", leaks=described(frame, leaks))


def validate(work: Work) -> dict[str, Any]:
    """Judge the data version.

    Raises:
        Refusal: an expectation failed; the message names it and its rows.
    """
    found = _judged(work.use_case, work.data.version, work.settings)
    if not found.success:
        sentences = found.sentences()
        more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
        raise Refusal(
            "data_refused", f"{work.use_case.name}: {sentences[0]}{more}", f"see {found.page}, mend the source and ingest again"
        )
    return found.as_dict()


def search(work: Work) -> dict[str, Any]:
    """Run the Optuna search, or go on with it; refuse before it what could not be packaged after it."""
    from radloop.inference.engines import load_runtime
    from radloop.training import pixels
    from radloop.training.search import search as run_search
    from radloop.training.tracking import Tracker

    load_runtime(work.use_case.serving.engine)
    images = pixels.load_pixels(
        work.use_case, work.data.version, work.settings, lambda done, total: report("decode", done, total)
    )
    Tracker(work.use_case.name, work.settings).verdict(work.run.name, work.tags, _needed(work, "validate"))
    return run_search(work.use_case, images, work.run, work.tags, work.settings).as_dict()


def package(work: Work) -> dict[str, Any]:
    """Export the best trial, fit its operating point on `calibrate`, and seal the bundle."""
    from radloop.packaging.package import package as seal_bundle
    from radloop.training import pixels
    from radloop.training.result import SearchResult

    result = SearchResult(**_needed(work, "search"))
    images = pixels.load_pixels(work.use_case, work.data.version, work.settings)
    return seal_bundle(work.use_case, work.data, result, images, work.run, work.settings).as_dict()


def evaluate(work: Work) -> dict[str, Any]:
    """Judge the bundle on `test` and seal the evidence."""
    from radloop.governance.judging import judge_bundle

    return judge_bundle(
        work.use_case,
        work.data,
        _needed(work, "validate"),
        _needed(work, "search"),
        _needed(work, "package"),
        work.run,
        work.settings,
    )


def promote(work: Work) -> dict[str, Any]:
    """Ask the gate, register the version, and make it candidate if the gate said yes."""
    from radloop.governance.promotion import promote as register

    return register(work.use_case, work.run, work.tags, _needed(work, "evaluate"), work.settings)


STAGES: Mapping[str, Callable[[Work], dict[str, Any]]] = {
    "validate": validate,
    "search": search,
    "package": package,
    "evaluate": evaluate,
    "promote": promote,
}


def run_stage(name: str, work: Work) -> dict[str, Any]:
    """Run one stage unless the run has its result, keep the result with its seconds, and return it.

    Raises:
        InputError: no such stage.
    """
    if name not in STAGES:
        raise InputError("unknown_stage", f"unknown stage '{name}'", nearest(name, STAGES))
    known = work.run.result(name)
    if known is not None:
        return known
    started = time.monotonic()
    result = STAGES[name](work)
    return work.run.store(name, result | {"seconds": round(time.monotonic() - started, 3)})


def _needed(work: Work, stage: str) -> dict[str, Any]:
    """Return an earlier stage's result.

    Raises:
        InputError: it has not run.
    """
    result = work.run.result(stage)
    if result is None:
        raise InputError(
            "stage_order",
            f"{stage} has not run for this data version and configuration",
            f"run `radloop stage {stage} {work.use_case.name}`",
        )
    return {key: value for key, value in result.items() if key != "seconds"}


def load(name: str, settings: Settings, budget: Budget | None = None) -> UseCase:
    """Return a use case with a command's budget."""
    return (budget or Budget()).applied(load_use_case(name, settings))
