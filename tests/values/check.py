"""Compares joins and loads of real files with independent computations.

    python3 tests/values/check.py VALUES DRIVER_STATS.parquet [TAXI_TRIPS.parquet]

VALUES is the example program: `cargo build --release -p provender-local --example values`. DuckDB (or pandas) computes
the same from the same file: the newest row per key by (event time, created time), and a training table for 10,000
random (key, time) rows, row for row. Anything that differs is printed, and the exit code is 1.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd


def objects(path, key, key_type, time, created, features, ttl):
    source = {"kind": "data_source", "source_kind": "file", "path": str(Path(path).resolve()), "format": "parquet",
              "timestamp_field": time}
    if created:
        source["created_timestamp_column"] = created
    return {
        "entity.e": {"kind": "entity", "join_key": key, "value_type": key_type},
        "data_source.s": source,
        "feature_view.v": {"kind": "feature_view", "entities": ["e"], "source": "s", "ttl": ttl,
                           "features": [{"name": name, "type": kind} for name, kind in features]},
    }


def same(ours, theirs):
    return bool(pd.isna(theirs)) if pd.isna(ours) else not pd.isna(theirs) and bool(ours == theirs)


def report(what, differences, rows):
    print(f"{what}: {rows} rows, {len(differences)} differ")
    for difference in differences[:5]:
        print("   ", difference)
    return bool(differences)


def check_join(program, folder, path, key, key_type, time, created, features, ttl, hours):
    definitions = folder / "join.json"
    definitions.write_text(json.dumps(objects(path, key, key_type, time, created, features, ttl)))
    source = pd.read_parquet(path)
    random = np.random.default_rng(20261125)
    times = pd.to_datetime(source[time]).dt.tz_localize(None)
    known = source[key].dropna().unique()
    start, end = times.min() - pd.Timedelta(days=3), times.max() + pd.Timedelta(days=30)
    # A third of the times lie exactly on a row, or exactly ttl after one.
    spread = start + pd.to_timedelta(random.random(10_000) * (end - start).total_seconds(), unit="s").floor("us")
    exact = times.sample(10_000, replace=True, random_state=1).reset_index(drop=True)
    exact = exact + pd.to_timedelta(np.where(random.random(10_000) < 0.5, 0, hours or 0), unit="h")
    pick = random.random(10_000) < 0.33
    entities = pd.DataFrame({key: random.choice(known, 10_000),
                             "event_timestamp": np.where(pick, exact, pd.Series(spread)), "row": np.arange(10_000)})
    frame, out = folder / "entities.parquet", folder / "out.parquet"
    entities.to_parquet(frame)
    names = ",".join(f"v:{name}" for name, _ in features)
    subprocess.run([program, "join", str(definitions), names, str(frame), str(out)], check=True)
    ours = pd.read_parquet(out)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("entities", entities)
    order = f"epoch_ns(s.{time}) DESC" + (f", epoch_ns(s.{created}) DESC NULLS LAST" if created else "")
    order += ", s.file_row_number DESC"
    bound = f"AND epoch_ns(s.{time}) >= epoch_ns(e.event_timestamp) - {(hours or 0) * 3600 * 10**9}" if hours else ""
    columns = ", ".join(f"CAST(s.{name} AS {'FLOAT' if kind == 'float32' else 'VARCHAR' if kind == 'string' else 'DOUBLE' if kind == 'float64' else 'BIGINT'}) AS {name}" for name, kind in features)
    theirs = connection.execute(f"""
        SELECT e.row, {columns} FROM entities e LEFT JOIN read_parquet('{path}', file_row_number = true) s
          ON CAST(s.{key} AS VARCHAR) = CAST(e.{key} AS VARCHAR) AND epoch_ns(s.{time}) <= epoch_ns(e.event_timestamp) {bound}
        QUALIFY row_number() OVER (PARTITION BY e.row ORDER BY {order}) = 1 ORDER BY e.row""").df()
    differences = []
    if list(ours["row"]) != list(range(10_000)):
        differences.append("the entity rows did not come back once each, in order")
    for name, _ in features:
        for row, (a, b) in enumerate(zip(ours[name], theirs[name])):
            if not same(a, b):
                differences.append((row, name, a, b))
    found = int(theirs[features[0][0]].notna().sum())
    print(f"   ({found} of 10000 rows have a value)")
    return report(f"join {Path(path).name}, ttl {ttl}", differences, len(ours))


def check_newest(program, folder, path, key, key_type, time, created, features):
    definitions = folder / "newest.json"
    definitions.write_text(json.dumps(objects(path, key, key_type, time, created, features, "0s")))
    text = subprocess.run([program, "newest", str(definitions), "v", str(folder / f"online_{Path(path).stem}_{key}")],
                          check=True, capture_output=True, text=True).stdout
    source = pd.read_parquet(path).dropna(subset=[key, time])
    newest = source.sort_values([time] + ([created] if created else []), kind="stable", na_position="first")
    newest = newest.groupby(key).tail(1)
    expected = {str(row[key]): row for _, row in newest.iterrows()}
    differences, seen = [], 0
    for line in text.splitlines():
        shown_key, event_time, cells = line.split("\t")
        name = re.fullmatch(r"\[\w+\((.*)\)\]", shown_key).group(1).strip('"')
        row = expected[name]
        seen += 1
        stamp = pd.Timestamp(row[time])
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
        if pd.Timestamp(event_time) != stamp:
            differences.append((name, "event time", event_time, stamp))
        values = re.findall(r"(?:Value\(\w+\((\".*?\"|[^)]*)\)\)|(Null))", cells)
        for (feature, kind), (value, null) in zip(features, values, strict=True):
            theirs = row[feature]
            if null:
                good = pd.isna(theirs)
            elif kind == "string":
                good = value.strip('"') == str(theirs)
            elif kind == "float32":
                good = np.float32(value) == np.float32(theirs)
            else:
                good = float(value) == float(theirs)
            if not good:
                differences.append((name, feature, value or null, theirs))
    if seen != len(expected):
        differences.append(f"{seen} keys stored, {len(expected)} expected")
    return report(f"newest {Path(path).name} by {key}", differences, seen)


def main():
    program, drivers, *rest = sys.argv[1:]
    driver = [("conv_rate", "float32"), ("acc_rate", "float32"), ("daily_miles_driven", "float64")]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for ttl, hours in (("7d", 168), ("0s", None), ("2h", 2)):
            failed |= check_join(program, folder, drivers, "driver_id", "int64", "event_timestamp", "created", driver, ttl, hours)
        failed |= check_newest(program, folder, drivers, "driver_id", "int64", "event_timestamp", "created", driver)
        for taxi in rest:
            trip = [("passenger_count", "int64"), ("trip_duration", "int64"), ("pickup_longitude", "float64"), ("store_and_fwd_flag", "string")]
            for key, kind in (("vendor_id", "int32"), ("id", "string")):
                failed |= check_newest(program, folder, taxi, key, kind, "pickup_datetime", None, trip)
                failed |= check_join(program, folder, taxi, key, kind, "pickup_datetime", None, trip, "30d", 720)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
