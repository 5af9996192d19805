"""The commands that open the service to others."""

from __future__ import annotations

import json

from installations import Installation

from radloop.inference.api_keys import issue
from radloop.records.answers import AnswerRecord, answers_folder, segments


def test_keys_are_made_listed_and_revoked(installation: Installation) -> None:
    assert installation.call("keys", "api", "list") == {"on": False, "keys": []}
    made = installation.call("keys", "api", "new", "viewer", "--use-case", "phantom-cxr", "--site", "north", "--rate", "60")
    assert made["key"].startswith(f"rl_{made['id']}_") and "hash" not in made
    assert (made["name"], made["use_cases"], made["site"], made["rate"]) == ("viewer", ["phantom-cxr"], "north", 60)
    listed = installation.call("keys", "api", "list")
    assert listed["on"] is True and made["key"] not in json.dumps(listed)
    assert installation.call("keys", "api", "new", "viewer", check=3)["error"]["code"] == "key_exists"
    assert installation.call("keys", "api", "new", "a", "--use-case", "phantom", check=2)["error"]["code"] == "unknown_use_case"
    assert installation.call("keys", "api", "revoke", "viewer")["revoked"] is not None
    assert installation.call("keys", "api", "revoke", "viewer", check=2)["error"]["code"] == "unknown_key"
    assert installation.call("keys", "list") == {"on": False, "reviewers": []}  # reviewers' keys are others


def test_doctor_says_who_may_ask_and_verifies_the_answers(installation: Installation) -> None:
    record = AnswerRecord(answers_folder(installation.settings))
    record.append({"request_id": "r0"})
    record.close()
    said = [item["what"] for item in installation.call("doctor")["findings"] if item["ok"]]
    assert "API keys: none; the service answers on loopback only" in said
    assert "records: 1 answers and refusals, 0 labels, every link holds" in said
    issue("viewer", installation.settings)
    (path,) = segments(answers_folder(installation.settings))
    path.write_bytes(path.read_bytes().replace(b"r0", b"r1"))
    findings = installation.call("doctor", check=1)["findings"]
    assert "API keys: asked for; viewer" in [item["what"] for item in findings]
    assert [item["what"] for item in findings if not item["ok"]] == [f"record: line 2 of {path.name} breaks the chain"]


def test_the_service_is_not_opened_to_others_without_keys(installation: Installation) -> None:
    done = installation.run("serve", "--host", "0.0.0.0", check=3)  # noqa: S104
    assert done.stderr == (
        "error: without API keys the service answers on loopback only "
        "(make a key: radloop keys api new NAME; send it as Authorization: Bearer KEY)\n"
    )
