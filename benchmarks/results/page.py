"""docs/results.md, from what was judged and nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import ledger
from benchmarks.results.installation import SEEDS, Entry, digest, write_use_case
from radloop.evaluation.groups import UNKNOWN

Document = Mapping[str, Any]
_HEAD = """# Results

Every number is computed on the split `test` by the bundle that would be served, and written here by `make results` from MLflow. Low and high are the
95% interval of a bootstrap over patients, or over scans and blocks of slices where the source names no patients. Each use case is trained with three seeds; the one whose main number is the median is shown. Nobody
should quote these as clinical results: the images are small public sets.

"""
_EVALUABLE = (
    "A finding is evaluable with at least 10 positive images of at least 5 patients in `test`; sensitivity and specificity "
    "also need a threshold, which `calibrate` gives with enough of them only. AUROC above is the mean of those that are."
)


def write(entries: Sequence[Entry], path: Path) -> None:
    """Write the page: one table, then a section for each use case that was judged."""
    found = [(entry, _judged(entry)) for entry in entries]
    lines = ["| use case | AUROC | accuracy (Dice where it outlines) | verdict |", "|---|---|---|---|"]
    lines += [_row(entry, judged) for entry, judged in found]
    sections = [_section(entry, judged) for entry, judged in found if judged]
    path.write_text(_HEAD + "\n".join(lines) + "\n\n" + "\n".join(sections))


def _judged(entry: Entry) -> list[dict[str, Any]]:
    """Return the evidence of the shipped recipe's seeds, the newest of each, the median first."""
    asked = {digest(write_use_case(entry, seed)) for seed in SEEDS}
    found = list({each["asked"]: each for each in ledger.evidences(entry.name) if each["asked"] in asked}.values())
    return [median(found), *found] if found else []


def median(evidences: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the evidence with the median of the main number, the lower one of two."""
    ordered = sorted(evidences, key=lambda evidence: (main_number(evidence) or 0.0, evidence["training"]["seed"]))
    return ordered[(len(ordered) - 1) // 2]


def main_number(evidence: Document) -> float | None:
    """Return AUROC, or Dice where a region is outlined."""
    metrics = evidence["metrics"]
    return metrics[_main(evidence)]["value"]


def _main(evidence: Document) -> str:
    return "dice" if evidence["use_case"]["labels"].get("kind") == "segmentation" else "auroc"


def shown(number: Document | None) -> str:
    """Return `0.981 [0.972, 0.988]`, or that it cannot be computed."""
    if number is None or number.get("value") is None:
        return "not evaluable"
    if number.get("low") is None:
        return f"{number['value']:.3f}"
    return f"{number['value']:.3f} [{number['low']:.3f}, {number['high']:.3f}]"


def _row(entry: Entry, judged: Sequence[Document]) -> str:
    if not judged:
        failure = _failure(entry)
        return f"| {entry.name} | - | - | {failure or 'not run yet'} |"
    chosen = judged[0]
    metrics = chosen["metrics"]
    outlined = _main(chosen) == "dice"
    second = shown(metrics.get("dice")) + " (Dice)" if outlined else shown(metrics.get("accuracy"))
    return f"| {entry.name} | {'-' if outlined else shown(metrics['auroc'])} | {second} | {_verdict(judged)} |"


def _verdict(judged: Sequence[Document]) -> str:
    """Return the shown seed's verdict, and how many of the seeds share it where not all do."""
    chosen, every = judged[0]["verdict"], [evidence["verdict"] for evidence in judged[1:]]
    return chosen if set(every) == {chosen} else f"{chosen} ({every.count(chosen)} of {len(every)} seeds)"


def _failure(entry: Entry) -> str | None:
    tags = {"radloop.use_case_digest": digest(write_use_case(entry, SEEDS[0]))}
    answer = ledger.kept(entry.name, "failure", tags)
    if answer is None:
        return None
    error = answer.get("error", {})
    return f"refused: {error.get('message', 'see the log')}"


def _section(entry: Entry, judged: Sequence[Document]) -> str:
    chosen, every = judged[0], judged[1:]
    looks = sum(len(ledger.evidences(name)) for name in entry.names)
    config = chosen["use_case"]["config"]
    parts = [
        f"## {entry.name}\n\n{chosen['use_case']['title']}. {entry.caveat.strip()}\n",
        f"- data version `{chosen['data']['version']}`; {_split_rule(chosen)}; {_leaks(chosen)}",
        f"- images: {_splits(chosen)}",
        f"- recipe chosen on `tune`: {chosen['training']['params']['backbone']}, {config['image']['size']} pixels, "
        f"{config['search']['max_epochs']} epochs; {_time(entry, chosen)}",
        f"- seeds: {_seeds(every)}; the median by {_main(chosen)} is shown; "
        f"the test split was looked at {'once' if looks == 1 else f'{looks} times'} by this page's runs, variants included and baselines not",
        "",
        _table(entry, chosen),
        _labels(chosen),
        _severity(chosen),
        _groups(chosen),
        _sets(chosen),
        _reasons(chosen),
    ]
    return "\n".join(part for part in parts if part is not None) + "\n"


def _seeds(every: Sequence[Document]) -> str:
    """Return every seed's main number, accuracy and location, with their means where there are several, and its verdict."""
    main = _main(every[0])
    names = (main,) if main == "dice" else (main, "accuracy", "location")
    verdicts = ", ".join(evidence["verdict"] for evidence in every)
    return "; ".join([*(line for line in (_line(name, every) for name in names) if line), verdicts])


def _line(name: str, every: Sequence[Document]) -> str | None:
    values = [evidence["metrics"].get(name, {}).get("value") for evidence in every]
    if all(value is None for value in values):
        return None
    said = f"{name} " + ", ".join("not evaluable" if value is None else f"{value:.3f}" for value in values)
    return said if None in values or len(values) == 1 else f"{said} (mean {statistics.fmean(values):.3f})"


def _split_rule(evidence: Document) -> str:
    source = evidence["use_case"]["config"]["source"]
    rule = "the source's split, mapped" if source["columns"]["split"] and source["splits"] else "cut here"
    named = "patients" if _patients_known(evidence) else "the image"
    groups = "blocks of neighbouring slices" if source["blocks"] else "groups"
    return f"{rule}; the unit is {groups if evidence['bootstrap']['unit'] == 'group' else named}"


def _patients_known(evidence: Document) -> bool:
    """Return whether the source names patients: where it does not, each image counts as one."""
    shared = any(numbers["patients"] < numbers["images"] for numbers in evidence["data"]["splits"].values())
    return shared or evidence["use_case"]["config"]["source"]["columns"]["patient"] is not None


def _leaks(evidence: Document) -> str:
    leaks = evidence["data"]["leaks"]
    found = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in leaks["findings"].items())
    return f"leaks found: {found or 'none'}" + (f", {leaks['dropped']} images dropped" if leaks["dropped"] else "")


def _splits(evidence: Document) -> str:
    known = _patients_known(evidence)
    return "; ".join(
        f"{name} {numbers['images']}"
        + (f" of {numbers['patients']} patients" if known else "")
        + f" ({_by_class(numbers, evidence)})"
        for name, numbers in evidence["data"]["splits"].items()
    )


def _by_class(numbers: Document, evidence: Document) -> str:
    """Return the images of each class or finding, or of the one that a yes or no is about."""
    if "labels" in numbers:
        return ", ".join(f"{label} {count}" for label, count in numbers["labels"].items())
    return f"{evidence['bundle']['outputs'][0]} {numbers['positives']}"


def _time(entry: Entry, evidence: Document) -> str:
    seconds = ledger.kept(entry.name, "seconds", {"radloop.use_case_digest": evidence["use_case"]["digest"]})
    if not seconds:
        return "time not recorded"
    return f"{seconds['wall'] / 60:.1f} minutes from images to verdict, {seconds['processor'] / 60:.1f} of processor time, on {seconds['hardware']}"


