"""Commands that serve: deploy, rollback, serve, predict."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radloop.commands.console import Outcome, answering, fail, json_option, say, use_case_argument
from radloop.commands.signing import by_option, key_option, note_option, opened
from radloop.errors import InputError, RadloopError, Refusal
from radloop.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from radloop.images.header import Header
    from radloop.images.pool import Pool
    from radloop.inference.answer import Answer
    from radloop.inference.heat import RegionKind
    from radloop.inference.predictor import Predictor


@click.command()
@use_case_argument
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--flow", "as_flow", is_flag=True, help="Run it as Prefect's flow `deploy`, which keeps it in its history.")
@json_option
@answering
def deploy(use_case: str, version: int | None, as_flow: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """Verify an approved version (the candidate by default) and serve it; no request is lost.

    Example:  radloop deploy phantom-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.governance.deployment import deploy as switch

    load_use_case(use_case, settings)
    if as_flow:
        from radloop.flows.command_line import run_deploy

        done = run_deploy(use_case, version, settings)
    else:
        done = switch(use_case, settings, version, say).as_dict()
    where = f"{done['workers']} running workers serve it" if done["workers"] else "no service runs; start it with `radloop serve`"
    return done, f"{use_case} version {done['version']} is champion ({done['bento']}); {where}"


