"""Every row and every column of real files, through the whole program, against independent computations.

    python3 tests/values/files.py PROVENDER FILE:KEY:EVENT_TIME[:CREATED_TIME] …

Each file becomes a source as it is and cut into many files and row groups; every column that can be a feature is one, as
wide as it is, narrower where that rounds only, and as text. Asked are: every row at its own time, one unit of its time
beside it, at both ends of the ttl and one unit past them, with each option; and after `materialize`, in two runs, the online
value of every key. DuckDB looks at every pair of rows for training data; pandas sorts for what is stored. Exit code 1 when
a cell differs. Needs duckdb, pandas, pyarrow.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TTL_HOURS = 5
SAMPLE = 900
TYPES = {pa.int32(): "int32", pa.int64(): "int64", pa.float32(): "float32", pa.float64(): "float64", pa.string(): "string"}
SQL = {"int32": "INTEGER", "int64": "BIGINT", "float32": "FLOAT", "float64": "DOUBLE", "string": "VARCHAR", "timestamp": "TIMESTAMP"}


def run(binary, folder, *arguments):
    done = subprocess.run([binary, "-C", folder, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"provender {' '.join(map(str, arguments))} failed:\n{done.stderr}")
    return done.stdout


def features_of(table, key):
    """Column, type as declared; a column may be there once only, so each gets one type of those that fit, in turn."""
    features = []
    for number, field in enumerate(table.schema):
        # Two underscores are kept for names of results.
        if field.name == key or "__" in field.name:
            continue
        if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
            kind = "timestamp"
        elif field.type == pa.float64() and number % 3 == 0:
            kind = "float32"
        elif field.type == pa.int32() and number % 2 == 0:
            kind = "int64"
        else:
            kind = TYPES[field.type]
        features.append((field.name, kind))
    return features


def define(folder, key, key_type, time, created, features):
    created = f'created_timestamp_column = "{created}"' if created else ""
    blocks = [f'entity "e" {{\n  join_key = "{key}"\n  value_type = {key_type}\n}}']
    for name, path in (("whole", "data/whole.parquet"), ("parts", "data/parts")):
        blocks.append(f'data_source "file" "{name}" {{\n  path = "{path}"\n  format = parquet\n  timestamp_field = "{time}"\n  {created}\n}}')
        for view, ttl in ((f"{name}_always", "0s"), (f"{name}_short", f"{TTL_HOURS}h")):
            listed = "\n".join(f'  feature "{feature}" {{ type = {kind} }}' for feature, kind in features)
            blocks.append(f'feature_view "{view}" {{\n  entities = [entity.e]\n  source = data_source.{name}\n'
                          f'  ttl = "{ttl}"\n  online_ttl = "0s"\n{listed}\n}}')
    (folder / "features.hcl").write_text("\n".join(blocks))
    (folder / "feature_store.yaml").write_text("project: files\nregistry: data/registry\nprovider: local\n")


def cut(table, folder):
    """Files of 97 rows in groups of 10, in byte order of their names."""
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, table.num_rows, 97)):
        pq.write_table(table.slice(start, 97), folder / f"{number:04}.parquet", row_group_size=10)


def entity_rows(source, key, time, unit):
    hours = pd.Timedelta(hours=TTL_HOURS)
    one = pd.Timedelta(1, unit)
    some = source[[key, time]].dropna()
    some = some.sample(min(SAMPLE, len(some)), random_state=1)
    parts = [source[[key, time]].rename(columns={time: "event_timestamp"})]
    for offset in (-one, one, hours, hours + one, hours - one):
        part = some.rename(columns={time: "event_timestamp"}).copy()
        part["event_timestamp"] = part["event_timestamp"] + offset
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame["row"] = range(len(frame))
    return frame


def expected_rows(connection, source, key, time, created, features, ttl, options):
    strictly, known = "strictly-before" in options, "--created-before-event-time" in options
    condition = f"s.t {'<' if strictly else '<='} e.t"
    if ttl:
        condition += f" AND s.t >= e.t - {TTL_HOURS * 3600 * 10**9}"
    if known and created:
        condition += " AND (s.c IS NULL OR s.c <= e.t)"
    columns = ", ".join(f'CAST(s."{name}" AS {SQL[kind]}) AS "{name}"' for name, kind in features)
    order = ("s.t DESC, s.c DESC NULLS LAST," if created else "s.t DESC,") + " s.place DESC"
    return connection.execute(
        f'SELECT e.row, {columns} FROM entities e LEFT JOIN history s ON s."{key}" = e."{key}" AND {condition} '
        f"QUALIFY row_number() OVER (PARTITION BY e.row ORDER BY {order}) = 1 ORDER BY e.row").df()


def in_utc(column):
    times = pd.to_datetime(column, utc=True)
    return times.dt.tz_localize(None).astype("datetime64[ns]")


def differing(ours, theirs, kind):
    if kind == "timestamp":
        ours, theirs = in_utc(ours), in_utc(theirs)
    both_null = ours.isna().to_numpy() & theirs.isna().to_numpy()
    equal = (ours.to_numpy() == theirs.to_numpy()) & ~ours.isna().to_numpy() & ~theirs.isna().to_numpy()
    return int((~(both_null | equal)).sum())


def check_training(binary, folder, source, spec, figures):
    name, key, time, created, features = spec
    unit = "us" if "us" in str(source[time].dtype) else "ns"
    frame = entity_rows(source, key, time, unit)
    frame.to_parquet(folder / "entities.parquet", index=False)
    nanos = lambda column: in_utc(column).astype("int64").where(column.notna())
    history = source.copy()
    history["t"], history["place"] = nanos(source[time]).astype("Int64"), range(len(source))
    history["c"] = nanos(source[created]).astype("Int64") if created else pd.NA
    history["c"] = history["c"].astype("Int64")
    entities = frame.copy()
    entities["t"] = nanos(frame["event_timestamp"]).astype("Int64")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("history", history)
    connection.register("entities", entities)
    for options in ([], ["--event-time-match", "strictly-before"], ["--created-before-event-time"],
                    ["--event-time-match", "strictly-before", "--created-before-event-time"]):
        for ttl in (False, True):
            theirs = expected_rows(connection, source, key, time, created, features, ttl, options)
            for cutting in ("whole", "parts"):
                view = f"{cutting}_{'short' if ttl else 'always'}"
                asked = ",".join(f"{view}:{feature}" for feature, _ in features)
                out = folder / "out.parquet"
                run(binary, folder, "get-historical-features", "--entities", folder / "entities.parquet",
                    "--features", asked, "--full-feature-names", "--output", out, *options)
                ours = pd.read_parquet(out)
                wrong = int(list(ours["row"]) != list(range(len(frame))))
                for feature, kind in features:
                    wrong += differing(ours[f"{view}__{feature}"], theirs[feature], kind)
                count(figures, f"training {name} {view} {' '.join(options)}", len(frame), len(frame) * len(features), wrong)


def check_online(binary, folder, source, spec, key_type, figures):
    name, key, time, created, features = spec
    middle = in_utc(source[time]).sort_values().iloc[len(source) // 2]
    run(binary, folder, "materialize", "1990-01-01", f"{middle.isoformat()}Z", "--allow-future")
    run(binary, folder, "materialize-incremental", "2100-01-01", "--allow-future")
    newest = source.dropna(subset=[key, time]).sort_values(
        [time] + ([created] if created else []), kind="stable", na_position="first").groupby(key).tail(1)
    for cutting in ("whole", "parts"):
        wrong = cells = 0
        for start in range(0, len(newest), 500):
            part = newest.iloc[start:start + 500]
            entities = [word for value in part[key] for word in ("-e", f"{key}={value}")]
            asked = ",".join(f"{cutting}_always:{feature}" for feature, _ in features)
            answer = json.loads(run(binary, folder, "get-online-features", *entities, "--features", asked))
            values = dict(zip(answer["metadata"]["feature_names"], answer["results"]))
            for feature, kind in features:
                theirs = part[feature].reset_index(drop=True)
                ours = pd.Series(values[feature]["values"])
                if kind == "float32":
                    ours, theirs = ours.astype("float32"), theirs.astype("float32")
                elif kind == "timestamp":
                    # Feast's JSON has whole seconds.
                    ours, theirs = pd.to_datetime(ours, unit="s"), in_utc(theirs).dt.floor("s")
                wrong += differing(ours, theirs, kind)
                cells += len(part)
        count(figures, f"online {name} {cutting}", len(newest), cells, wrong)


def count(figures, what, rows, cells, wrong):
    print(f"{'ok    ' if wrong == 0 else 'FAILED'} {what}: {rows} rows, {cells} cells, {wrong} differ", flush=True)
    figures["rows"] += rows
    figures["cells"] += cells
    figures["wrong"] += wrong


def main():
    binary = Path(sys.argv[1]).resolve()
    figures = {"rows": 0, "cells": 0, "wrong": 0}
    for argument in sys.argv[2:]:
        path, key, time, *created = argument.split(":")
        created = created[0] if created else None
        table = pq.read_table(path)
        source = table.to_pandas(ignore_metadata=True)
        features = features_of(table, key)
        key_type = TYPES[table.schema.field(key).type]
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            cut(table, folder / "data/parts")
            shutil.copy(path, folder / "data/whole.parquet")
            define(folder, key, key_type, time, created, features)
            run(binary, folder, "apply", "--auto-approve")
            spec = (f"{Path(path).name} by {key}", key, time, created, features)
            check_training(binary, folder, source, spec, figures)
            check_online(binary, folder, source, spec, key_type, figures)
    print(f"{figures['rows']} rows, {figures['cells']} cells, {figures['wrong']} differ")
    sys.exit(figures["wrong"] > 0)


if __name__ == "__main__":
    main()
