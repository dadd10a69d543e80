"""A server of online features and who asks it, for the benchmarks that serve: reads of `key` by wrk or on one connection, and what the
server's processes use."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

# Requests are put together before the clock starts: the client takes its share of the processors, and what is measured is the server.
WRK_SCRIPT = """
local prepared, last = {}, 0
init = function()
  math.randomseed(7)
  for number = 1, MANY do
    local keys = {}
    for row = 1, ROWS do keys[row] = math.random(0, KEYS - 1) end
    prepared[number] = wrk.format("POST", "/get-online-features", {["content-type"] = "application/json"},
      '{"features": FEATURES, "full_feature_names": FULL, "entities": {"key": [' .. table.concat(keys, ",") .. ']}}')
  end
end
request = function()
  last = last % MANY + 1
  return prepared[last]
end
done = function(summary, latency, requests)
  io.write(string.format("FIGURES %f %f %f %d\\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""


def features(views=1):
    """All ten features of each of some views `v0`, `v1` …"""
    return [f"v{view}:f{number}" for view in range(views) for number in range(10)]


class Client:
    """One connection, kept alive."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        """Status and body of the answer to a request, see `posted`."""
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError("the server closed the connection")
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head.split()[1]), body


def posted(path, content):
    """The bytes of a request that posts JSON."""
    body = json.dumps(content).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def read_request(features, keys):
    return posted("/get-online-features", {"features": features, "entities": {"key": keys}})


class Server:
    """A server in a process group of its own, up when it has answered a read once; stopped at the end of `with`."""

    def __init__(self, command, folder, port):
        self.port = port
        started = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while True:
            try:
                if Client(port).ask(read_request(features(), [1]))[0] == 200:
                    break
            except OSError:
                pass
            if self.process.poll() is not None or time.perf_counter() - started > 60:
                self.stop()
                sys.exit(f"{' '.join(map(str, command))} does not answer")
            time.sleep(0.002)
        self.seconds_to_first_answer = time.perf_counter() - started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def memory(self):
        """MiB of anonymous resident memory of the process and its children."""
        status = [pathlib.Path(f"/proc/{member}/status").read_text() for member in _family(self.process.pid)]
        return sum(int(re.search(r"RssAnon:\s+(\d+)", text)[1]) for text in status) / 1024

    def processor_seconds(self):
        """Time on processors of the process until now, in it and in the kernel for it."""
        user, system = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def provender(binary, folder, port, *options):
    """A running `provender serve`; gRPC has the port after."""
    command = [binary, "serve", "--http", f"127.0.0.1:{port}", "--grpc", f"127.0.0.1:{port + 1}", *options]
    return Server(command, folder, port)


def _family(pid):
    """A process and all its children."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _family(int(child))
    return found


def wrk(server, work, seconds, keys, asked, rows, connections, full_names=False):
    """Asks as fast as it is answered, from one thread: requests a second, p50 and p99 in milliseconds, and how many failed."""
    # So many that together they ask for a hundred thousand keys at least.
    many = 100_000 if rows == 1 else 10_000
    values = {"MANY": many, "ROWS": rows, "KEYS": keys, "FEATURES": json.dumps(asked), "FULL": json.dumps(full_names)}
    script = re.sub("|".join(values), lambda name: str(values[name[0]]), WRK_SCRIPT)
    (work / "load.lua").write_text(script)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", work / "load.lua", f"http://127.0.0.1:{server.port}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    per_second, p50, p99, errors = map(float, re.search(r"FIGURES (.*)", output)[1].split())
    return per_second, p50, p99, int(errors)
