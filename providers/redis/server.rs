//! Connections to one server or to a cluster, each made when it is first needed and made again when it is lost. Sends commands,
//! many of them in one pipeline, and gives their answers in order.
//!
//! Each async runtime has a connection of its own, which is served on its threads: an answer wakes up nobody on another
//! thread. A command has one; a server that answers requests has one for each of its event loops.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use provender_runtime::{Error, Result};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::io::tcp::TcpSettings;
use redis::{
    Arg, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo as _,
    Pipeline, RedisConnectionInfo, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::runtime::{self, Handle};

use crate::cluster::Cluster;
use crate::failure;
use crate::layout;
use crate::settings::Settings;

/// How long a connection may take.
const CONNECTING: Duration = Duration::from_secs(3);
/// The same for a node of a cluster: while the library connects to one, the others wait.
const CONNECTING_TO_NODE: Duration = Duration::from_secs(1);
/// How long an answer may take. In a cluster everything that the library tries when a node is gone counts too.
const ANSWERING: Duration = Duration::from_secs(5);
/// After this long without an answer a cluster is asked again over a new connection: where a node is gone, the library may
/// wait on the old one for nothing. No failure follows from slowness alone, since the second try has all the time there is.
const PATIENCE: Duration = Duration::from_secs(1);
/// Who gives up on an answer after this long has reason to take the connection for dead.
const SUSPICIOUS: Duration = Duration::from_millis(500);
/// How long a lost connection waits before it is made again, the first time.
const WAITING: Duration = Duration::from_millis(50);
/// Keys that a server looks at for one answer to `SCAN`.
const SCANNED_AT_ONCE: usize = 1_000;

/// A Lua script, and what it is called by where a server has seen it.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: Script = Script {
            text: include_str!($file),
            hash: LazyLock::new(|| redis::Script::new(include_str!($file)).get_hash().to_owned()),
        };
    };
}

script!(WRITE_NEWEST, "scripts/write_newest.lua");
script!(REPLACE_UNCHANGED, "scripts/replace_unchanged.lua");
script!(DESCRIBE_SCHEMA, "scripts/describe_schema.lua");
script!(PUT_TABLE, "scripts/put_table.lua");
script!(RETIRE_TABLE, "scripts/retire_table.lua");

/// A command whose keys lie in one slot.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) slot: u16,
    pub(crate) cmd: Cmd,
    script: Option<&'static Script>,
}

impl Command {
    /// A command with one key, and what stands behind it.
    pub(crate) fn new(name: &str, key: &[u8], arguments: &[&[u8]]) -> Self {
        Self::with_keys(name, &[key], arguments)
    }

    /// A command with keys of one slot.
    pub(crate) fn with_keys<K: AsRef<[u8]>>(name: &str, keys: &[K], arguments: &[&[u8]]) -> Self {
        let mut cmd = redis::cmd(name);
        keys.iter().map(AsRef::as_ref).chain(arguments.iter().copied()).for_each(|argument| {
            cmd.arg(argument);
        });
        Self { slot: slot_of(keys), cmd, script: None }
    }

    /// A script over keys of one slot.
    pub(crate) fn of_script<K: AsRef<[u8]>>(
        script: &'static Script,
        keys: &[K],
        arguments: &[&[u8]],
    ) -> Self {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(script.hash.as_str()).arg(keys.len());
        keys.iter().map(AsRef::as_ref).chain(arguments.iter().copied()).for_each(|argument| {
            cmd.arg(argument);
        });
        Self { slot: slot_of(keys), cmd, script: Some(script) }
    }

    /// The same with the text of its script, for a server that has not seen it.
    fn with_text(&self, script: &Script) -> Self {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(script.text);
        for argument in self.cmd.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                cmd.arg(bytes);
            }
        }
        Self { slot: self.slot, cmd, script: None }
    }
}

fn slot_of<K: AsRef<[u8]>>(keys: &[K]) -> u16 {
    keys.first().map_or(0, |key| layout::slot(key.as_ref()))
}

#[derive(Clone)]
enum Connection {
    One(ConnectionManager),
    Cluster(Cluster),
}

/// A connection that is being made; everybody who needs it waits for the same one, and fails with it.
type Connecting = Shared<BoxFuture<'static, RedisResult<Connection>>>;

/// Somebody waits for an answer, and may be given less time than it takes to be told that there will be none. A connection
/// that is dead would then be waited for again and again, as nobody would learn that it is dead.
struct Waiting<'a> {
    server: &'a Server,
    connecting: &'a Connecting,
    began: Instant,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // One that is still being made has a limit of its own.
        let is_made = self.connecting.peek().is_some();
        if !self.is_over && is_made && self.began.elapsed() >= SUSPICIOUS {
            self.server.forget(self.connecting);
        }
    }
}

