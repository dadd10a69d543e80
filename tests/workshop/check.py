"""Feast's workshop through the binary: two environments, one promotion, and values compared with other engines.

    python3 tests/workshop/check.py PROVENDER DRIVER_STATS.parquet [TAXI_TRIPS.parquet]

Two folders, `staging` and `production`, hold the same project but for one feature. The check plans and applies both,
promotes the feature in staging (the plan must hold that and nothing else), loads, and compares every online value with
the newest row that pandas finds, and a training table of 10,000 random rows with DuckDB's, row for row. With a third
file, a view with a string key and times without zone is loaded and compared as well. Exit code 1 when anything differs.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

CASTS = {"float32": "FLOAT", "float64": "DOUBLE", "int64": "BIGINT", "string": "VARCHAR"}

DRIVERS = {"view": "driver_hourly_stats", "key": "driver_id", "key_type": "int64", "time": "event_timestamp",
           "created": "created", "ttl_hours": 168, "tags": 'tags = { team = "driver_performance" }',
           "features": {"conv_rate": "float32", "acc_rate": "float32"}}
PROMOTED = ("daily_miles_driven", "float64")
TRIPS = {"view": "trips", "key": "id", "key_type": "string", "time": "pickup_datetime", "created": None,
         "ttl_hours": 720, "tags": "",
         "features": {"passenger_count": "int64", "trip_duration": "int64", "pickup_longitude": "float64",
                      "store_and_fwd_flag": "string"}}

failures = []


def check(what, good, detail=""):
    print(("ok    " if good else "FAILED"), what, "" if good else detail)
    if not good:
        failures.append(what)


def write_project(folder, name, source, table):
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if not (folder / "data/source.parquet").exists():
        shutil.copyfile(source, folder / "data/source.parquet")
    (folder / "feature_store.yaml").write_text(f"project: {name}\nregistry: data/registry\nprovider: local\n")
    created = f'created_timestamp_column = "{table["created"]}"' if table["created"] else ""
    features = "\n".join(f'  feature "{name}" {{ type = {kind} }}' for name, kind in table["features"].items())
    (folder / "features.hcl").write_text(f'''
entity "key" {{
  join_key   = "{table["key"]}"
  value_type = {table["key_type"]}
}}

data_source "file" "history" {{
  path            = "data/source.parquet"
  timestamp_field = "{table["time"]}"
  {created}
}}

feature_view "{table["view"]}" {{
  entities   = [entity.key]
  source     = data_source.history
  ttl        = "{table["ttl_hours"]}h"
  online_ttl = "0s"

{features}

  {table["tags"]}
}}
''')


def run(program, folder, *arguments, expect=0):
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        check(f"{folder.name}: {' '.join(arguments[:2])} exits with {expect}", False,
              f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def plan_and_apply(program, folder):
    run(program, folder, "plan", "--detailed-exitcode", expect=2)
    run(program, folder, "apply", "--auto-approve")
    run(program, folder, "plan", "--detailed-exitcode", expect=0)


def promote(program, folder, source, table):
    """Adds one feature; the plan must hold exactly that."""
    name, kind = PROMOTED
    table["features"][name] = kind
    write_project(folder, folder.name, source, table)
    plan = json.loads(run(program, folder, "plan", "--format", "json", "--detailed-exitcode", expect=2))
    changes = [change for change in plan["changes"] if change["actions"] != ["no-op"]]
    check("the plan changes exactly the view", [change["address"] for change in changes]
          == [f"feature_view.{table['view']}"] and changes[0]["actions"] == ["update"], changes)
    attributes = [(attribute["path"], attribute.get("before")) for attribute in changes[0]["attributes"]]
    check("the change is exactly the new feature",
          len(attributes) == 1 and attributes[0][0][-1] == name and attributes[0][1] is None, attributes)
    summary = {key: count for key, count in plan["summary"].items() if count}
    check("the summary counts one change and nothing else", summary == {"change": 1}, summary)
    plan_and_apply(program, folder)


def same(ours, theirs, kind="float64"):
    if ours is None or pd.isna(ours) or pd.isna(theirs):
        return (ours is None or pd.isna(ours)) and bool(pd.isna(theirs))
    return bool(np.float32(ours) == np.float32(theirs) if kind == "float32" else ours == theirs)


def check_online(program, folder, source, table):
    run(program, folder, "materialize-incremental")
    rows = pd.read_parquet(source).dropna(subset=[table["key"], table["time"]])
    order = [table["time"]] + ([table["created"]] if table["created"] else [])
    newest = rows.sort_values(order, kind="stable", na_position="first").groupby(table["key"]).tail(1)
    references = ",".join(f"{table['view']}:{name}" for name in table["features"])
    differences = []
    for start in range(0, len(newest), 500):
        part = newest.iloc[start:start + 500]
        entities = [word for key in part[table["key"]] for word in ("-e", f"{table['key']}={key}")]
        answer = json.loads(run(program, folder, "get-online-features", "-f", references, *entities))
        results = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
        for name, kind in table["features"].items():
            for row, (_, theirs) in enumerate(part.iterrows()):
                ours, status = results[name]["values"][row], results[name]["statuses"][row]
                wanted = "NULL_VALUE" if pd.isna(theirs[name]) else "PRESENT"
                time = pd.Timestamp(theirs[table["time"]])
                time = time.tz_localize("UTC") if time.tzinfo is None else time
                good = same(ours, theirs[name], kind) and status == wanted
                if not good or pd.Timestamp(results[name]["event_timestamps"][row]) != time:
                    differences.append((theirs[table["key"]], name, ours, status, theirs[name]))
    check(f"{folder.name}: online values of {len(newest)} keys are those of the newest rows", not differences,
          differences[:5])


def random_entities(source, table):
    rows, random = pd.read_parquet(source), np.random.default_rng(20261125)
    times = pd.to_datetime(rows[table["time"]]).dt.tz_localize(None)
    spread = (times.max() - times.min() + pd.Timedelta(days=20)).total_seconds()
    anywhere = times.min() - pd.Timedelta(days=3) + pd.to_timedelta(random.random(10_000) * spread, unit="s").floor("us")
    # A third lies exactly on the time of a row, or exactly the time to live after one.
    exact = times.sample(10_000, replace=True, random_state=1).reset_index(drop=True)
    exact = exact + pd.to_timedelta(np.where(random.random(10_000) < 0.5, 0, table["ttl_hours"]), unit="h")
    stamps = np.where(random.random(10_000) < 0.33, exact, pd.Series(anywhere))
    keys = random.choice(rows[table["key"]].dropna().unique(), 10_000)
    return pd.DataFrame({table["key"]: keys, "event_timestamp": stamps, "row": np.arange(10_000)})


def check_training(program, folder, source, table):
    entities = random_entities(source, table)
    entities.to_parquet(folder / "entities.parquet")
    references = ",".join(f"{table['view']}:{name}" for name in table["features"])
    run(program, folder, "get-historical-features", "--entities", "entities.parquet", "-f", references,
        "--output", "training.parquet")
    ours = pd.read_parquet(folder / "training.parquet")
    connection = duckdb.connect()
    connection.register("entities", entities)
    order = [f"epoch_ns(s.{table['time']}) DESC"]
    order += [f"epoch_ns(s.{table['created']}) DESC NULLS LAST"] if table["created"] else []
    columns = ", ".join(f"CAST(s.{name} AS {CASTS[kind]}) AS {name}" for name, kind in table["features"].items())
    theirs = connection.execute(f"""
        SELECT e.row, {columns} FROM entities e LEFT JOIN read_parquet('{source}', file_row_number = true) s
          ON s.{table['key']} = e.{table['key']} AND epoch_ns(s.{table['time']}) <= epoch_ns(e.event_timestamp)
         AND epoch_ns(s.{table['time']}) >= epoch_ns(e.event_timestamp) - {table['ttl_hours'] * 3600 * 10**9}
        QUALIFY row_number() OVER (PARTITION BY e.row ORDER BY {", ".join(order)}, s.file_row_number DESC) = 1
        ORDER BY e.row""").df()
    check(f"{folder.name}: entity rows come back once each, in order, with their columns",
          list(ours["row"]) == list(range(10_000)) and list(ours[table["key"]]) == list(entities[table["key"]]))
    differences = [(row, name, a, b) for name, kind in table["features"].items()
                   for row, (a, b) in enumerate(zip(ours[name], theirs[name], strict=True)) if not same(a, b, kind)]
    found = int(theirs[next(iter(table["features"]))].notna().sum())
    check(f"{folder.name}: training table of 10000 rows ({found} with values) equals DuckDB's", not differences,
          differences[:5])


def main():
    program, drivers, *rest = sys.argv[1:]
    program = str(Path(program).resolve())
    with tempfile.TemporaryDirectory() as name:
        staging, production = Path(name) / "staging", Path(name) / "production"
        whole = {**DRIVERS, "features": {**DRIVERS["features"], PROMOTED[0]: PROMOTED[1]}}
        for folder, table in ((staging, DRIVERS), (production, whole)):
            write_project(folder, folder.name, drivers, table)
            plan_and_apply(program, folder)
        promote(program, staging, drivers, DRIVERS)
        for folder in (staging, production):
            check_online(program, folder, drivers, whole)
            check_training(program, folder, drivers, whole)
        for trips in rest:
            folder = Path(name) / "trips"
            write_project(folder, folder.name, trips, TRIPS)
            plan_and_apply(program, folder)
            check_online(program, folder, trips, TRIPS)
            check_training(program, folder, trips, TRIPS)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
