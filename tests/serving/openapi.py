"""The HTTP interface of `provender serve` held to its own OpenAPI document by Schemathesis.

    python3 tests/serving/openapi.py PROVENDER

Makes a small project, applies and materializes it, and runs all checks of Schemathesis against three servers: one that
writes, one that does not, and one with API keys that is asked without a key, where no route but `/health` and `/ready` may
answer. What is expected beyond Schemathesis' own idea of a good answer stands in `schemathesis.toml`, with the reason.
`SECONDS=600` in the environment takes that long for each server; `SEED=7` repeats a run. Needs the package schemathesis
(4.32). Exit code 1 when anything is found.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "src/server/http/openapi.json"

# Names are those of the document's examples, so that they are answered.
DEFINITIONS = """
entity "driver" {
  join_key   = "driver_id"
  value_type = int64
}
data_source "file" "history" {
  path            = "data/history"
  format          = csv
  timestamp_field = "event_timestamp"
}
data_source "push" "driver_events" {
  batch_source = data_source.history
}
feature_view "driver_hourly_stats" {
  entities = [entity.driver]
  source   = data_source.driver_events
  feature "conv_rate" { type = float64 }
}
feature_service "driver_activity" {
  features = [feature_view.driver_hourly_stats]
}
"""
HISTORY = "driver_id,conv_rate,event_timestamp\n1001,0.5,2024-12-31T08:00:00Z\n1002,,2024-12-31T09:00:00Z\n"
OPEN = {"/health", "/ready"}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Serving:
    """A server of the project, for as long as it is needed."""

    def __init__(self, provender, project, *words):
        self.port = free_port()
        self.log = project.parent / "server.log"
        addresses = ["--http", f"127.0.0.1:{self.port}", "--grpc", f"127.0.0.1:{free_port()}"]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([provender, "-C", project, "serve", *addresses, *words], stderr=log)

    def __enter__(self):
        for _ in range(200):
            if self.status("GET", "/ready") == 200:
                return self
            time.sleep(0.1)
        raise SystemExit(f"the server does not come up:\n{self.log.read_text()}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def status(self, method, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            return urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            return error.code
        except (urllib.error.URLError, ConnectionError):
            return None

    def holds(self, title):
        print(f"\n### {title}", flush=True)
        words = ["--config-file", HERE / "schemathesis.toml", "run", DOCUMENT, "--url", f"http://127.0.0.1:{self.port}"]
        words += ["--checks", "all", "--continue-on-failure"]
        if "SEED" in os.environ:
            words += ["--seed", os.environ["SEED"]]
        if "SECONDS" in os.environ:
            words += ["--max-time", os.environ["SECONDS"]]
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run([shutil.which("schemathesis"), *words], cwd=folder).returncode == 0


def is_shut(server):
    """Without a key nothing is answered that could be read."""
    document = json.loads(DOCUMENT.read_text())
    routes = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    answers = {route: server.status(*route) for route in routes}
    wrong = {route: status for route, status in answers.items() if (status == 200) != (route[1] in OPEN)}
    print(f"without a key: {len(answers) - len(wrong)} of {len(answers)} routes as they should be", wrong or "")
    return not wrong and all(status in (200, 401) for status in answers.values())


def main():
    provender = str(Path(sys.argv[1]).resolve())
    if not shutil.which("schemathesis"):
        raise SystemExit("`schemathesis` is not installed: pip install schemathesis")
    top = Path(tempfile.mkdtemp(prefix="provender-openapi-"))
    project = top / "project"
    (project / "data/history").mkdir(parents=True)
    (project / "data/history/1.csv").write_text(HISTORY)
    (project / "features.hcl").write_text(DEFINITIONS)
    (project / "feature_store.yaml").write_text("project: shop\nprovider: local\nregistry: data/registry\n")
    (project / "keys").write_text(f"nobody read,write {hashlib.sha256(os.urandom(32)).hexdigest()}\n")
    for words in (["apply", "--auto-approve"], ["materialize", "2024-12-01", "2025-01-01"]):
        subprocess.run([provender, "-C", project, *words], check=True, capture_output=True)
    good = []
    with Serving(provender, project, "--allow-write") as server:
        good.append(server.holds("with --allow-write"))
    with Serving(provender, project) as server:
        good.append(server.holds("without --allow-write"))
    with Serving(provender, project, "--allow-write", "--api-keys", project / "keys") as server:
        good.append(is_shut(server))
        good.append(server.holds("with API keys, without a key"))
    shutil.rmtree(top)
    print("nothing found" if all(good) else "something was found")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
