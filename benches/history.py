"""Histories of features, entity rows and projects for benchmarks of data: the same bytes from the same seed, on every machine.

A history has a key, an event time, a created time and ten features of four types; one row in a hundred has a null. Rows stand in the
order of their times or in no order. Entity rows ask for keys of the history, one in fifty for a key that it has not.
"""

import pathlib
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

SEED = 7
FIRST = 1_767_225_600_000_000  # 2026-01-01, in microseconds
SPAN = 90 * 86_400_000_000
# What materializes all of it.
START, END = "2026-01-01T00:00:00Z", "2026-04-02T00:00:00Z"
CHUNK = 1_000_000
FEATURES = [(f"f{number}", ["float32", "float64", "int64", "float32", "string"][number % 5]) for number in range(10)]


def apart(function, *arguments):
    """Calls a function in a process of its own: a command that is started counts the memory of the process that starts it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def history(path, rows, keys, ordered=True, seed=SEED):
    """Writes a history to a Parquet file, unless it is there already."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = pathlib.Path(path)
    if path.exists():
        return path
    writing = path.with_suffix(".writing")
    chunks = -(-rows // CHUNK)
    with pq.ParquetWriter(writing, _schema(), compression="snappy") as writer:
        for chunk in range(chunks):
            random = np.random.default_rng([seed, chunk])
            many = min(CHUNK, rows - chunk * CHUNK)
            if ordered:
                # Each chunk has its own part of the time.
                start, end = (FIRST + SPAN * part // chunks for part in (chunk, chunk + 1))
                times = np.sort(random.integers(start, end, many))
            else:
                times = random.integers(FIRST, FIRST + SPAN, many)
            columns = [random.integers(0, keys, many), times, times + random.integers(0, 3_600_000_000, many)]
            columns += [_feature(random, kind, many) for _, kind in FEATURES]
            writer.write_table(pa.table([pa.array(column) if not isinstance(column, pa.Array) else column for column in columns],
                                        names=_schema().names).cast(_schema()), row_group_size=CHUNK)
    writing.rename(path)
    return path


def entity_rows(path, rows, keys, seed=SEED):
    """Writes entity rows to a Parquet file, unless it is there already."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = pathlib.Path(path)
    if not path.exists():
        random = np.random.default_rng([seed, rows, keys])
        asked = random.integers(0, keys + keys // 50, rows)
        times = random.integers(FIRST, FIRST + SPAN, rows)
        label = random.random(rows) < 0.1
        table = pa.table({"key": asked, "event_timestamp": pa.array(times, pa.timestamp("us", "UTC")), "label": label})
        pq.write_table(table, path, compression="snappy")
    return path


def _schema():
    import pyarrow as pa

    types = {"float32": pa.float32(), "float64": pa.float64(), "int64": pa.int64(), "string": pa.string()}
    time = pa.timestamp("us", "UTC")
    fields = [("key", pa.int64()), ("event_timestamp", time), ("created", time)]
    return pa.schema(fields + [(name, types[kind]) for name, kind in FEATURES])


def _feature(random, kind, many):
    import pyarrow as pa
    import pyarrow.compute

    nulls = random.random(many) < 0.01
    if kind == "string":
        values = pa.array([f"word{number}" for number in range(1000)]).take(pa.array(random.integers(0, 1000, many)))
        return pa.compute.if_else(pa.array(nulls), pa.scalar(None, pa.string()), values)
    if kind == "int64":
        return pa.array(random.integers(0, 1_000_000, many), mask=nulls)
    return pa.array(random.random(many).astype(kind), mask=nulls)


def project(folder, views, ttl="10d", name="history", cache_ttl=60, online_store=None, pushed=False):
    """Writes a project with views of all features, one over each `(view, path)`; with `pushed` each view takes pushed rows as well, by
    the push source `{view}_live`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    environment = f"project: {name}\nprovider: local\nregistry: {{ path: data/registry, cache_ttl_seconds: {cache_ttl} }}\n"
    if online_store is not None:
        environment += f"online_store: {online_store}\n"
    (folder / "feature_store.yaml").write_text(environment)
    blocks = ['entity "key" {\n  join_key   = "key"\n  value_type = int64\n}\n']
    features = "".join(f'  feature "{feature}" {{ type = {kind} }}\n' for feature, kind in FEATURES)
    for view, path in views:
        blocks.append(f'data_source "file" "{view}" {{\n  path              = "{path}"\n  timestamp_field   = "event_timestamp"\n'
                      f'  created_timestamp_column = "created"\n}}\n')
        if pushed:
            blocks.append(f'data_source "push" "{view}_live" {{\n  batch_source = data_source.{view}\n}}\n')
        source = f"{view}_live" if pushed else view
        blocks.append(f'feature_view "{view}" {{\n  entities = [entity.key]\n  source   = data_source.{source}\n  ttl      = "{ttl}"\n{features}}}\n')
    (folder / "views.hcl").write_text("\n".join(blocks))


FEAST_PROJECT = """project: history
provider: local
registry: {{ path: registry.db, cache_ttl_seconds: {cache_ttl} }}
offline_store: {{ type: {engine} }}
online_store: {{ type: sqlite, path: online.db }}
entity_key_serialization_version: 3
"""
FEAST_DEFINITIONS = """
from datetime import timedelta
from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float32, Float64, Int64, String
key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
KINDS = [Float32, Float64, Int64, Float32, String]
"""
FEAST_VIEW = """{name} = FeatureView(
    name="{name}", entities=[key], ttl=timedelta(days={ttl_days}), schema=[Field(name=f"f{{n}}", dtype=KINDS[n % 5]) for n in range(10)],
    source=FileSource(path="{path}", timestamp_field="event_timestamp", created_timestamp_column="created"))
"""


def feast_project(folder, views, ttl_days, engine="file", cache_ttl=600):
    """Writes a project of Feast with views of all features, one over each `(name, path)`, and applies it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "feature_store.yaml").write_text(FEAST_PROJECT.format(engine=engine, cache_ttl=cache_ttl))
    text = "".join(FEAST_VIEW.format(name=name, path=path, ttl_days=ttl_days) for name, path in views)
    (folder / "views.py").write_text(FEAST_DEFINITIONS + text)
    feast = pathlib.Path(sys.executable).with_name("feast")
    subprocess.run([feast, "apply"], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# Loads a project of Feast from one time to another: `python -c FEAST_LOAD START END`.
FEAST_LOAD = """
import sys
from datetime import datetime
from feast import FeatureStore
FeatureStore(".").materialize(*(datetime.fromisoformat(text) for text in sys.argv[1:]))
"""
