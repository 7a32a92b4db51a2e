"""Real servers, started in a moment: this program has loaded everything once, and each line it reads, the path of a
configuration, makes it fork a process that is `aircue-cloud serve` from there on. It says `pid N`, the server its
address.
"""

import os
import signal
import sys

from aircue_cloud import cli, serving
from aircue_cloud.ingest import columns


def main() -> None:
    assert callable(serving.serve)
    columns.warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a server that was killed
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            cli.main(["serve", "--config", line.strip()])
        print(f"pid {pid}", flush=True)


if __name__ == "__main__":
    main()
