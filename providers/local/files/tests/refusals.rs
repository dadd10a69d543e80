//! What is said about buckets that cannot be read: what happened, where, and what to do; soon, and without a secret.

use std::time::{Duration, Instant};

use provender_core::model::{DataSource, SourceKind};
use provender_runtime::{Error, ErrorKind};

use super::super::{BucketSettings, FileStore};
use super::parquet;
use super::places::settings;
use super::servers::{self, S3Server};

const SECRET: &str = "canary";

/// With credentials, and with a store at this address.
fn reached(endpoint: String) -> BucketSettings {
    settings(
        Some(endpoint),
        &[
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_SESSION_TOKEN", SECRET),
            ("GOOGLE_SKIP_SIGNATURE", "true"),
        ],
    )
}

fn described(source: &DataSource, settings: BucketSettings) -> Error {
    use provender_runtime::provider::OfflineStore as _;
    let store = FileStore::new("/nowhere", "/nowhere").with_buckets(settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begin = Instant::now();
    let error = runtime.block_on(store.describe(source)).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?} for {error}", begin.elapsed());
    let shown = format!("{error:?} {:?} {store:?}", error.chain());
    assert!(!shown.contains(SECRET), "{shown}");
    error
}

fn refused(path: &str, settings: BucketSettings) -> (ErrorKind, String, String) {
    let error = described(&parquet(path), settings);
    (error.kind(), error.chain().join("; "), error.hints().join("; "))
}

#[test]
fn a_bucket_that_is_not_there() {
    let endpoint = servers::gcs();
    let (kind, message, hint) = refused("gs://other/a.parquet", reached(endpoint.clone()));
    assert_eq!((kind, message.as_str()), (ErrorKind::NotFound, "there is no bucket `gs://other`"));
    assert!(hint.contains(&endpoint), "{hint}");
    let Some(server) = S3Server::start() else { return };
    for path in ["s3://other/a.parquet", "s3://other", "s3://other/*.parquet"] {
        let (kind, message, _) = refused(path, reached(server.endpoint.clone()));
        assert_eq!((kind, message.as_str()), (ErrorKind::NotFound, "there is no bucket `s3://other`"));
    }
    let (kind, message, _) = refused("s3://bucket", reached(server.endpoint.clone()));
    let expected = "the folder `s3://bucket` holds no file that ends with `.parquet`";
    assert_eq!((kind, message.as_str()), (ErrorKind::NotFound, expected));
}

#[test]
fn answers_of_stores_are_told_with_what_to_do() {
    let denied =
        "<Error><Code>AccessDenied</Code><Message>Access Denied</Message><HostId>canary</HostId></Error>";
    let signature = "<Error><Code>SignatureDoesNotMatch</Code><Message>No match.</Message><CanonicalRequest>canary</CanonicalRequest></Error>";
    let region = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The region is wrong.</Message><Region>eu-west-1</Region></Error>";
    for (status, body, message, hint) in [
        (
            403,
            denied,
            "the store denies access to `s3://b/a.parquet`; 403 Forbidden: AccessDenied: Access Denied",
            "s3:ListBucket",
        ),
        (
            403,
            signature,
            "the store refuses the credentials for `s3://b`; 403 Forbidden: SignatureDoesNotMatch: No match.",
            "AWS_SESSION_TOKEN",
        ),
        (
            400,
            region,
            "`s3://b` lies in another region; 400 Bad Request: AuthorizationHeaderMalformed: The region is wrong.",
            "it is `eu-west-1`",
        ),
        (
            301,
            "",
            "`s3://b` lies in another region; Received redirect without LOCATION, this normally indicates an incorrectly configured region",
            "AWS_REGION",
        ),
        (405, "canary", "could not read `s3://b/a.parquet`; 405 Method Not Allowed", ""),
    ] {
        let (kind, said, hints) = refused("s3://b/a.parquet", reached(servers::saying(status, body)));
        assert_eq!((kind, said.as_str()), (ErrorKind::Unavailable, message));
        assert!(hints.contains(hint), "{hints}");
    }
    let (_, message, hint) = refused("gs://b/a.parquet", reached(servers::saying(401, "")));
    assert!(message.starts_with("the store refuses the credentials for `gs://b`"), "{message}");
    assert!(hint.contains("gcloud auth"), "{hint}");
}

#[test]
fn a_store_that_is_busy_or_does_not_answer_is_given_up_on() {
    let (_, message, _) = refused("s3://b/a.parquet", reached(servers::saying(503, "<Code>SlowDown</Code>")));
    assert_eq!(message, "could not read `s3://b/a.parquet`; 503 Service Unavailable");
    let endpoint = servers::nobody();
    let (kind, message, _) = refused("gs://b/a.parquet", reached(endpoint.clone()));
    assert_eq!(kind, ErrorKind::Unavailable);
    let expected = format!("the store of `gs://b/a.parquet` cannot be reached at `{endpoint}`");
    assert!(message.starts_with(&expected), "{message}");
    let endpoint = servers::silent();
    let (_, message, _) = refused("s3://b/a.parquet", reached(endpoint.clone()));
    let expected = format!("the store of `s3://b/a.parquet` cannot be reached at `{endpoint}`");
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn no_credentials() {
    // In the place of what a machine of Amazon's would ask.
    let nowhere = servers::nobody();
    let (kind, message, hint) = refused("s3://b/a", settings(None, &[("AWS_METADATA_ENDPOINT", &nowhere)]));
    assert_eq!(kind, ErrorKind::Unavailable);
    assert!(message.starts_with("there are no credentials for `s3://b`"), "{message}");
    assert!(hint.contains("AWS_ACCESS_KEY_ID"), "{hint}");
    let half = settings(None, &[("AWS_ACCESS_KEY_ID", "id")]);
    let (_, message, _) = refused("s3://b/a", half);
    assert_eq!(message, "`s3://b` cannot be opened: Missing SecretAccessKey");
}

#[test]
fn what_may_hold_a_secret_is_refused_without_repeating_it() {
    for path in ["s3://canary:canary@b/a", "s3://b:canary/a", "https://b/a?token=canary"] {
        assert_eq!(refused(path, settings(None, &[])).0, ErrorKind::Invalid, "{path}");
    }
    let with_user = "http://user:canary@127.0.0.1:1";
    let (kind, message, _) = refused("s3://b/a", settings(None, &[("AWS_ENDPOINT_URL", with_user)]));
    assert_eq!(
        (kind, message.as_str()),
        (ErrorKind::Invalid, "the endpoint of `s3://b` is not the address of a store")
    );
}

#[test]
fn the_endpoint_of_a_source_goes_before_that_of_the_store() {
    let (endpoint, format) = (servers::gcs(), provender_core::model::FileFormat::Parquet);
    let mut source = parquet("gs://bucket/gone");
    source.kind = SourceKind::File { path: "gs://bucket/gone".to_owned(), format, endpoint: Some(endpoint) };
    let error = described(&source, reached(servers::nobody()));
    assert_eq!(error.to_string(), "there is no object `gs://bucket/gone`, and none below it");
}
