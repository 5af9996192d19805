"""MLflow's page of a version: what fits in its database, the most telling first."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from radloop.governance.model_facts import model_facts
from radloop.governance.version_page import MOST, overview, version_page
from tests.governance.test_model_facts import EVIDENCE, PASSED, REJECTED


def page(verdict: dict[str, Any], **changes: Any) -> str:
    """Return the page of an evidence with some members replaced."""
    evidence = EVIDENCE | {"figures": {"roc.png": "sha256:1"}} | changes
    return version_page(evidence, verdict, model_facts(evidence, verdict), "run 77", "http://127.0.0.1:3100")


def test_verdict_numbers_rules_and_figures() -> None:
    text = page(REJECTED)
    assert text.startswith("# Tuberculosis on chest radiographs: rejected\n\nSecond reader for adults.")
    assert "| All within the intended use | 80 | 0.953 (0.921 to 0.978) | not evaluable | not evaluable |" in text
    assert "0 of 6 rules are met or do not apply." in text
    assert "| `r5` | failed | Rule 5. |" in text
    assert "- Not for: children." in text
    assert "![The figures](get-artifact?path=judgement%2Foverview.png&run_uuid=run+77)" in text
    assert "[Report](http://127.0.0.1:3100/tb-cxr/22bb33cc44dd55ee/report)" in text
    assert "evidence `sha256:44dd`" in text
    assert "Synthetic" not in text
    assert "1 of 1 rules are met or do not apply." in page(PASSED)
    assert "![" not in page(PASSED, figures={})


def test_what_does_not_fit_is_left_out_and_the_links_stay() -> None:
    reasons = [{"rule": f"r{number}", "status": "failed", "sentence": "much | too long " * 40} for number in range(50)]
    use = EVIDENCE["use_case"] | {"intended_use": EVIDENCE["use_case"]["intended_use"] | {"not_for": ["x" * 150] * 60}}
    text = page({"verdict": "rejected", "reasons": reasons}, use_case=use)
    assert len(text) <= MOST
    assert "44 more are not: see the report." in text
    assert "Not for" not in text
    assert text.rstrip().endswith("npj Digital Medicine 3:41, 2020.")
    assert all(line.count("|") == 4 for line in text.splitlines() if line.startswith("| `r"))


def test_figures_are_made_small_side_by_side() -> None:
    def png(width: int, height: int, colour: str) -> bytes:
        stream = io.BytesIO()
        Image.new("RGB", (width, height), colour).save(stream, "PNG")
        return stream.getvalue()

    figures = {"roc.png": png(720, 360, "red"), "calibration.png": png(720, 720, "lime"), "decision.png": png(360, 90, "blue")}
    content = overview(figures | {"unknown.png": png(1, 1, "red")})
    assert content is not None
    with Image.open(io.BytesIO(content)) as sheet:
        assert sheet.size == (720, 360 + 90)
        spots = [sheet.getpixel(at) for at in ((10, 10), (10, 300), (370, 300), (10, 400))]
    assert spots == [(255, 0, 0), (255, 255, 255), (0, 255, 0), (0, 0, 255)]
    assert overview({}) is None
