//! Buckets of object stores, each opened once. How they are reached is decided here: endpoint, region, credentials, limits
//! of time. What goes wrong there is told by `failure`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};
use object_store::gcp::{GcpCredential, GcpCredentialProvider, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider,
};
use provender_core::model::{BucketKind, BucketPath, is_endpoint};
use provender_runtime::{Error, Result};
use tokio::sync::OnceCell;

use super::failure;

/// How buckets are reached, beside what the path of a source says.
#[derive(Clone, Default)]
pub struct BucketSettings {
    /// The region of S3 buckets; none: as the variables say, else `us-east-1`.
    pub region: Option<String>,
    /// Another address than Amazon's and Google's; none: as the variables say.
    pub endpoint: Option<String>,
    /// Variables of the environment: credentials and settings by the names that the clouds' own tools read.
    pub variables: BTreeMap<String, String>,
}

/// Variables may hold secrets, so their values are not shown.
impl fmt::Debug for BucketSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BucketSettings")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("variables", &self.variables.keys())
            .finish()
    }
}

impl BucketSettings {
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn is_set(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1"))
    }

    /// Settings among the variables with this prefix, as the library names them.
    fn keys<K: std::str::FromStr>(&self, prefix: &str) -> impl Iterator<Item = (K, &str)> {
        let variables = self.variables.iter().filter(move |(name, _)| name.starts_with(prefix));
        variables
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.as_str())))
    }

    fn endpoint(&self, kind: BucketKind, of_source: Option<&str>) -> Option<String> {
        let given = of_source.or(self.endpoint.as_deref()).map(str::to_owned);
        given.or_else(|| match kind {
            BucketKind::S3 => {
                let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
                names.iter().find_map(|name| self.variable(name)).map(str::to_owned)
            }
            BucketKind::Gcs => match self.variable("STORAGE_EMULATOR_HOST") {
                Some(host) if !host.contains("://") => Some(format!("http://{host}")),
                Some(url) => Some(url.to_owned()),
                None => self.variable("GOOGLE_BASE_URL").map(str::to_owned),
            },
        })
    }
}

/// Who may read a bucket, asked for on the first use.
enum Credentials {
    NotNeeded,
    S3(AwsCredentialProvider),
    Gcs(GcpCredentialProvider),
}

/// A bucket that is open.
pub(super) struct Bucket {
    pub(super) kind: BucketKind,
    /// As messages name it: `s3://bucket`.
    pub(super) name: String,
    /// For the first look: gives up soon.
    pub(super) look: Arc<dyn ObjectStore>,
    /// For reading: has patience.
    pub(super) read: Arc<dyn ObjectStore>,
    /// Where it is looked for; none: at Amazon's or Google's own address.
    pub(super) endpoint: Option<String>,
    credentials: Credentials,
    /// What the first look for credentials found; looking where there are none takes seconds, so it is done once.
    refused: OnceCell<Option<String>>,
}

/// Credentials are not shown.
impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bucket").field("name", &self.name).field("endpoint", &self.endpoint).finish()
    }
}

impl Bucket {
    /// Fails where there are no credentials for the bucket. Whether they are good, the first request tells.
    pub(super) async fn check_credentials(&self) -> Result<()> {
        let look = async || {
            let found = match &self.credentials {
                Credentials::NotNeeded => Ok(()),
                Credentials::S3(provider) => provider.get_credential().await.map(drop),
                Credentials::Gcs(provider) => provider.get_credential().await.map(drop),
            };
            found.err().map(|error| failure::cause(&error))
        };
        match self.refused.get_or_init(look).await {
            None => Ok(()),
            Some(cause) => Err(failure::no_credentials(self, cause)),
        }
    }
}

/// Two ways to one bucket, and who may go them.
struct Opened {
    look: Arc<dyn ObjectStore>,
    read: Arc<dyn ObjectStore>,
    credentials: Credentials,
}

/// By whose it is, its name, and where it is looked for.
type BucketId = (BucketKind, String, Option<String>);

