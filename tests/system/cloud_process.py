"""The cloud's server as a process of its own, on a free port of 127.0.0.1."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import urllib3

from aircue_gateway.batch import Batch, encode

# Offers at every hour, of the best remedy, to every home: what these tests are about is not the policy.
PLAIN = 'linger_h = 876000\nquiet_hours = ""\nholdout = 0.0\nneed_holdout = 0.0\nexplore = false\n'
HTTP = urllib3.PoolManager(retries=False, timeout=30.0)


def command(config: Path, *words: str) -> str:
    """What `aircue-cloud WORDS` says."""
    line = [sys.executable, "-m", "aircue_cloud", *words, "--config", str(config)]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


class Server:
    """Runs from its making until stop or kill."""

    def __init__(self, config: Path) -> None:
        self._log = (config.parent / "server.log").open("ab")
        line = [sys.executable, "-m", "aircue_cloud", "serve", "--config", str(config)]
        self._process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        found = re.search(r"http://[\d.]+:\d+", self._process.stdout.readline())
        assert found is not None, (config.parent / "server.log").read_text()
        self.url = found.group()

    def post(self, content: Batch | bytes, key: str) -> urllib3.BaseHTTPResponse:
        data = encode(content) if isinstance(content, Batch) else content
        headers = {"Authorization": f"Bearer {key}"}
        return HTTP.request("POST", f"{self.url}/api/v1/batches", body=data, headers=headers)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return HTTP.request("GET", f"{self.url}{path}")

    def visible(self, readings: int) -> None:
        """When the layers hold at least so many readings."""
        end = time.monotonic() + 60
        while self.get("/api/v1/status").json()["readings"] < readings:
            assert time.monotonic() < end
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut would: nothing is told, nothing is finished."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._end()

    def stop(self) -> int:
        """The exit status after a polite request."""
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        status = self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        return status