@click.command()
@use_case_argument
@by_option
@note_option
@key_option
@json_option
@answering
def rollback(use_case: str, by: str, note: str, key: Path | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Serve the previous champion again.

    Example:  radloop rollback phantom-cxr --by 'Dr. A. Reader' --note 'drift'
    """
    from radloop.configuration import load_use_case
    from radloop.governance.deployment import rollback as switch

    load_use_case(use_case, settings)
    done = switch(use_case, settings, by, note, opened(key))
    return done.as_dict(), f"{use_case} version {done.version} is champion again; version {done.previous} is previous"


@click.command()
@click.option("--host", help="Address to listen on; loopback by default.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; 3000 by default.")
def serve(host: str | None, port: int | None) -> None:
    """Serve every champion over HTTP, with the reading page at /read; ends with Ctrl-C.

    On loopback anybody on this machine may ask; elsewhere only who has an API key (`radloop keys api new`).

    Example:  radloop serve --port 3000
    """
    from radloop.inference.api_keys import check_host

    settings = Settings()
    os.environ.update(settings.environment())
    address, number = host or settings.host, str(port or settings.port)
    try:
        check_host(address, settings)
    except RadloopError as error:
        fail(error, False, sys.stdout)
    say(f"serving on http://{address}:{number} (reading page /read, API /docs)")
    command = [sys.executable, "-m", "bentoml", "serve", "radloop.serving.service:Radloop", "--host", address, "--port", number]
    os.execv(sys.executable, command)  # noqa: S606 - signals and exit code are BentoML's own


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--use-case", "use_case", required=True, metavar="UC", help="Whose champion answers.")
@click.option("--clinical", metavar="JSON", help='Clinical values, such as \'{"age": 54, "sex": "F"}\'.')
@click.option("--explain", is_flag=True, help="Add the heat map.")
@click.option("--target", metavar="FINDING", help="Whose heat map; without it, the most probable finding's.")
@click.option(
    "--region", type=click.Choice(["overlay", "box", "contour"]), help="Add the heat map with its region, in pixels of the image."
)
@click.option("--segment", is_flag=True, help="Add the region at the image's size, where the model locates.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write one JSON answer a file into this folder.")
@json_option
@answering
def predict(
    files: tuple[Path, ...],
    use_case: str,
    clinical: str | None,
    explain: bool,
    target: str | None,
    region: RegionKind | None,
    segment: bool,
    out: Path | None,
    settings: Settings,
) -> tuple[dict[str, Any], str]:
    """Answer for image files, or a zip of them, as the service does.

    Example:  radloop predict chest.png --use-case phantom-cxr --json
    """
    from radloop.configuration import load_use_case
    from radloop.images.pool import Pool

    for file in files:
        if not file.is_file():
            raise InputError("missing_file", f"no such file: {file}", "check the path")
    load_use_case(use_case, settings)
    values = clinical_values(clinical)
    predictor = _champion(use_case, settings)
    wanted: dict[str, Any] = {"explain": explain or target is not None, "target": target, "region": region, "segment": segment}
    with Pool(1) as decoders:
        asked = [(name, _answer(predictor, content, values, decoders, wanted)) for name, content in _contents(files, settings)]
    names, results = [name for name, _ in asked], [result for _, (result, _) in asked]
    if out is not None:
        _write(results, names, out)
    document = results[0] if len(results) == 1 else _several(results, [answered for _, (_, answered) in asked])
    text = "\n".join(_line(name, result) for name, result in zip(names, results, strict=True))
    if any("error" in result for result in results):
        raise Outcome(document, text, 3)
    return document, text


def clinical_values(text: str | None) -> dict[str, Any] | None:
    """Return the clinical values of an option.

    Raises:
        InputError: `invalid_clinical`.
    """
    if text is None:
        return None
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            "invalid_clinical", f"--clinical is not JSON: {error.msg}", 'example: {"age": 54, "sex": "F"}'
        ) from error
    if not isinstance(values, dict):
        raise InputError("invalid_clinical", "--clinical is not a JSON object", 'example: {"age": 54, "sex": "F"}')
    return values


def _champion(use_case: str, settings: Settings) -> Any:
    from radloop.inference.pointer import read_pointer
    from radloop.inference.predictor import Predictor

    pointer = read_pointer(settings.bundles, use_case)
    if pointer is None:
        raise Refusal("no_champion", f"{use_case} has no champion", f"run `radloop deploy {use_case}` on an approved candidate")
    return Predictor(pointer.folder(settings.bundles))


def _contents(files: tuple[Path, ...], settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Yield each image with what it is called: of a zip, by its number."""
    from radloop.images.archive import is_archive, read_archive

    for file in files:
        content = file.read_bytes()
        if is_archive(content[:4]):
            members = read_archive(content, settings.max_batch_images, settings.max_upload_bytes)
            yield from ((f"{file}[{number}]", member) for number, member in enumerate(members))
        else:
            yield str(file), content


def _answer(
    predictor: Predictor, content: bytes, clinical: dict[str, Any] | None, decoders: Pool, wanted: dict[str, Any]
) -> tuple[dict[str, Any], tuple[Header, Answer] | None]:
    from radloop.images.decode import decode_apart

    try:
        decoded = decode_apart(content, predictor.facts.image, decoders)
        answer = predictor.predict(decoded, clinical, **wanted)
    except Refusal as error:
        return {"error": error.as_dict()}, None
    return dict(answer.model_dump(mode="json")), (decoded.header, answer)


def _several(results: list[dict[str, Any]], answered: list[tuple[Header, Answer] | None]) -> dict[str, Any]:
    """Return the document of several images: the most urgent first, and what the slices of a series say together."""
    from radloop.inference.series import sum_up, urgency

    found = [(number, *each) for number, each in enumerate(answered) if each is not None]
    order = sorted(found, key=lambda entry: urgency(entry[2]), reverse=True)
    series = [each.model_dump(mode="json") for each in sum_up(found)]
    return {"answers": results, "most_urgent": [number for number, _, _ in order], "series": series}


def _write(results: list[dict[str, Any]], names: list[str], out: Path) -> None:
    from radloop.records.seal import write_atomic

    for number, (name, result) in enumerate(zip(names, results, strict=True), start=1):
        content = json.dumps(result | {"file": Path(name).name}, indent=2, ensure_ascii=False).encode()
        write_atomic(out / f"answer-{number:04d}.json", content + b"\n")


def _line(file: str, result: dict[str, Any]) -> str:
    if "error" in result:
        hint = result["error"]["hint"]
        return f"{file}: refused ({result['error']['code']}): {result['error']['message']}" + (f" ({hint})" if hint else "")
    parts = [_found(finding) for finding in sorted(result["findings"], key=lambda one: -one["probability"])]
    if result["severity"]:
        parts.append(f"severity {result['severity']['grade']} ({result['severity']['score']:.2f})")
    if result["abstained"]:
        parts.append(result["abstained"])
    return f"{file}: {'; '.join(parts)}" + "".join(f"\n  note: {warning}" for warning in result["warnings"])


def _found(finding: dict[str, Any]) -> str:
    answer = {True: "yes", False: "no", None: "undecided"}[finding["positive"]]
    against = "" if finding["threshold"] is None else f" against {finding['threshold']:.3f}"
    boxes = "".join(f", at {box}" for box in finding["boxes"] or ())
    return f"{finding['label']} {answer}, probability {finding['probability']:.3f}{against}{boxes}"
