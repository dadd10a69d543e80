"""Feast's workshop with its on-demand views, translated, against an independent computation for every row.

    python3 tests/values/on_demand.py PROVENDER DRIVER_STATS_LAT_LON.parquet

Hourly and daily views (the daily one over a push source), a request source, `conv_rate_plus_val1/2`,
`avg_hourly_miles_driven`, six geohashes by a loop, and the services `model_v1` to `model_v3`. Every row of the file is an
entity row. pandas computes the same from the newest row of (driver, time); the public library pygeohash the geohashes.
Needs pandas, pyarrow, pygeohash. Exit code 1 when anything differs.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pygeohash

DEFINITIONS = """
entity "driver" {
  join_key   = "driver_id"
  value_type = int64
}
data_source "file" "driver_stats" {
  path                     = "data/driver_stats.parquet"
  timestamp_field          = "event_timestamp"
  created_timestamp_column = "created"
}
data_source "push" "driver_stats_push" {
  batch_source = data_source.driver_stats
}
data_source "request" "vals_to_add" {
  field "val_to_add" { type = int64 }
  field "val_to_add_2" { type = int64 }
}
feature_view "driver_hourly_stats" {
  entities = [entity.driver]
  source   = data_source.driver_stats
  feature "conv_rate" { type = float32 }
  feature "acc_rate" { type = float32 }
}
feature_view "driver_daily_features" {
  entities = [entity.driver]
  source   = data_source.driver_stats_push
  feature "daily_miles_driven" { type = float32 }
  feature "lat" { type = float32 }
  feature "lon" { type = float32 }
}
on_demand_feature_view "transformed_conv_rate" {
  sources = [feature_view.driver_hourly_stats, data_source.vals_to_add]
  feature "conv_rate_plus_val1" {
    type       = float64
    expression = driver_hourly_stats.conv_rate + vals_to_add.val_to_add
  }
  feature "conv_rate_plus_val2" {
    type       = float64
    expression = driver_hourly_stats.conv_rate + vals_to_add.val_to_add_2
  }
}
on_demand_feature_view "avg_hourly_miles_driven" {
  sources = [feature_view.driver_daily_features]
  feature "avg_hourly_miles_driven" {
    type       = float64
    expression = driver_daily_features.daily_miles_driven / 24
  }
}
on_demand_feature_view "location_features_from_push" {
  sources = [feature_view.driver_daily_features]
  feature "geohash" {
    for_each   = range(1, 7)
    name       = "geohash_${each.value}"
    type       = string
    expression = geohash(driver_daily_features.lat, driver_daily_features.lon, each.value)
  }
}
feature_service "model_v1" { features = [feature_view.driver_hourly_stats.conv_rate] }
feature_service "model_v2" {
  features = [feature_view.driver_hourly_stats.conv_rate, on_demand_feature_view.transformed_conv_rate]
}
feature_service "model_v3" {
  features = [
    feature_view.driver_daily_features,
    on_demand_feature_view.avg_hourly_miles_driven,
    on_demand_feature_view.location_features_from_push,
    on_demand_feature_view.transformed_conv_rate,
  ]
}
"""


def main():
    binary, source = (Path(argument).resolve() for argument in sys.argv[1:3])
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "data").mkdir()
        shutil.copy(source, folder / "data/driver_stats.parquet")
        (folder / "feature_store.yaml").write_text("project: workshop\nregistry: data/registry\nprovider: local\n")
        (folder / "features.hcl").write_text(DEFINITIONS)

        def run(*arguments):
            done = subprocess.run([binary, "-C", folder, *arguments], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"provender {arguments[0]} failed:\n{done.stderr}")
            return done.stdout

        run("apply", "--auto-approve")
        rows = pd.read_parquet(source).reset_index(drop=True)
        frame = rows[["driver_id", "event_timestamp"]].copy()
        frame["val_to_add"] = np.arange(len(frame))
        frame["val_to_add_2"] = np.arange(len(frame)) * 1000
        frame.to_parquet(folder / "rows.parquet", index=False)
        newest = rows.sort_values(["event_timestamp", "created"], kind="stable").drop_duplicates(
            ["driver_id", "event_timestamp"], keep="last"
        )
        want = frame.merge(newest, on=["driver_id", "event_timestamp"], how="left", suffixes=("", "_source"))
        single = lambda name: want[name].astype("float32").astype("float64")
        want["conv_rate_plus_val1"] = single("conv_rate") + want.val_to_add
        want["conv_rate_plus_val2"] = single("conv_rate") + want.val_to_add_2
        want["avg_hourly_miles_driven"] = single("daily_miles_driven") / 24
        for length in range(1, 7):
            want[f"geohash_{length}"] = [
                pygeohash.encode(lat, lon, length) for lat, lon in zip(single("lat"), single("lon"))
            ]
        services = {
            "model_v1": ["conv_rate"],
            "model_v2": ["conv_rate", "conv_rate_plus_val1", "conv_rate_plus_val2"],
            "model_v3": ["daily_miles_driven", "lat", "lon", "avg_hourly_miles_driven"]
            + [f"geohash_{length}" for length in range(1, 7)]
            + ["conv_rate_plus_val1", "conv_rate_plus_val2"],
        }
        for service, columns in services.items():
            out = folder / f"{service}.parquet"
            run("get-historical-features", "--entities", folder / "rows.parquet", "--feature-service", service, "--output", out)
            got = pd.read_parquet(out)
            expected_columns = list(frame.columns) + columns
            if list(got.columns) != expected_columns or len(got) != len(frame):
                print(f"FAILED {service}: columns {list(got.columns)}, {len(got)} rows")
                failures += 1
                continue
            for column in columns:
                expected = want[column].astype(got[column].dtype)
                wrong = int((~((got[column] == expected) | (got[column].isna() & expected.isna()))).sum())
                failures += wrong > 0
                print(f"{'ok    ' if wrong == 0 else 'FAILED'} {service} {column}: {len(got)} rows, {wrong} differ")
        # The newest row of each driver, served by the same expressions.
        run("materialize", "2000-01-01", "2100-01-01", "--allow-future")
        last = newest.sort_values(["event_timestamp", "created"], kind="stable").groupby("driver_id").tail(1)
        import json

        entities = [argument for driver in last.driver_id for argument in ("-e", f"driver_id={driver},val_to_add=1,val_to_add_2=2")]
        answer = json.loads(run("get-online-features", *entities, "--feature-service", "model_v3"))
        names = answer["metadata"]["feature_names"]
        values = {name: result["values"] for name, result in zip(names, answer["results"])}
        for position, (_, row) in enumerate(last.iterrows()):
            f32 = lambda name: float(np.float32(row[name]))
            checks = {
                "avg_hourly_miles_driven": f32("daily_miles_driven") / 24,
                "conv_rate_plus_val1": f32("conv_rate") + 1,
                "conv_rate_plus_val2": f32("conv_rate") + 2,
            } | {f"geohash_{length}": pygeohash.encode(f32("lat"), f32("lon"), length) for length in range(1, 7)}
            for name, expected in checks.items():
                if values[name][position] != expected:
                    print(f"FAILED online {row.driver_id} {name}: {values[name][position]} is not {expected}")
                    failures += 1
        print(f"{'ok    ' if failures == 0 else 'FAILED'} online: {len(last)} drivers, 9 computed features each")
    sys.exit(failures > 0)


main()
