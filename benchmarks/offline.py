"""Run the default loop without a network and count every attempt to reach out.

    python benchmarks/offline.py

Runs `radloop retrain phantom-cxr` in a network namespace that has loopback only, under `strace -f`, and counts
`connect` and `sendto` calls of the whole process tree to addresses beyond loopback.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from cut_network import attempts_beyond_loopback, run_without_network


def main() -> None:
    """Print the count and the result."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "site" / ".radloop").mkdir(parents=True)
        command = [sys.executable, "-m", "radloop", "retrain", "phantom-cxr", "--json", *sys.argv[1:]]
        done = run_without_network(command, folder / "site", folder / "trace")
        if done.returncode not in (0, 3):
            sys.exit(done.stderr[-3000:])
        attempts = attempts_beyond_loopback(folder / "trace")
        summary = json.loads(done.stdout)
        print(
            f"verdict {summary['verdict']}, AUROC {summary['metrics']['auroc']['value']:.4f}, {len(attempts)} attempts beyond loopback"
        )
        for line in attempts[:20]:
            print("  " + line)
        sys.exit(1 if attempts else 0)


if __name__ == "__main__":
    main()
