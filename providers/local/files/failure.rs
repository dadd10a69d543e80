//! What went wrong with a bucket, in words of this project. Stores repeat requests in their answers, signatures and tokens
//! included, so of an answer only its status, code and message are told.

use std::error::Error as StdError;

use object_store::client::HttpError;
use provender_core::model::BucketKind;
use provender_runtime::{Error, ErrorKind};

use super::buckets::Bucket;

/// How the library begins to tell that a store answered with an error.
const ANSWERED: &str = "Server returned non-2xx status code: ";
/// How it tells of an answer that sends to another region.
const ELSEWHERE: &str = "Received redirect without LOCATION";
/// Codes of answers to credentials that are not good.
const BAD_CREDENTIALS: [&str; 8] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthenticationRequired",
    "InvalidSecurity",
    "NotSignedUp",
];
/// Codes of answers about buckets that lie in another region.
const BAD_REGION: [&str; 3] =
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];

/// An answer of a store that is an error.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    /// `403 Forbidden`.
    status: String,
    code: Option<String>,
    message: Option<String>,
    /// Where a bucket lies, when the answer tells.
    region: Option<String>,
}

impl Answer {
    fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        causes(error).find_map(|cause| Self::parse(&cause.to_string()))
    }

    fn parse(text: &str) -> Option<Self> {
        let (status, body) = text.strip_prefix(ANSWERED)?.split_once(": ")?;
        let element = |name: &str| {
            let (_, rest) = body.split_once(&format!("<{name}>"))?;
            let (inner, _) = rest.split_once(&format!("</{name}>"))?;
            (!inner.contains('<') && !inner.trim().is_empty()).then(|| inner.trim().to_owned())
        };
        Some(Self {
            status: status.to_owned(),
            code: element("Code"),
            message: element("Message"),
            region: element("Region"),
        })
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    fn is(&self, status: &str) -> bool {
        self.status.starts_with(status)
    }

    fn text(&self) -> String {
        let parts = [Some(&self.status), self.code.as_ref(), self.message.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ")
    }
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn StdError + 'static)| (*cause).source())
}

/// The innermost cause of an error, or the answer that it is about.
pub(super) fn cause(error: &object_store::Error) -> String {
    let innermost = || causes(error).last().map(ToString::to_string).unwrap_or_default();
    Answer::of(error).map_or_else(innermost, |answer| answer.text())
}

/// Whether a store refused to answer, and with no word about why: answers to questions about one object have none.
pub(super) fn is_mute(error: &object_store::Error) -> bool {
    Answer::of(error).is_some_and(|answer| answer.code.is_none() && !answer.is("5"))
        || causes(error).any(|cause| cause.to_string().starts_with(ELSEWHERE))
}

/// Nobody in the environment has credentials for the bucket.
pub(super) fn no_credentials(bucket: &Bucket, cause: &str) -> Error {
    let error = Error::unavailable(format!("there are no credentials for `{}`", bucket.name))
        .with_source(format!("what the environment names and this machine offers gives none: {cause}"));
    with_credentials_hint(error, bucket.kind)
}

fn with_credentials_hint(error: Error, kind: BucketKind) -> Error {
    match kind {
        BucketKind::S3 => error
            .with_hint("set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` with credentials that expire")
            .with_hint("`aws configure export-credentials --format env` writes those of a profile")
            .with_hint("a public bucket is read with `AWS_SKIP_SIGNATURE=true`"),
        BucketKind::Gcs => error
            .with_hint("run `gcloud auth application-default login`, or set `GOOGLE_APPLICATION_CREDENTIALS` to the file of a service account")
            .with_hint("a public bucket is read with `GOOGLE_SKIP_SIGNATURE=true`"),
    }
}

/// There is no such bucket.
pub(super) fn no_bucket(bucket: &Bucket) -> Error {
    let error = Error::new(ErrorKind::NotFound, format!("there is no bucket `{}`", bucket.name));
    match &bucket.endpoint {
        Some(endpoint) => error.with_hint(format!(
            "it was looked for at `{endpoint}`: correct `endpoint`, or the bucket in `path`"
        )),
        None => error.with_hint("correct the bucket in `path`"),
    }
}

/// Why `label`, which lies in a bucket, could not be read or looked at.
pub(super) fn explain(bucket: &Bucket, label: &str, error: &object_store::Error) -> Error {
    let (name, kind) = (&bucket.name, bucket.kind);
    let cause = cause(error);
    let answer = Answer::of(error).unwrap_or_default();
    let is_elsewhere = causes(error).any(|cause| cause.to_string().starts_with(ELSEWHERE));
    if is_elsewhere || answer.has_code(&BAD_REGION) || answer.is("301") {
        let error = Error::unavailable(format!("`{name}` lies in another region")).with_source(cause);
        let region = answer.region.as_deref().map(|region| format!(": it is `{region}`")).unwrap_or_default();
        return error.with_hint(format!("set `region` of `offline_store`, or `AWS_REGION`{region}"));
    }
    if answer.has_code(&["NoSuchBucket"]) || answer.is("404") {
        return no_bucket(bucket);
    }
    if answer.has_code(&BAD_CREDENTIALS) || answer.is("401") {
        let message = format!("the store refuses the credentials for `{name}`");
        return with_credentials_hint(Error::unavailable(message).with_source(cause), kind);
    }
    if answer.is("403") {
        let hint = match kind {
            BucketKind::S3 => {
                "the credentials need `s3:GetObject` on the objects and `s3:ListBucket` on the bucket"
            }
            BucketKind::Gcs => {
                "the credentials need `storage.objects.get` and `storage.objects.list` on the bucket"
            }
        };
        let message = format!("the store denies access to `{label}`");
        return Error::unavailable(message).with_source(cause).with_hint(hint);
    }
    if causes(error).any(|cause| cause.is::<HttpError>()) {
        let place = match (&bucket.endpoint, kind) {
            (Some(endpoint), _) => format!(" at `{endpoint}`"),
            (None, BucketKind::S3) => " at Amazon's address".to_owned(),
            (None, BucketKind::Gcs) => " at Google's address".to_owned(),
        };
        return Error::unavailable(format!("the store of `{label}` cannot be reached{place}"))
            .with_source(cause)
            .with_hint("look at the network, and at `endpoint` where the store is not Amazon's or Google's");
    }
    Error::unavailable(format!("could not read `{label}`")).with_source(cause)
}

/// Why `label`, which would lie in a bucket, could not be written.
pub(super) fn explain_write(bucket: &Bucket, label: &str, error: &object_store::Error) -> Error {
    let message = format!("could not write `{label}`");
    let answer = Answer::of(error).unwrap_or_default();
    if !answer.is("403") || answer.has_code(&BAD_CREDENTIALS) {
        return explain(bucket, label, error).context(message);
    }
    let right = match bucket.kind {
        BucketKind::S3 => "s3:PutObject",
        BucketKind::Gcs => "storage.objects.create",
    };
    Error::invalid(message).with_source(cause(error)).with_hint(format!(
        "rows that are pushed offline become a new object there: the credentials need `{right}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_status_code_and_message_are_told() {
        let text = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code>\
                    <Message>The request signature does not match.</Message><CanonicalRequest>x-amz-security-token:canary</CanonicalRequest></Error>";
        let answer = Answer::parse(text).unwrap();
        assert_eq!(
            answer.text(),
            "403 Forbidden: SignatureDoesNotMatch: The request signature does not match."
        );
        assert!(answer.has_code(&BAD_CREDENTIALS));
        let plain =
            Answer::parse("Server returned non-2xx status code: 502 Bad Gateway: <html>canary</html>")
                .unwrap();
        assert_eq!(plain.text(), "502 Bad Gateway");
        assert_eq!(Answer::parse("Connection refused"), None);
    }
}