def _table(entry: Entry, chosen: Document) -> str:
    names = [
        name
        for name in ("auroc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "dice", "location")
        if name in chosen["metrics"]
    ]
    rows = [("this model", chosen["metrics"])]
    half = ledger.kept(entry.name, "half", {"radloop.evidence": chosen["seal"]})
    rows += [("this model, cut at 0.5", half["metrics"])] if half else []
    others = ledger.kept(entry.name, "baselines", {"radloop.data_version": chosen["data"]["version"]})
    cut = "" if chosen["use_case"]["labels"].get("kind") == "multiclass" else " (cut at 0.5)"
    for name, row in (others or {"rows": {}})["rows"].items():
        rows.append((f"logistic regression on {name}{cut}", row["metrics"]))
    if "without_clinical" in chosen:
        rows.append(("this model, clinical values hidden", chosen["without_clinical"]["metrics"]))
    for variant in entry.variants:
        asked = digest(write_use_case(entry, SEEDS[0], variant))  # of today's recipe: beside another one it says nothing
        judged = [each for each in ledger.evidences(f"{entry.name}-{variant}") if each["asked"] == asked]
        rows += [(f"variant: {variant.replace('-', ' ')}", judged[-1]["metrics"])] if judged else []
    lines = ["| | " + " | ".join(name.replace("_", " ") for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {title} | " + " | ".join(shown(metrics[name]) if name in metrics else "-" for name in names) + " |"
        for title, metrics in rows
    ]
    return "\n".join(lines) + "\n"


def _labels(chosen: Document) -> str | None:
    labels = chosen.get("labels")
    if not labels:
        return None
    lines = ["| label | test images | positives | AUROC | sensitivity | specificity |", "|---|---|---|---|---|---|"]
    for name, row in labels.items():
        metrics = row["metrics"]
        cells = " | ".join(shown(metrics.get(metric)) for metric in ("auroc", "sensitivity", "specificity"))
        lines.append(f"| {name} | {row['images']} | {row['positives']} | {cells} |")
    if chosen["use_case"]["labels"].get("kind") == "multilabel":
        lines += ["", _EVALUABLE]
    return "\n".join(lines) + "\n"


def _severity(chosen: Document) -> str | None:
    """Return how the severity compares with the truth."""
    found = chosen.get("severity")
    if not found:
        return None
    numbers = "; ".join(f"{name.replace('_', ' ')} {shown(number)}" for name, number in found["metrics"].items())
    return f"Severity in levels ({', '.join(found['levels'])}) against the truth: {numbers}.\n"


def _groups(chosen: Document) -> str | None:
    """Return a table of the sexes and age bands that the source tells."""
    rows = [row for row in chosen["subgroups"] if row["attribute"] in ("sex", "age_band")]
    if all(row["value"] == UNKNOWN for row in rows):
        return None
    lines = ["| subgroup | test images | AUROC | accuracy | sensitivity | specificity |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = " | ".join(shown(row["metrics"].get(name)) for name in ("auroc", "accuracy", "sensitivity", "specificity"))
        lines.append(f"| {row['attribute'].replace('_', ' ')} {row['value']} | {row['images']} | {cells} |")
    return "\n".join(lines) + "\n"


def _sets(chosen: Document) -> str | None:
    """Return whether the prediction sets hold the truth as often as they promise, over all and by sex."""
    found = chosen.get("conformal")
    if not found:
        return None
    groups = [row for row in found["subgroups"] if row["value"] != UNKNOWN]
    by_group = "; ".join(f"{row['attribute']} {row['value']} {shown(row['covered'])} of {row['images']}" for row in groups)
    return (
        f"Prediction sets promise to hold the truth of {found['coverage']:.0%} of images; on test they hold it of "
        f"{shown(found['overall']['covered'])} of {found['overall']['images']}{f' ({by_group})' if by_group else ''}, "
        f"and have one label for {shown(found['overall']['decided'])}.\n"
    )


def _reasons(chosen: Document) -> str:
    if not chosen["reasons"]:
        return f"Verdict: **{chosen['verdict']}**; every rule of the policy passed.\n"
    return (
        f"Verdict: **{chosen['verdict']}**.\n\n"
        + "\n".join(f"- {row['rule']}: {row['sentence']}" for row in chosen["reasons"])
        + "\n"
    )
