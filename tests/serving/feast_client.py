"""Feast's unmodified SDK as a client of `provender serve`.

    python3 tests/serving/feast_client.py PROVENDER

Makes a project, applies and materializes it, serves it with `--allow-write`, and reads and writes through
`feast.FeatureStore` with `online_store: {type: remote}`: values, nulls, missing keys, a feature service, several views,
fields of requests, push, write_to_online_store. Where grpcio is installed, Feast's own generated stubs ask the same over
gRPC, with health check and reflection where their packages are. Needs feast 0.67, pandas, pyarrow. Exit code 1 when
anything differs.

What that store of Feast 0.67 calls: `POST /get-online-features` with `features` or `feature_service`, `entities` column
by column, `full_feature_names` and `include_feature_view_version_metadata`; it reads `metadata.feature_names` and of each
result `values` and `statuses`. `POST /write-to-online-store` with `feature_view_name`, `df` column by column (times in ISO
format without zone as `event_timestamp` and `created`), `allow_registry_cache`; any answer but 200 is an error. `push` of
the SDK becomes one such write for each view. Nothing else is called, so `/push` is asked here by hand. It guesses types
from values, so an empty list is an error of the SDK whoever serves it; there is none here.
"""

import datetime
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

import pandas as pd

os.environ["FEAST_USAGE"] = "False"
import feast
from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, RequestSource
from feast.data_source import PushMode
from feast.types import Array, Float32, Float64, Int64, String

DEFINITIONS = """
entity "driver" {
  join_key   = "driver_id"
  value_type = int64
}
entity "city" {
  join_key   = "city"
  value_type = string
}
data_source "file" "stats" {
  path                     = "data/stats.parquet"
  timestamp_field          = "event_timestamp"
  created_timestamp_column = "created"
}
data_source "file" "trips" {
  path            = "data/trips.parquet"
  timestamp_field = "event_timestamp"
}
data_source "push" "live_trips" {
  batch_source = data_source.trips
}
data_source "request" "ride" {
  field "distance" { type = float64 }
}
feature_view "stats" {
  entities = [entity.driver]
  source   = data_source.stats
  ttl      = "7d"
  feature "rate" { type = float32 }
  feature "total" { type = int64 }
  feature "name" { type = string }
  feature "recent" { type = list(float64) }
}
feature_view "trips" {
  entities = [entity.driver, entity.city]
  source   = data_source.live_trips
  feature "count" { type = int64 }
  feature "fare" { type = float64 }
}
on_demand_feature_view "price" {
  sources = [feature_view.trips, data_source.ride]
  feature "offer" {
    type       = float64
    expression = trips.fare * ride.distance
  }
}
feature_service "model" {
  features = [feature_view.stats, feature_view.trips.fare]
}
"""

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
HOUR = datetime.timedelta(hours=1)
PROBLEMS = []


