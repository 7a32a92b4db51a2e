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


class Address:
    """A server that listens somewhere."""

    url: str

    def post(self, content: Batch | bytes, key: str) -> urllib3.BaseHTTPResponse:
        data = encode(content) if isinstance(content, Batch) else content
        headers = {"Authorization": f"Bearer {key}"}
        return HTTP.request("POST", f"{self.url}/api/v1/batches", body=data, headers=headers)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return HTTP.request("GET", f"{self.url}{path}")


class ForkedServer(Address):
    """A process of its own, whose program was loaded before it began; see tests.system.forking_cloud."""

    def __init__(self, source: "Forks", config: Path) -> None:
        said = source.start(config)
        self._pid = int(said["pid"])
        self.url = said["url"]

    def kill(self) -> None:
        """As a power cut would; returns when the process is gone."""
        os.kill(self._pid, signal.SIGKILL)
        end = time.monotonic() + 30
        while Path(f"/proc/{self._pid}").exists():
            assert time.monotonic() < end
            time.sleep(0.001)


class Forks:
    """Where such servers come from."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        line = [sys.executable, "-m", "tests.system.forking_cloud"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=self._log, text=True)

    def start(self, config: Path) -> dict[str, str]:
        """pid and url, said in either order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{config}\n")
        self._process.stdin.flush()
        said = {}
        while len(said) < 2:
            line = self._process.stdout.readline()
            found = re.search(r"pid (?P<pid>\d+)|(?P<url>http://[\d.]+:\d+)", line)
            assert found is not None, f"{line!r}, see {self._log.name}"
            said |= {name: value for name, value in found.groupdict().items() if value is not None}
        return said

    def close(self) -> None:
        self._process.communicate(timeout=30)
        self._log.close()


class Server(Address):
    """Runs from its making until stop or kill."""

    def __init__(self, config: Path) -> None:
        self._log = (config.parent / "server.log").open("ab")
        line = [sys.executable, "-m", "aircue_cloud", "serve", "--config", str(config)]
        self._process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        found = re.search(r"http://[\d.]+:\d+", self._process.stdout.readline())
        assert found is not None, (config.parent / "server.log").read_text()
        self.url = found.group()

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