/// The buckets that sources lie in.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    settings: BucketSettings,
    open: Arc<Mutex<BTreeMap<BucketId, Arc<Bucket>>>>,
}

impl Buckets {
    pub(super) fn new(settings: BucketSettings) -> Self {
        Self { settings, open: Arc::default() }
    }

    /// The bucket of a path; `endpoint` is what its source says. Nothing is read yet.
    pub(super) fn bucket(&self, path: &BucketPath<'_>, endpoint: Option<&str>) -> Result<Arc<Bucket>> {
        let endpoint = self.settings.endpoint(path.kind, endpoint);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let id = (path.kind, path.bucket.to_owned(), endpoint);
        if let Some(known) = open.get(&id) {
            return Ok(Arc::clone(known));
        }
        let name = format!("{}://{}", path.kind.scheme(), path.bucket);
        let endpoint = id.2.clone();
        if endpoint.as_deref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
            // It may hold a password, so it is not repeated.
            return Err(Error::invalid(format!("the endpoint of `{name}` is not the address of a store"))
                .with_hint("write `http://HOST:PORT` or `https://HOST`, without user and password"));
        }
        let Opened { look, read, credentials } = match path.kind {
            BucketKind::S3 => self.s3(path.bucket, endpoint.as_deref()),
            BucketKind::Gcs => self.gcs(path.bucket, endpoint.as_deref()),
        }
        .map_err(|error| {
            Error::unavailable(format!("`{name}` cannot be opened: {}", failure::cause(&error))).with_hint(
                "the settings of `offline_store` and the variables of its cloud say how it is reached",
            )
        })?;
        let (kind, refused) = (path.kind, OnceCell::new());
        let bucket = Arc::new(Bucket { kind, name, look, read, endpoint, credentials, refused });
        open.insert(id, Arc::clone(&bucket));
        Ok(bucket)
    }

    fn s3(&self, bucket: &str, endpoint: Option<&str>) -> object_store::Result<Opened> {
        let builder = |limits: &Limits| {
            let mut builder = AmazonS3Builder::new().with_client_options(limits.client());
            for (key, value) in self.settings.keys::<AmazonS3ConfigKey>("AWS_") {
                builder = builder.with_config(key, value);
            }
            if let Some(region) = &self.settings.region {
                builder = builder.with_region(region);
            }
            if let Some(endpoint) = endpoint {
                let plain = AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp);
                builder = builder
                    .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
                    .with_config(plain, endpoint.starts_with("http://").to_string());
            }
            builder.with_bucket_name(bucket).with_retry(limits.retries())
        };
        let look = builder(&LOOK).build()?;
        let (read, credentials) = if self.settings.is_set("AWS_SKIP_SIGNATURE") {
            (builder(&READ), Credentials::NotNeeded)
        } else {
            let credentials = Arc::clone(look.credentials());
            (builder(&READ).with_credentials(Arc::clone(&credentials)), Credentials::S3(credentials))
        };
        Ok(Opened { look: Arc::new(look), read: Arc::new(read.build()?), credentials })
    }

    fn gcs(&self, bucket: &str, endpoint: Option<&str>) -> object_store::Result<Opened> {
        let is_emulated = self.settings.variable("STORAGE_EMULATOR_HOST").is_some();
        let is_open = is_emulated || self.settings.is_set("GOOGLE_SKIP_SIGNATURE");
        let builder = |limits: &Limits| {
            let mut builder = GoogleCloudStorageBuilder::new().with_client_options(limits.client());
            for (key, value) in self.settings.keys::<GoogleConfigKey>("GOOGLE_") {
                builder = builder.with_config(key, value);
            }
            if let Some(endpoint) = endpoint {
                let plain = GoogleConfigKey::Client(ClientConfigKey::AllowHttp);
                builder = builder
                    .with_base_url(endpoint.trim_end_matches('/'))
                    .with_config(plain, endpoint.starts_with("http://").to_string());
            }
            if is_open {
                // Else credentials are looked for in the home folder, and bad ones are an error.
                let nobody = StaticCredentialProvider::new(GcpCredential { bearer: String::new() });
                builder = builder.with_skip_signature(true).with_credentials(Arc::new(nobody));
            }
            builder.with_bucket_name(bucket).with_retry(limits.retries())
        };
        let look = builder(&LOOK).build()?;
        let (read, credentials) = if is_open {
            (builder(&READ), Credentials::NotNeeded)
        } else {
            let credentials = Arc::clone(look.credentials());
            (builder(&READ).with_credentials(Arc::clone(&credentials)), Credentials::Gcs(credentials))
        };
        Ok(Opened { look: Arc::new(look), read: Arc::new(read.build()?), credentials })
    }

    /// Puts a store in the place of a bucket.
    #[cfg(test)]
    pub(super) fn put(&self, path: &BucketPath<'_>, store: Arc<dyn ObjectStore>) {
        let name = format!("{}://{}", path.kind.scheme(), path.bucket);
        let (kind, endpoint) = (path.kind, self.settings.endpoint(path.kind, None));
        let id = (kind, path.bucket.to_owned(), endpoint.clone());
        let (credentials, refused) = (Credentials::NotNeeded, OnceCell::new());
        let (look, read) = (Arc::clone(&store), store);
        let bucket = Bucket { kind, name, look, read, endpoint, credentials, refused };
        self.open.lock().unwrap().insert(id, Arc::new(bucket));
    }
}

