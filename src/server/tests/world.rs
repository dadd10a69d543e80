//! A project in HCL, a running server over memory, and a client that writes its requests byte by byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use provender_core::config::environment::Environment;
use provender_core::config::{LoadInput, load};
use provender_core::encoding::{Cell, EntityKey};
use provender_core::model::{Objects, Value};
use provender_core::registry::{Author, Column, ColumnId, OnlineTable, Registry, TableId};
use provender_core::source::SourceFile;
use provender_core::time::{NANOS_PER_SECOND, Timestamp};
use provender_runtime::clock::Clock;
use provender_runtime::feature_store::Applied;
use provender_runtime::metrics::Recorder;
use provender_runtime::registry::{RegistryLog, open_location};
use provender_runtime::testing::{Bench, MemoryProvider, online_row, online_table, times};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Credentials, Parts, Server, Settings};

pub(super) const NOW: i64 = 1_795_000_000 * NANOS_PER_SECOND;
pub(super) const HOUR: i64 = 3_600 * NANOS_PER_SECOND;

pub(super) const DEFINITIONS: &str = r#"
entity "driver" {
  join_key   = "driver_id"
  value_type = int64
}
entity "city" {
  join_key   = "city"
  value_type = string
}
entity "day" {
  join_key   = "day"
  value_type = timestamp
}
data_source "file" "history" {
  path            = "history.parquet"
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
  source   = data_source.history
  ttl      = "1h"
  feature "rate" { type = float32 }
  feature "trips" { type = int64 }
}
feature_view "fares" {
  entities = [entity.city, entity.driver]
  source   = data_source.events
  feature "fare" { type = float64 }
}
feature_view "weather" {
  entities   = []
  source     = data_source.history
  ttl        = "1s"
  online_ttl = "0s"
  feature "sky" { type = string }
}
feature_view "calendar" {
  entities = [entity.day]
  source   = data_source.history
  feature "holiday" { type = bool }
}
feature_view "every_type" {
  entities = [entity.driver]
  source   = data_source.history
  feature "a_bool" { type = bool }
  feature "an_int32" { type = int32 }
  feature "an_int64" { type = int64 }
  feature "a_float32" { type = float32 }
  feature "a_float64" { type = float64 }
  feature "a_string" { type = string }
  feature "bytes_" { type = bytes }
  feature "a_time" { type = timestamp }
  feature "int_list" { type = list(int64) }
  feature "float_list" { type = list(float32) }
  feature "text_list" { type = list(string) }
}
feature_view "offline_only" {
  entities = [entity.driver]
  source   = data_source.history
  online   = false
  feature "old" { type = int64 }
}
on_demand_feature_view "price" {
  sources = [feature_view.fares, data_source.ride]
  feature "offer" {
    type       = float64
    expression = fares.fare * ride.distance
  }
}
feature_service "model" {
  features = [feature_view.stats.rate, feature_view.fares]
}
feature_service "routes" {
  features = [feature_view.weather]
  use "origin" {
    view      = feature_view.stats
    join_keys = { driver_id = "origin_id" }
  }
}
"#;

#[derive(Debug)]
struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(NOW)
    }
}

fn objects() -> Objects {
    let files = [SourceFile::new("features.hcl", DEFINITIONS)];
    let none = |_: &str| Err("there is none".to_owned());
    let loaded = load(&LoadInput {
        files: &files,
        environment: &Environment::stand_in(),
        variables: &BTreeMap::new(),
        read_file: &none,
        module_files: &|_| Err("there is none".to_owned()),
    });
    loaded.project.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).objects
}

/// One online table for each view that is served.
fn tables(objects: &Objects) -> BTreeMap<TableId, OnlineTable> {
    let served = objects.feature_views().filter(|(_, view)| view.online);
    let table = |(name, view): (&str, &provender_core::model::FeatureView)| {
        let columns = (1..).zip(&view.features).map(|(id, feature)| Column {
            id: ColumnId(id),
            name: feature.name.clone(),
            value_type: feature.value_type.clone(),
        });
        let columns: Vec<Column> = columns.collect();
        let next_column_id = ColumnId(columns.len() as u32 + 1);
        let join_keys = objects.join_keys(name).unwrap();
        let table = OnlineTable { columns, next_column_id, join_keys, ..online_table(name, 1, &[]) };
        (table.id.clone(), table)
    };
    served.map(table).collect()
}

pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) memory: MemoryProvider,
    pub(super) settings: Settings,
    pub(super) event_loops: Vec<Handle>,
    folder: tempfile::TempDir,
}

/// A running server.
pub(super) struct Running {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<provender_runtime::Result<()>>,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) text: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let objects = objects();
        let registry = Registry { tables: tables(&objects), objects, revision: 1, ..Registry::default() };
        let memory = MemoryProvider::new("shop");
        for table in registry.tables.values() {
            Bench::new(&memory, "shop").create(table).await;
        }
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings { http: any, grpc: any, ..Settings::new("test") };
        let folder = tempfile::tempdir().unwrap();
        Self { registry, memory, settings, event_loops: Vec::new(), folder }
    }

    pub(super) fn table(&self, view: &str) -> OnlineTable {
        self.registry.tables.values().find(|table| table.view.name == view).unwrap().clone()
    }

    pub(super) async fn store(&self, view: &str, key: &[Value], event: i64, cells: &[Cell]) {
        let (table, key) = (self.table(view), EntityKey::encode(key).unwrap());
        Bench::new(&self.memory, "shop")
            .write(&table, &[online_row(&table, &key, times(event, None), cells)])
            .await;
    }

    /// Has the server ask for keys.
    pub(super) fn keys(&mut self, keys: &str) {
        let credentials = Credentials { keys: Some(keys.parse().unwrap()), tls: None };
        self.settings.credentials = Arc::new(credentials);
    }

    pub(super) fn log(&self) -> RegistryLog {
        let (store, prefix) = open_location("registry", self.folder.path()).unwrap();
        RegistryLog::new(store, prefix, "shop".to_owned())
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) async fn start(&mut self) -> Running {
        let applied = Applied { registry: self.registry.clone(), complete: Default::default() };
        let provider = Arc::new(self.memory.clone());
        let parts = Parts {
            log: self.log(),
            applied,
            provider,
            clock: Arc::new(StandingClock),
            author: Author::default(),
            metrics: Recorder::new(Arc::new(StandingClock)),
            event_loops: self.event_loops.clone(),
        };
        let settings = std::mem::replace(&mut self.settings, Settings::new("test"));
        let server = Server::bind(parts, settings).await.unwrap();
        let (http, grpc) = (server.http_address(), server.grpc_address());
        let (stop, stopped) = watch::channel(false);
        Running { http, grpc, stop, task: tokio::spawn(server.run(stopped)) }
    }
}

impl Running {
    /// Sends a request and reads the answer.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
        if !body.is_empty() || method == "POST" {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        request.push_str("\r\n");
        self.exchange(&[request.as_bytes(), body].concat()).await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &["Content-Type: application/json"], body.as_bytes()).await
    }

    pub(super) async fn read(&self, body: Json) -> Json {
        let answer = self.post("/get-online-features", &body.to_string()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        answer.json()
    }

    /// Sends bytes and reads until the server closes.
    pub(super) async fn exchange(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        // A server that refuses early may close before everything is sent.
        let _ = stream.write_all(bytes).await;
        Answer::read(&mut stream).await
    }

    pub(super) fn stop(&self) {
        self.stop.send(true).unwrap();
    }

    /// Waits until the server has ended.
    pub(super) async fn ended(self) {
        tokio::time::timeout(Duration::from_secs(20), self.task).await.unwrap().unwrap().unwrap();
    }
}

impl Answer {
    pub(super) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, text) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), text: text.to_owned() }
    }

    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error, whose body must have its whole shape.
    pub(super) fn code(&self) -> String {
        let json = self.json();
        let error = &json["error"];
        assert!(error["message"].is_string() && error.as_object().unwrap().contains_key("help"), "{json}");
        error["code"].as_str().unwrap().to_owned()
    }
}