def check(what, found, expected):
    """Compares, and goes on."""
    print("ok  " if found == expected else "FAIL", what)
    if found != expected:
        PROBLEMS.append(what)
        print(f"     found    {found!r}\n     expected {expected!r}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_history(folder):
    (folder / "data").mkdir()
    times = pd.to_datetime([NOW - HOUR] * 3 + [NOW - 24 * 10 * HOUR], utc=True)
    pd.DataFrame(
        {
            "driver_id": [1, 2, 3, 4],
            "rate": pd.Series([0.1, None, float("inf"), 0.4], dtype="float32"),
            "total": pd.array([2**53 + 1, None, -(2**63), 4], dtype="Int64"),
            "name": ["Ålice", None, "", "old"],
            "recent": [[1.5, 2.5], None, [3.0], [4.0]],
            "event_timestamp": times,
            "created": times,
        }
    ).to_parquet(folder / "data/stats.parquet")
    pd.DataFrame(
        {
            "driver_id": [1, 1],
            "city": ["Oslo", "Rome"],
            "count": [10, 20],
            "fare": [1.25, 2.5],
            "event_timestamp": times[:2],
        }
    ).to_parquet(folder / "data/trips.parquet")


def feast_store(folder, port):
    """Feast's side: the same definitions in its registry, and our server as its online store."""
    folder.mkdir()
    config = {
        "project": "shop",
        "provider": "local",
        "registry": str(folder / "registry.db"),
        "online_store": {"type": "remote", "path": f"http://127.0.0.1:{port}"},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    (folder / "feature_store.yaml").write_text(json.dumps(config))
    data = folder.parent / "project" / "data"
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=feast.ValueType.INT64)
    city = Entity(name="city", join_keys=["city"], value_type=feast.ValueType.STRING)
    stats = FeatureView(
        name="stats",
        entities=[driver],
        ttl=7 * 24 * HOUR,
        schema=[
            Field(name="rate", dtype=Float32),
            Field(name="total", dtype=Int64),
            Field(name="name", dtype=String),
            Field(name="recent", dtype=Array(Float64)),
        ],
        source=FileSource(
            name="stats",
            path=str(data / "stats.parquet"),
            timestamp_field="event_timestamp",
            created_timestamp_column="created",
        ),
    )
    history = FileSource(name="trips", path=str(data / "trips.parquet"), timestamp_field="event_timestamp")
    trips = FeatureView(
        name="trips",
        entities=[driver, city],
        schema=[Field(name="count", dtype=Int64), Field(name="fare", dtype=Float64)],
        source=PushSource(name="live_trips", batch_source=history),
    )
    model = FeatureService(name="model", features=[stats, trips[["fare"]]])
    store = feast.FeatureStore(repo_path=str(folder))
    store.apply([driver, city, stats, trips, model])
    return store, model


def post(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def reads(store, model):
    stats = ["stats:rate", "stats:total", "stats:name", "stats:recent"]
    found = store.get_online_features(features=stats, entity_rows=[{"driver_id": id} for id in (1, 2, 3, 99, 4)])
    answer = found.to_dict()
    check("keys", answer["driver_id"], [1, 2, 3, 99, 4])
    # Infinity has no JSON; row 4 is older than the ttl.
    check("float32", [None if value is None else round(value, 6) for value in answer["rate"]], [0.1, None, None, None, None])
    check("int64 beyond 2^53", answer["total"], [2**53 + 1, None, -(2**63), None, None])
    check("text", answer["name"], ["Ålice", None, "", None, None])
    check("lists", answer["recent"], [[1.5, 2.5], None, [3.0], None, None])
    statuses = {
        name: [int(status) for status in found.proto.results[at].statuses]
        for at, name in enumerate(found.proto.metadata.feature_names.val)
    }
    check("statuses", statuses["total"], [1, 2, 1, 3, 4])
    rows = [{"driver_id": 1, "city": "Oslo"}, {"driver_id": 1, "city": "Rome"}, {"driver_id": 2, "city": "Oslo"}]
    answer = store.get_online_features(features=["stats:name", "trips:fare", "trips:count"], entity_rows=rows).to_dict()
    check("several views", answer["fare"], [1.25, 2.5, None])
    check("several views, the other", answer["name"], ["Ålice", "Ålice", None])
    answer = store.get_online_features(features=model, entity_rows=rows[:1]).to_dict()
    check("feature service", sorted(answer), ["city", "driver_id", "fare", "name", "rate", "recent", "total"])
    check("feature service, a value", answer["fare"], [1.25])
    answer = store.get_online_features(
        features=["stats:name", "trips:fare"], entity_rows=rows[:1], full_feature_names=True
    ).to_dict()
    check("full names", sorted(answer), ["city", "driver_id", "stats__name", "trips__fare"])
    try:
        store.get_online_features(features=["stats:nme"], entity_rows=[{"driver_id": 1}])
        check("unknown feature", "no error", "an error")
    except Exception as error:
        check("unknown feature", type(error).__name__ != "", True)


def writes(store, http):
    ids = ["trips:count", "trips:fare"]
    read = lambda city: store.get_online_features(features=ids, entity_rows=[{"driver_id": 1, "city": city}]).to_dict()
    frame = pd.DataFrame(
        {"driver_id": [1], "city": ["Oslo"], "count": [11], "fare": [9.75], "event_timestamp": [NOW]}
    )
    store.push("live_trips", frame, to=PushMode.ONLINE)
    answer = read("Oslo")
    check("push", (answer["count"], answer["fare"]), ([11], [9.75]))
    older = frame.assign(count=[1], event_timestamp=[NOW - 2 * HOUR])
    store.write_to_online_store("trips", older)
    check("an older row stays out", read("Oslo")["count"], [11])
    newer = frame.assign(city=["Bern"], count=[12], fare=[3.5])
    store.write_to_online_store("trips", newer)
    check("write_to_online_store", read("Bern")["fare"], [3.5])
    columns = {"driver_id": [1], "city": ["Nice"], "count": [7], "fare": [None], "event_timestamp": [NOW.isoformat()]}
    status, report = post(http, "/push", {"push_source_name": "live_trips", "df": columns, "to": "online"})
    check("/push by hand", (status, report["tables"][0]["written"]), (200, 1))
    check("/push by hand is read", (read("Nice")["count"], read("Nice")["fare"]), ([7], [None]))
    body = {"features": ["price:offer"], "entities": {"driver_id": [1], "city": ["Oslo"], "distance": [2]}}
    status, answer = post(http, "/get-online-features", body)
    check("fields of requests", (status, answer["results"][-1]["values"]), (200, [19.5]))
    times = {"start_ts": (NOW - 30 * 24 * HOUR).isoformat(), "end_ts": NOW.isoformat(), "feature_views": ["stats"]}
    status, answer = post(http, "/materialize", times)
    check("/materialize", (status, answer["feature_views"][0]["rows_read"]), (200, 4))
    status, _ = post(http, "/materialize-incremental", {"end_ts": NOW.isoformat()})
    check("/materialize-incremental", status, 200)


def over_grpc(port):
    try:
        import grpc
    except ImportError:
        print("SKIP gRPC: grpcio is not installed")
        return
    from feast.protos.feast.serving import ServingService_pb2 as messages
    from feast.protos.feast.serving import ServingService_pb2_grpc as stubs
    from feast.protos.feast.types.Value_pb2 import RepeatedValue, Value

    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    client = stubs.ServingServiceStub(channel)
    info = client.GetFeastServingInfo(messages.GetFeastServingInfoRequest(), timeout=10)
    check("gRPC info", info.version != "", True)
    request = messages.GetOnlineFeaturesRequest(features=messages.FeatureList(val=["stats:rate", "stats:total", "stats:recent"]))
    request.entities["driver_id"].CopyFrom(RepeatedValue(val=[Value(int64_val=1), Value(int64_val=99), Value()]))
    answer = client.GetOnlineFeatures(request, timeout=10)
    check("gRPC names", list(answer.metadata.feature_names.val), ["driver_id", "rate", "total", "recent"])
    check("gRPC statuses", list(answer.results[2].statuses), [1, 3, 3])
    check("gRPC int64", answer.results[2].values[0].int64_val, 2**53 + 1)
    check("gRPC null", answer.results[2].values[1].WhichOneof("val"), None)
    check("gRPC list", list(answer.results[3].values[0].double_list_val.val), [1.5, 2.5])
    check("gRPC event time", answer.results[2].event_timestamps[0].seconds, int((NOW - HOUR).timestamp()))
    try:
        client.GetOnlineFeatures(messages.GetOnlineFeaturesRequest(feature_service="none"), timeout=10)
        check("gRPC unknown service", "no error", "NOT_FOUND")
    except grpc.RpcError as error:
        check("gRPC unknown service", error.code(), grpc.StatusCode.NOT_FOUND)
    try:
        from grpc_health.v1 import health_pb2, health_pb2_grpc
    except ImportError:
        print("SKIP gRPC health: grpcio-health-checking is not installed")
        return
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "feast.serving.ServingService"):
        status = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status
        check(f"gRPC health of {service!r}", status, health_pb2.HealthCheckResponse.SERVING)


def main():
    provender = str(Path(sys.argv[1]).resolve())
    top = Path(tempfile.mkdtemp(prefix="provender-feast-"))
    project = top / "project"
    project.mkdir()
    write_history(project)
    (project / "features.hcl").write_text(DEFINITIONS)
    (project / "feature_store.yaml").write_text(
        "project: shop\nprovider: local\nregistry: { path: data/registry, cache_ttl_seconds: 1 }\n"
    )
    run = lambda *words: subprocess.run([provender, "-C", project, *words], check=True, capture_output=True, text=True)
    run("apply", "--auto-approve")
    run("materialize", (NOW - 30 * 24 * HOUR).isoformat(), NOW.isoformat())
    http, grpc_port = free_port(), free_port()
    log = open(top / "server.log", "w")
    words = ["serve", "--allow-write", "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc_port}"]
    server = subprocess.Popen([provender, "-C", project, *words], stderr=log)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{http}/ready", timeout=1)
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        store, model = feast_store(top / "feast", http)
        reads(store, model)
        writes(store, http)
        over_grpc(grpc_port)
    finally:
        server.send_signal(signal.SIGTERM)
        check("the server ends by SIGTERM", server.wait(timeout=30), 0)
        log.close()
        if PROBLEMS:
            print((top / "server.log").read_text())
    shutil.rmtree(top)
    print(f"{len(PROBLEMS)} problems" if PROBLEMS else "all the same")
    sys.exit(1 if PROBLEMS else 0)


if __name__ == "__main__":
    main()