/// How long a store is waited for. A large part of a file may take long, so what counts is for how long nothing arrives.
struct Limits {
    silence: Duration,
    tries_again: usize,
    /// No try begins later than this; a stream that breaks is taken up again until then.
    altogether: Duration,
}

/// For the first look at a bucket: a wrong endpoint fails within seconds.
const LOOK: Limits =
    Limits { silence: Duration::from_secs(10), tries_again: 3, altogether: Duration::from_secs(10) };
/// For reading where a look has succeeded: a store that is busy gets some time.
const READ: Limits =
    Limits { silence: Duration::from_secs(20), tries_again: 6, altogether: Duration::from_secs(3600) };

impl Limits {
    fn client(&self) -> ClientOptions {
        ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(2))
            .with_timeout_disabled()
            .with_read_timeout(self.silence)
    }

    fn retries(&self) -> RetryConfig {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 3.0,
        };
        RetryConfig { backoff, max_retries: self.tries_again, retry_timeout: self.altogether }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> BucketSettings {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        BucketSettings { variables: variables.collect(), ..BucketSettings::default() }
    }

    #[test]
    fn a_bucket_is_opened_once_for_each_endpoint() {
        let buckets = Buckets::new(settings(&[("AWS_SKIP_SIGNATURE", "true")]));
        let path = BucketPath { kind: BucketKind::S3, bucket: "b", key: "k" };
        let first = buckets.bucket(&path, None).unwrap();
        let again = buckets.clone().bucket(&BucketPath { key: "other", ..path }, None).unwrap();
        let elsewhere = buckets.bucket(&path, Some("http://localhost:9000")).unwrap();
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &elsewhere));
    }

    #[test]
    fn the_nearest_word_about_an_endpoint_counts() {
        let variables = [("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_S3", "http://s3")];
        let mut settings = settings(&variables);
        let endpoint = |settings: &BucketSettings, kind, of_source| settings.endpoint(kind, of_source);
        assert_eq!(endpoint(&settings, BucketKind::S3, None).as_deref(), Some("http://s3"));
        assert_eq!(endpoint(&settings, BucketKind::Gcs, None), None);
        settings.variables.insert("STORAGE_EMULATOR_HOST".to_owned(), "host:1".to_owned());
        assert_eq!(endpoint(&settings, BucketKind::Gcs, None).as_deref(), Some("http://host:1"));
        settings.endpoint = Some("http://store".to_owned());
        assert_eq!(endpoint(&settings, BucketKind::S3, None).as_deref(), Some("http://store"));
        assert_eq!(endpoint(&settings, BucketKind::S3, Some("http://own")).as_deref(), Some("http://own"));
    }
}
