//! Paths and endpoints of object stores, as text: `s3://bucket/key`. Credentials have no place in them, and nothing here
//! repeats what may be one.

/// Whose bucket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BucketKind {
    /// Amazon S3, or a store that speaks its protocol.
    S3,
    /// Google Cloud Storage, or a store that speaks its protocol.
    Gcs,
}

impl BucketKind {
    /// What stands before `://`.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
        }
    }
}

/// A path on an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketPath<'a> {
    /// Whose bucket it is.
    pub kind: BucketKind,
    /// The bucket's name.
    pub bucket: &'a str,
    /// The name of an object, a prefix or a glob, without the `/` before it; empty: the whole bucket.
    pub key: &'a str,
}

/// Why text with `://` is no path on an object store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketPathError {
    /// A user, a password or a key before the bucket.
    #[error("the path holds what may be a credential")]
    Credential,
    /// Another kind of store.
    #[error("files at `{0}://` cannot be read")]
    Scheme(String),
    /// No name of a bucket.
    #[error("`{0}://` is followed by no name of a bucket")]
    Bucket(&'static str),
}

impl BucketPathError {
    /// What to do.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Credential => {
                "write `s3://BUCKET/KEY`; credentials come from the environment of the command, never from a file"
            }
            Self::Scheme(_) => {
                "write a path below the project folder, `s3://BUCKET/KEY` or `gs://BUCKET/KEY`"
            }
            Self::Bucket(_) => "a bucket has letters, digits, `.`, `-` and `_`: `s3://BUCKET/KEY`",
        }
    }
}

impl<'a> BucketPath<'a> {
    /// The path that text means; `None` for a path of files on this machine.
    ///
    /// # Errors
    /// Text with `://` that is no such path.
    pub fn parse(text: &'a str) -> Result<Option<Self>, BucketPathError> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
        let kind = match scheme {
            "s3" => BucketKind::S3,
            "gs" => BucketKind::Gcs,
            // A path may hold `://` further on, and then it begins with more than a scheme.
            other if other.is_empty() || !other.chars().all(is_of_scheme) => return Ok(None),
            other => return Err(BucketPathError::Scheme(other.to_owned())),
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains(['@', ':']) {
            return Err(BucketPathError::Credential);
        }
        let is_name = bucket.chars().all(|one| one.is_ascii_alphanumeric() || ".-_".contains(one));
        if bucket.is_empty() || !is_name {
            return Err(BucketPathError::Bucket(kind.scheme()));
        }
        Ok(Some(Self { kind, bucket, key }))
    }
}

fn is_of_scheme(one: char) -> bool {
    one.is_ascii_alphanumeric() || "+.-".contains(one)
}

/// Whether text is an endpoint: `http://HOST:PORT` or `https://HOST`, perhaps with a path, and without a user.
pub fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or(text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        let is_place = host.chars().all(|one| one.is_ascii_alphanumeric() || ".-_:[]${}".contains(one));
        !host.is_empty() && is_place && !rest.contains(['@', '?', '#', ' '])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_buckets_are_told_from_paths_of_files() {
        let parsed = |text| BucketPath::parse(text).unwrap().map(|path| (path.kind, path.bucket, path.key));
        assert_eq!(parsed("data/a.parquet"), None);
        assert_eq!(parsed("data/x=a://b/c.parquet"), None);
        assert_eq!(parsed("s3://b"), Some((BucketKind::S3, "b", "")));
        assert_eq!(parsed("s3://a.b-c_d/"), Some((BucketKind::S3, "a.b-c_d", "")));
        assert_eq!(parsed("gs://b/x/*.parquet"), Some((BucketKind::Gcs, "b", "x/*.parquet")));
        assert_eq!(parsed("s3://b/user:secret@c"), Some((BucketKind::S3, "b", "user:secret@c")));
    }

    #[test]
    fn what_may_be_a_credential_is_refused_and_not_repeated() {
        for text in [
            "s3://canary:canary@b/k",
            "s3://canary@b/k",
            "gs://canary:canary/b@b/k",
            "s3://canary canary/k",
            "https://b.example/k?X-Amz-Signature=canary",
            "s3:///canary",
            "s3a://canary:canary@b/k",
        ] {
            let error = BucketPath::parse(text).unwrap_err();
            assert!(!format!("{error} {}", error.advice()).contains("canary"), "{text}: {error}");
        }
    }

    #[test]
    fn endpoints_have_a_scheme_a_host_and_no_user() {
        for text in ["http://localhost:9000", "https://s3.example.com/", "http://[::1]:1", "http://${HOST}:1"]
        {
            assert!(is_endpoint(text), "{text}");
        }
        for text in
            ["localhost:9000", "http://", "http:///x", "http://u:p@h", "https://h/?token=x", "ftp://h"]
        {
            assert!(!is_endpoint(text), "{text}");
        }
    }
}
