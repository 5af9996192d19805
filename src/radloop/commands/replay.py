"""Commands about one recorded answer: working it out again, and where its trace begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radloop.commands.console import Outcome, answering, json_option
from radloop.commands.serving import clinical_values
from radloop.errors import InputError, Refusal
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.governance.trace import Link, Trace


@click.command()
@click.argument("request_id", metavar="REQUEST_ID")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--clinical", metavar="JSON", help="The clinical values that were sent with it.")
@json_option
@answering
def replay(request_id: str, file: Path, clinical: str | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Work a recorded answer out again, from the same file with the same bundle, and compare.

    On the same engine and kind of processor every bit has to be the same; elsewhere numbers within 0.00001 and every decision.

    Example:  radloop replay 0b9c6f0e5d4a4c2f8e7d6c5b4a392817 chest.dcm --clinical '{"age": 54}'
    """
    from radloop.images.pool import Pool
    from radloop.inference.replay import check_question
    from radloop.inference.replay import replay as again
    from radloop.records.secret import secret

    if not file.is_file():
        raise InputError("missing_file", f"no such file: {file}", "check the path")
    values, kept = clinical_values(clinical), find_request(request_id, settings)
    content = file.read_bytes()
    check_question(kept, content, values, settings.record_key.encode() if settings.record_key else secret("record", settings))
    with Pool(1) as decoders:
        found = again(kept, content, values, settings.bundles, decoders)
    names = ("request_id", "time", "kind", "use_case", "model", "engine", "findings", "admissibility")
    document = {**asdict(found), **{name: kept[name] for name in names}}
    text = _told(document)
    if not found.same:
        raise Outcome(document, text, 3)
    return document, text


def find_request(request_id: str, settings: Settings) -> dict[str, Any]:
    """Return what the record keeps of a request.

    Raises:
        InputError: `unknown_request`.
        IntegrityError: `tampered_record`.
    """
    from radloop.records.answers import answers_folder, find

    kept = find(request_id, answers_folder(settings))
    if kept is None:
        raise InputError(
            "unknown_request",
            "the record holds no request of that id",
            "`radloop predict` records nothing, and an erased patient's answers are blank; is this its installation?",
        )
    return kept


def model_of(kept: Mapping[str, Any]) -> str:
    """Return the model that a recorded request was answered by, as `UC@7`.

    Raises:
        Refusal: `no_model`.
    """
    if kept["model"] is None:
        code = kept["admissibility"]["code"]
        raise Refusal("no_model", f"the request was refused before a model was asked ({code})", "there is nothing behind it")
    return f"{kept['use_case']}@{kept['model']['version']}"


def answer_link(kept: Mapping[str, Any], found: Trace) -> Link:
    """Return the first link of an answer's trace: whether its model is the one that the registry has under that number."""
    from radloop.governance.trace import Link

    code = kept["admissibility"]["code"]
    what = f"refused ({code})" if code else "answered"
    says = f"{kept['request_id']}: {what} at {kept['time']} by version {kept['model']['version']}"
    same = kept["model"]["bundle"] == found.bundle and kept["model"]["data_version"] == found.data_version
    return Link("answer", same, says if same else f"{says}: the registry has another bundle or data version under that number")


def _told(document: dict[str, Any]) -> str:
    place = (
        "the same engine and kind of processor"
        if document["alike"]
        else f"another engine or kind of processor ({', '.join(document['unlike'])} differ)"
    )
    what = f"refused ({document['code']})" if document["code"] else "answered"
    if document["differs"]:
        verdict = f"NOT the recorded answer: {', '.join(document['differs'])} differ"
    elif document["difference"]:
        verdict = f"{'' if document['same'] else 'NOT '}the recorded answer: numbers differ by up to {document['difference']:.1e}"
    else:
        verdict = "the recorded answer, to the bit"
    return f"{document['use_case']} version {document['model']['version']}, {document['time']}: {what} on {place}; {verdict}"
