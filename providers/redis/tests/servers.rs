//! Servers that tests start on free ports and stop: one, one that wants a password over TLS, and a cluster of three.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use provender_core::model::StoreSettings;
use provender_core::provider::StoreSpec;
use provender_runtime::provider::Provider;
use provender_runtime::testing::Backend;
use tempfile::TempDir;

use crate::{RedisOptions, RedisProvider, RedisSpec};

/// The password of servers that want one.
pub(super) const PASSWORD: &str = "canary-redis";

/// A `redis-server` with a folder of its own.
#[derive(Debug)]
pub(super) struct RedisServer {
    process: Child,
    folder: TempDir,
    arguments: Vec<String>,
    pub(super) port: u16,
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether tests can start servers; says on standard error, where no test runner hides it, when they cannot.
pub(super) fn can_start(what: &str) -> bool {
    match Command::new("redis-server").arg("--version").output() {
        Ok(_) => true,
        Err(error) => {
            let text = format!(
                "SKIPPED: {what} was not tested: `redis-server` cannot be started ({error}); `apt-get install redis-server` installs it\n"
            );
            std::io::stderr().write_all(text.as_bytes()).unwrap();
            false
        }
    }
}

impl RedisServer {
    /// A server that keeps nothing on disk.
    pub(super) fn start(what: &str) -> Option<Self> {
        can_start(what).then(|| Self::with(free_port(), &["--save", "", "--appendonly", "no"]))
    }

    /// A server that has every acknowledged write on disk.
    pub(super) fn durable(what: &str) -> Option<Self> {
        can_start(what).then(|| Self::with(free_port(), &["--appendonly", "yes", "--appendfsync", "always"]))
    }

    pub(super) fn with(port: u16, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all: Vec<String> = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--databases", "4"]
            .iter()
            .chain(arguments)
            .map(|argument| (*argument).to_owned())
            .collect();
        all.extend(["--dir".to_owned(), folder.path().display().to_string()]);
        let process = Self::spawn(&all, folder.path());
        let mut server = Self { process, folder, arguments: all, port };
        server.wait();
        server
    }

    fn spawn(arguments: &[String], folder: &Path) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let output = || Stdio::from(log.try_clone().unwrap());
        let mut command = Command::new("redis-server");
        command.args(arguments).stdin(Stdio::null()).stdout(output()).stderr(output());
        command.spawn().unwrap()
    }

    fn wait(&mut self) {
        let begin = Instant::now();
        while !self.answers() {
            let is_over = self.process.try_wait().unwrap().is_some();
            assert!(
                !is_over && begin.elapsed() < Duration::from_secs(30),
                "it does not come up; its log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let Some(port) = self.arguments.iter().position(|argument| argument == "--tls-port") else {
            return ping(self.port);
        };
        TcpStream::connect(format!("127.0.0.1:{}", self.arguments[port + 1])).is_ok()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// As `kill -9`.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again with the same port and folder.
    pub(super) fn restart(&mut self) {
        self.process = Self::spawn(&self.arguments, self.folder.path());
        self.wait();
    }

    /// Stops it without ending it, or lets it go on.
    pub(super) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// What `redis-cli` answers.
    pub(super) fn cli(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(super) fn place(&self) -> Place {
        Place::new(&format!("127.0.0.1:{}", self.port), &[])
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ping(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && (answer == *b"+PONG" || answer == *b"-NOAU")
}

/// A cluster of three masters, of five thousand slots and some each.
#[derive(Debug)]
pub(super) struct RedisCluster {
    pub(super) nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub(super) fn start(what: &str) -> Option<Self> {
        if !can_start(what) {
            return None;
        }
        let node = || {
            let bus = free_port().to_string();
            RedisServer::with(
                free_port(),
                &[
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    "2000",
                    "--cluster-port",
                    &bus,
                ],
            )
        };
        let nodes = vec![node(), node(), node()];
        let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&addresses)
            .args(["--cluster-replicas", "0", "--cluster-yes"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let begin = Instant::now();
        while nodes.iter().any(|node| !node.cli(&["cluster", "info"]).contains("cluster_state:ok")) {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "the cluster does not come up: {}",
                nodes[0].log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { nodes })
    }

    pub(super) fn place(&self) -> Place {
        let address = format!("127.0.0.1:{}", self.nodes[1].port);
        Place::new(&address, &[("redis_type", "redis_cluster")])
    }

    /// Keys on each node.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.nodes.iter().map(|node| node.cli(&["dbsize"]).parse().unwrap()).collect()
    }
}

/// Where a store is, as a project's settings say it.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) StoreSettings);

impl Place {
    pub(super) fn new(connection: &str, others: &[(&str, &str)]) -> Self {
        let all = others.iter().chain(&[("connection_string", connection)]).copied().collect::<Vec<_>>();
        let settings = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self(StoreSettings { kind: "redis".to_owned(), settings })
    }
}

impl Backend for Place {
    fn spec(&self) -> &dyn StoreSpec {
        &RedisSpec
    }

    fn provider(&self, project: &str) -> Arc<dyn Provider> {
        Arc::new(RedisProvider::open(RedisOptions::new(project, self.0.clone(), Arc::new(|_| None))))
    }
}

/// An authority and a certificate for `localhost`, made by `openssl`.
#[derive(Debug)]
pub(super) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(super) fn make() -> Self {
        let certificates = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(certificates.path("names"), "subjectAltName=DNS:localhost\n").unwrap();
        let new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        certificates.openssl(
            &[
                &["req", "-x509", "-days", "2", "-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.pem"]
                    [..],
                &new,
            ]
            .concat(),
        );
        certificates.openssl(
            &[&["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"][..], &new]
                .concat(),
        );
        certificates.openssl(&[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            "server.pem",
        ]);
        certificates
    }

    fn openssl(&self, arguments: &[&str]) {
        let made = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server that speaks TLS alone and wants a password.
    pub(super) fn server(&self) -> (RedisServer, u16) {
        let port = free_port();
        let text = |name: &str| self.path(name).display().to_string();
        let (authority, certificate, key) = (text("ca.pem"), text("server.pem"), text("server.key"));
        let arguments = [
            "--tls-port",
            &port.to_string(),
            "--tls-ca-cert-file",
            &authority,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            "no",
            "--requirepass",
            PASSWORD,
            "--save",
            "",
        ];
        (RedisServer::with(0, &arguments), port)
    }
}