/// A server or a cluster.
pub(crate) struct Server {
    settings: Settings,
    /// By runtime.
    connecting: Mutex<HashMap<runtime::Id, Connecting>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Server {
    /// Connects to nothing yet.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, connecting: Mutex::default() }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.settings.is_cluster
    }

    /// Hosts, ports and database, for messages.
    pub(crate) fn place(&self) -> String {
        self.settings.place()
    }

    /// Sends commands in one pipeline (in a cluster: one to each node, at the same time) and gives the answers in order.
    pub(crate) async fn run(&self, commands: &[Command]) -> Result<Vec<Value>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut answers = self.send(commands).await?;
        let is_unknown = |answer: &Value| matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript));
        let unknown: Vec<usize> =
            answers.iter().enumerate().filter(|(_, answer)| is_unknown(answer)).map(|(at, _)| at).collect();
        if !unknown.is_empty() {
            let again: Vec<Command> = unknown
                .iter()
                .filter_map(|at| commands.get(*at))
                .map(|command| {
                    command.script.map_or_else(|| command.clone(), |script| command.with_text(script))
                })
                .collect();
            for (at, answer) in unknown.into_iter().zip(self.send(&again).await?) {
                answers[at] = answer;
            }
        }
        let answers: RedisResult<Vec<Value>> = answers.into_iter().map(Value::extract_error).collect();
        answers.map_err(|error| self.failed(&error))
    }

    /// Sends one command.
    pub(crate) async fn run_one<T: FromRedisValue>(&self, command: Command) -> Result<T> {
        let answer = self.run(&[command]).await?.pop().unwrap_or(Value::Nil);
        self.value(answer)
    }

    /// An answer as what it should be.
    pub(crate) fn value<T: FromRedisValue>(&self, answer: Value) -> Result<T> {
        redis::from_redis_value(answer).map_err(|error| self.failed(&error.into()))
    }

    /// Once more where the connection had been lost before: every command here may run twice.
    async fn send(&self, commands: &[Command]) -> Result<Vec<Value>> {
        let answer = match self.try_first(commands).await {
            Some(Err(error)) if was_lost(&error) => self.try_send(commands).await,
            Some(answer) => answer,
            None => self.try_send(commands).await,
        };
        answer.map_err(|error| self.failed(&error))
    }

    /// None: a cluster that gave no answer for a while, whose connection is given up.
    async fn try_first(&self, commands: &[Command]) -> Option<RedisResult<Vec<Value>>> {
        let answer = self.try_send(commands);
        if self.is_cluster() { tokio::time::timeout(PATIENCE, answer).await.ok() } else { Some(answer.await) }
    }

    async fn try_send(&self, commands: &[Command]) -> RedisResult<Vec<Value>> {
        let connecting = self.connecting();
        let mut waiting =
            Waiting { server: self, connecting: &connecting, began: Instant::now(), is_over: false };
        let answer = self.answer(&connecting, commands).await;
        waiting.is_over = true;
        if answer.as_ref().is_err_and(|error| self.is_of_no_use_after(error)) {
            self.forget(&connecting);
        }
        answer
    }

    async fn answer(&self, connecting: &Connecting, commands: &[Command]) -> RedisResult<Vec<Value>> {
        match self.connected(connecting).await? {
            Connection::Cluster(cluster) => cluster.run(commands).await,
            Connection::One(mut connection) => {
                if let [command] = commands {
                    return Ok(vec![connection.send_packed_command(&command.cmd).await?]);
                }
                let mut pipeline = Pipeline::with_capacity(commands.len());
                for command in commands {
                    pipeline.add_command(command.cmd.clone());
                }
                connection.send_packed_commands(&pipeline, 0, commands.len()).await
            }
        }
    }

    /// One that gives no answer may be dead without either end knowing. Where making it again failed with anything but an
    /// error of the network (a login that was refused for a moment, a stranger at the port), the library keeps that error
    /// for ever. What else the network does to one connection the library mends.
    fn is_of_no_use_after(&self, error: &RedisError) -> bool {
        let is_lasting =
            if self.is_cluster() { error.is_io_error() || is_broken(error) } else { !error.is_io_error() };
        error.is_timeout() || is_lasting
    }

    /// The connection of this runtime, or what is being made.
    fn connecting(&self) -> Connecting {
        let mut known = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        // One that failed when nobody waited for it any more says nothing about now.
        let here = Handle::current().id();
        let usable = known.get(&here).filter(|known| known.peek().is_none_or(RedisResult::is_ok));
        if let Some(usable) = usable {
            return usable.clone();
        }
        let connecting = connect(self.settings.clone()).boxed().shared();
        // It is made to its end, also when all who wait for it give up.
        tokio::spawn(connecting.clone());
        known.insert(here, connecting.clone());
        connecting
    }

    async fn connected(&self, connecting: &Connecting) -> RedisResult<Connection> {
        let connection = connecting.clone().await;
        if connection.is_err() {
            self.forget(connecting);
        }
        connection
    }

    /// The next command gets another connection, unless it has one already.
    fn forget(&self, failed: &Connecting) {
        let mut known = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| !known.ptr_eq(failed));
    }

    fn failed(&self, error: &RedisError) -> Error {
        failure::of_redis(error, &self.settings)
    }

    /// Deletes all keys that match a pattern, some at a time, on every node that has keys.
    pub(crate) async fn unlink_matching(&self, pattern: &str) -> Result<()> {
        loop {
            let owners = self.owners().await?;
            for slot in owners.as_ref().map_or_else(|| vec![0], |owners| owners.one_slot_each()) {
                self.unlink_on_node(slot, pattern).await?;
            }
            // Keys may have moved past the scan together with their slots.
            if self.owners().await? == owners {
                return Ok(());
            }
        }
    }

    async fn unlink_on_node(&self, slot: u16, pattern: &str) -> Result<()> {
        let mut cursor = "0".to_owned();
        loop {
            let (next, keys) = self.scan_some(slot, &cursor, pattern).await?;
            self.unlink(&keys).await?;
            if next == "0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Deletes keys, whose memory the server gives back when it has time.
    pub(crate) async fn unlink(&self, keys: &[Vec<u8>]) -> Result<()> {
        let commands: Vec<Command> = if self.is_cluster() {
            keys.iter().map(|key| Command::new("UNLINK", key, &[])).collect()
        } else {
            keys.chunks(SCANNED_AT_ONCE).map(|keys| Command::with_keys("UNLINK", keys, &[])).collect()
        };
        self.run(&commands).await.map(drop)
    }

    async fn scan_some(&self, slot: u16, cursor: &str, pattern: &str) -> Result<(String, Vec<Vec<u8>>)> {
        let mut cmd = redis::cmd("SCAN");
        cmd.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED_AT_ONCE);
        self.run_one(Command { slot, cmd, script: None }).await
    }

    /// Who owns which slots of a cluster now.
    async fn owners(&self) -> Result<Option<Arc<crate::cluster::Owners>>> {
        let connecting = self.connecting();
        match self.connected(&connecting).await.map_err(|error| self.failed(&error))? {
            Connection::One(_) => Ok(None),
            Connection::Cluster(cluster) => {
                cluster.look_for_owners().await.map(Some).map_err(|error| self.failed(&error))
            }
        }
    }
}

