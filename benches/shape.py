"""A large project of a fixed shape, for Provender and for Terraform, and how long a command takes on it.

For each 10,000 objects: 500 entities, 500 sources, 8,500 views of 8 features and 500 services, in 500 files. Terraform gets
a `terraform_data` for each object, with the same references.
"""

import os
import statistics
import subprocess
import sys
import time

FEATURES = 8


class Shape:
    def __init__(self, scale=1.0):
        self.entities, self.sources = int(500 * scale), int(500 * scale)
        self.views, self.services, self.files = int(8500 * scale), int(500 * scale), int(500 * scale)

    def objects(self, ttl=lambda view: "7d"):
        """Each object as Provender's text and as Terraform's."""
        for number in range(self.entities):
            yield (
                f'entity "e{number}" {{\n  join_key   = "key_{number}"\n  value_type = int64\n}}\n',
                f'resource "terraform_data" "e{number}" {{\n  input = {{ join_key = "key_{number}", type = "int64" }}\n}}\n',
            )
        for number in range(self.sources):
            yield (
                f'data_source "file" "s{number}" {{\n  path            = "data/{number}.csv"\n  timestamp_field = "at"\n}}\n',
                f'resource "terraform_data" "s{number}" {{\n  input = {{ path = "data/{number}.csv", timestamp_field = "at" }}\n}}\n',
            )
        for number in range(self.views):
            ours = "".join(f'  feature "f{feature}" {{ type = float32 }}\n' for feature in range(FEATURES))
            theirs = ", ".join(f'f{feature} = "float32"' for feature in range(FEATURES))
            place = number % self.entities
            yield (
                f'feature_view "v{number}" {{\n  entities = [entity.e{place}]\n  source   = data_source.s{place}\n'
                f'  ttl      = "{ttl(number)}"\n{ours}}}\n',
                f'resource "terraform_data" "v{number}" {{\n  input = {{\n    entity = terraform_data.e{place}.input\n'
                f'    source = terraform_data.s{place}.input\n    ttl = "{ttl(number)}"\n    features = {{ {theirs} }}\n  }}\n}}\n',
            )
        for number in range(self.services):
            views = [number * self.views // self.services + offset for offset in range(3)]
            ours = ", ".join(f"feature_view.v{view}.f{feature}" for feature, view in enumerate(views))
            theirs = ", ".join(f"terraform_data.v{view}.id" for view in views)
            yield (
                f'feature_service "m{number}" {{\n  features = [{ours}]\n}}\n',
                f'resource "terraform_data" "m{number}" {{\n  input = [{theirs}]\n}}\n',
            )

    def write(self, ours=None, theirs=None, ttl=lambda view: "7d"):
        """Writes the definitions, and for Provender the environment; files that are there are written over."""
        files = [([], []) for _ in range(self.files)]
        for number, (one, other) in enumerate(self.objects(ttl)):
            files[number % self.files][0].append(one)
            files[number % self.files][1].append(other)
        for folder, position, ending in [(ours, 0, "hcl"), (theirs, 1, "tf")]:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                for number, texts in enumerate(files):
                    (folder / f"file_{number}.{ending}").write_text("\n".join(texts[position]))
        if ours is not None:
            (ours / "feature_store.yaml").write_text("project: load\nprovider: local\nregistry: data/registry\n")

    def write_data(self, ours):
        """A small file for each source."""
        (ours / "data").mkdir(exist_ok=True)
        for number in range(self.sources):
            columns = ",".join(f"f{feature}" for feature in range(FEATURES))
            values = ",".join(["0.5"] * FEATURES)
            (ours / "data" / f"{number}.csv").write_text(f"at,key_{number},{columns}\n2026-01-01T00:00:00Z,1,{values}\n")


def machine():
    """The machine's own speed, since virtual machines differ by the hour."""
    start = time.perf_counter()
    total = 0
    for number in range(10_000_000):
        total += number
    print(f"this machine adds ten million numbers in Python in {time.perf_counter() - start:.2f} s, on {os.cpu_count()} processors")


def run(command, folder, statuses=(0,)):
    """Seconds, seconds of processor and peak MiB of one command, which must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in statuses:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{errors.decode()[:2000]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(name, command, folder, runs, targets=(None, None), before=lambda: None, warm=False):
    """Medians of time and the greatest memory of some runs, printed with whether they meet targets of seconds and MiB. With `warm`
    there is one more run before them, which is not counted: files are in the page cache then."""
    used = []
    if warm:
        before()
        run(command, folder)
    for _ in range(runs):
        before()
        used.append(run(command, folder))
    wall, processor = (statistics.median(column) for column in list(zip(*used))[:2])
    memory = max(memory for _, _, memory in used)
    least = min(wall for wall, _, _ in used)
    verdicts = [
        f"   {what} under {target * scale:.0f} {unit}: {'met' if figure < target else 'MISSED'}"
        for what, figure, target, scale, unit in [("time", wall, targets[0], 1000, "ms"), ("memory", memory, targets[1], 1, "MiB")]
        if target is not None
    ]
    print(
        f"{name:<48}{wall * 1000:>8.0f} ms (least {least * 1000:.0f}){processor * 1000:>8.0f} ms of CPU{memory:>6.0f} MiB{''.join(verdicts)}",
        flush=True,
    )
    return wall, processor, memory
