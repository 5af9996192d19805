"""The bare engine: two threads and two streams that decode and infer, no HTTP. The most that these cores can do.

It reads lines from standard input, each a number of seconds, and answers with the images that it did a second.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from pathlib import Path

from benchmarks.serving.peers.streams import Streams


def measure(streams: Streams, files: list[bytes], seconds: float) -> float:
    """Return images a second."""
    done, start = [0, 0], time.perf_counter()

    def work(thread: int) -> None:
        while time.perf_counter() - start < seconds:
            streams.answer(io.BytesIO(files[(done[thread] + thread) % len(files)]))
            done[thread] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start)


def main() -> None:
    """Serve standard input; the first argument is the folder of images."""
    files = [path.read_bytes() for path in sorted(Path(sys.argv[1]).iterdir())]
    streams = Streams()
    measure(streams, files, 0.5)
    print("ready", flush=True)
    for line in sys.stdin:
        print(measure(streams, files, float(line)), flush=True)


if __name__ == "__main__":
    main()
