"""Etsy's StatsD (npm `statsd`) as the collector of what `provender` sends.

    python3 tests/serving/statsd_collector.py PROVENDER STATSD

PROVENDER is the binary, STATSD the folder of the npm package `statsd` (`npm install statsd` puts it into
`node_modules/statsd`). Makes a project, applies, materializes, pushes, serves and reads, all with `--statsd`, and then
asks the collector's administration port what it has. Exit code 1 when a metric is missing or a count is wrong.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

DEFINITIONS = """
entity "driver" {
  join_key   = "driver_id"
  value_type = int64
}
data_source "file" "history" {
  path            = "history.csv"
  timestamp_field = "at"
}
data_source "push" "events" {
  batch_source = data_source.history
}
data_source "request" "ride" {
  field "distance" { type = float64 }
}
feature_view "stats" {
  entities = [entity.driver]
  source   = data_source.events
  feature "trips" { type = int64 }
}
on_demand_feature_view "ratio" {
  sources = [feature_view.stats, data_source.ride]
  feature "per_trip" {
    type       = float64
    expression = ride.distance / stats.trips
  }
}
"""
READS = 500
BODY = {"features": ["ratio:per_trip"], "entities": {"driver_id": [1, 2, 3], "distance": [5, 5, 5]}}


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, command):
    """What the collector's administration port says to a command."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(command.encode() + b"\n")
        text = b""
        while b"END" not in text:
            part = connection.recv(65536)
            if not part:
                break
            text += part
    text = text.decode().split("END")[0]
    # The port answers in the notation of JavaScript: names in quotes or bare.
    script = "console.log(JSON.stringify(eval('(' + require('fs').readFileSync(0) + ')')))"
    return json.loads(subprocess.run(["node", "-e", script], input=text, capture_output=True, text=True, check=True).stdout)


def wait_for(what, attempt):
    for _ in range(100):
        try:
            return attempt()
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{what} did not come up")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    provender, statsd = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    folder = Path(tempfile.mkdtemp(prefix="statsd-collector-"))
    (folder / "feature_store.yaml").write_text("project: heard\nregistry: registry\nprovider: local\n")
    (folder / "views.hcl").write_text(DEFINITIONS)
    rows = "".join(f"2026-01-02T00:00:00Z,{driver},{driver - 2}\n" for driver in range(3, 1003))
    (folder / "history.csv").write_text(f"at,driver_id,trips\n2026-01-02T00:00:00Z,1,20\n2026-01-02T00:00:00Z,2,0\n{rows}")
    (folder / "rows.csv").write_text("at,driver_id,trips\n2026-01-05T00:00:00Z,1,30\n")
    udp, admin, http = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    # One interval longer than this script, so that nothing is flushed away before it is looked at.
    (folder / "statsd.js").write_text(
        f'{{ port: {udp}, mgmt_port: {admin}, address: "127.0.0.1", mgmt_address: "127.0.0.1", flushInterval: 600000, '
        f'backends: [] }}\n'
    )
    collector = subprocess.Popen(["node", str(statsd / "stats.js"), str(folder / "statsd.js")])
    server = None
    try:
        wait_for("the collector", lambda: ask(admin, "counters"))
        to = ["--statsd", f"127.0.0.1:{udp}"]

        def run(*arguments):
            began = time.monotonic()
            subprocess.run([provender, *arguments, *to], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            print(f"{arguments[0]}: {time.monotonic() - began:.2f} s")

        run("apply", "--auto-approve")
        run("materialize", "2026-01-01", "2026-01-03")
        run("push", "events", "--from", "rows.csv")
        server = subprocess.Popen(
            [provender, "serve", "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{free_port(socket.SOCK_STREAM)}", *to],
            cwd=folder, stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{http}"
        wait_for("the server", lambda: urllib.request.urlopen(f"{url}/health").read())
        request = urllib.request.Request(
            f"{url}/get-online-features", json.dumps(BODY).encode(), {"Content-Type": "application/json"}
        )
        for _ in range(READS):
            urllib.request.urlopen(request).read()
        try:
            urllib.request.urlopen(f"{url}/nowhere")
        except urllib.error.HTTPError as error:
            assert error.code == 404
        server.terminate()
        assert server.wait(30) == 0
        server = None
        time.sleep(0.5)
        return judge(ask(admin, "counters"), ask(admin, "timers"), ask(admin, "gauges"))
    finally:
        for process in (server, collector):
            if process is not None:
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def judge(counters, timers, gauges):
    wrong = []
    counts = {
        "requests.get-online-features.ok": READS,
        "requests.other.unknown_path": 1,
        "feature_status.stats.PRESENT": 3 * READS,
        "expression_errors.ratio.per_trip": READS,
        "materialize_rows.stats.read": 1002,
        "materialize_rows.stats.written": 1002,
        "push_rows.stats.written": 1,
        "apply_steps.create.succeeded": 1,
    }
    for name, count in counts.items():
        found = counters.get(f"provender.{name}", 0)
        print(f"counter provender.{name} = {found}")
        if found != count:
            wrong.append(f"{name}: {found} instead of {count}")
    for name in [
        "request_duration.get-online-features",
        "request_rows.get-online-features",
        "request_features.get-online-features",
        "store_duration.read.ok",
        "store_duration.write.ok",
        "materialize_duration.stats.loaded",
        "apply_duration.succeeded",
    ]:
        values = sorted(timers.get(f"provender.{name}", []))
        middle = values[len(values) // 2] if values else None
        print(f"timer   provender.{name}: {len(values)} values, the middle one {middle}")
        if not values:
            wrong.append(f"{name}: nothing")
    for name in ["registry_revision", "registry_age", "freshness.stats"]:
        found = gauges.get(f"provender.{name}")
        print(f"gauge   provender.{name} = {found}")
        if found is None:
            wrong.append(f"{name}: nothing")
    bad = counters.get("statsd.bad_lines_seen", 0)
    print(f"bad lines: {bad}, packets: {counters.get('statsd.packets_received')}")
    if bad:
        wrong.append(f"{bad} bad lines")
    for line in wrong:
        print(f"WRONG {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