async fn connect(settings: Settings) -> RedisResult<Connection> {
    if settings.is_cluster {
        let connection = cluster_client(&settings)?.get_async_connection().await?;
        return Ok(Connection::Cluster(Cluster::new(connection)));
    }
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECTING))
        .set_response_timeout(Some(ANSWERING))
        .set_number_of_retries(1)
        .set_min_delay(WAITING);
    let client = Client::open(connection_info(&settings)?)?;
    Ok(Connection::One(ConnectionManager::new_with_config(client, config).await?))
}

/// Whether an error is about a connection as a whole, and not about a command.
fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::Parse | ErrorKind::RESP3NotSupported)
}

/// Whether an established connection turned out to be gone: worth another try at once.
fn was_lost(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_connection_refusal()
}

fn connection_info(settings: &Settings) -> RedisResult<ConnectionInfo> {
    let (host, port) = settings.hosts.first().cloned().unwrap_or_default();
    let address = if settings.is_encrypted {
        // The library takes the cryptography that the process has; another one there is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = RedisConnectionInfo::default().set_db(settings.database);
    if let Some(username) = &settings.username {
        login = login.set_username(username);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password);
    }
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(address.into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp))
}

fn cluster_client(settings: &Settings) -> RedisResult<ClusterClient> {
    let nodes = settings
        .hosts
        .iter()
        .map(|host| connection_info(&Settings { hosts: vec![host.clone()], ..settings.clone() }));
    ClusterClientBuilder::new(nodes.collect::<RedisResult<Vec<_>>>()?)
        .tcp_settings(TcpSettings::default().set_nodelay(true))
        .connection_timeout(CONNECTING_TO_NODE)
        .response_timeout(ANSWERING)
        .overall_response_timeout(Some(ANSWERING))
        .retries(3)
        .max_connection_attempts(std::num::NonZeroUsize::MIN.saturating_add(1))
        .min_retry_wait(u64::try_from(WAITING.as_millis()).unwrap_or(u64::MAX))
        .max_retry_wait(1_000)
        .build()
}
