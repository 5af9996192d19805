"""An S3 API on loopback: moto's server in a process of its own, which dies with the block."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

BUCKET = "radloop-data"


@dataclass(frozen=True)
class S3:
    """A running server.

    Attributes:
        url: the remote within the bucket, for RADLOOP_DVC_REMOTE.
        environment: the standard variables that lead the AWS libraries to it.
    """

    url: str
    environment: dict[str, str]

    def check_credentials(self, checked: bool) -> None:
        """Let the server refuse whoever it does not know: everybody; or admit everybody again."""
        connection = HTTPConnection(self.environment["AWS_ENDPOINT_URL"].removeprefix("http://"), timeout=10)
        connection.request("POST", "/moto-api/reset-auth", body=b"0" if checked else b"inf")
        assert connection.getresponse().status == 200
        connection.close()

    def names(self) -> set[str]:
        """Return the key of every object in the bucket."""
        pages = _client(self.environment).get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def variables(port: int) -> dict[str, str]:
    """Return the standard variables for a server on a port; the credentials are of nobody."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
    }


@contextmanager
def s3_server() -> Iterator[S3]:
    """Start the server with an empty bucket, and end it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port, process)
        environment = variables(port)
        _client(environment).create_bucket(Bucket=BUCKET)
        yield S3(f"s3://{BUCKET}/site-a", environment)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "moto's server ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("moto's server does not listen")


def _client(environment: dict[str, str]):  # type: ignore[no-untyped-def]
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )
