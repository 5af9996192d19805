"""The process that makes one export: python -m radloop.serving.reading.exports.worker, a job on its standard input."""

from __future__ import annotations

import base64
import json
import sys

from radloop.serving.reading.exports.kinds import Export


def main() -> None:
    """Read a job, write the kind of what was made, a line end, and what was made."""
    job = json.load(sys.stdin)
    export = Export(job["kind"], job["answer"], job["facts"], job["picture"], base64.b64decode(job["content"]), job["clip"])
    try:
        kind, content = _made(export)
    except ValueError as error:
        sys.stderr.write(f"refused: {error}\n")
        sys.exit(3)
    sys.stdout.buffer.write(kind.encode() + b"\n" + content)


def _made(export: Export) -> tuple[str, bytes]:
    if export.kind == "sr":
        from radloop.serving.reading.exports.structured import structured_report

        return "sr", structured_report(export)
    if export.kind == "capture":
        from radloop.serving.reading.exports.capture import secondary_capture

        return "capture", secondary_capture(export)
    from radloop.serving.reading.exports.paper import pdf

    return pdf(export)


if __name__ == "__main__":
    main()
