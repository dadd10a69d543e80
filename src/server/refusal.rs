//! Every way to say no: a code that clients can rely on, with its HTTP status and its gRPC status.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use provender_runtime::{Error, ErrorKind};
use serde::Serialize;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// The body is no JSON.
    BadJson,
    /// There is no such view, feature, service or source.
    NotFound,
    /// There is no such route.
    UnknownPath,
    /// The route is there, for another method.
    MethodNotAllowed,
    /// The request cannot be answered as it is.
    Invalid,
    /// The body is of another content type.
    UnsupportedMediaType,
    /// The body has too many bytes.
    BodyTooLarge,
    /// The request has too many rows.
    TooManyRows,
    /// The body did not come in time.
    RequestTimeout,
    /// No key, or one that is not known.
    Unauthenticated,
    /// The key may not do this.
    Forbidden,
    /// This server does not write.
    WritesOff,
    /// Somebody else is at it.
    Conflict,
    /// Too many requests at once.
    Overloaded,
    /// The store, or what else is needed, does not answer.
    Unavailable,
    /// It took too long.
    Timeout,
    /// A stored row or document is damaged, or this program is wrong.
    Internal,
}

impl Code {
    /// All, for the reference.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 17] = [
        Self::BadJson,
        Self::NotFound,
        Self::UnknownPath,
        Self::MethodNotAllowed,
        Self::Invalid,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::TooManyRows,
        Self::RequestTimeout,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::WritesOff,
        Self::Conflict,
        Self::Overloaded,
        Self::Unavailable,
        Self::Timeout,
        Self::Internal,
    ];

    /// Its name, HTTP status and gRPC status.
    const fn row(self) -> (&'static str, StatusCode, tonic::Code) {
        match self {
            Self::BadJson => ("bad_json", StatusCode::BAD_REQUEST, tonic::Code::InvalidArgument),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, tonic::Code::NotFound),
            Self::UnknownPath => ("unknown_path", StatusCode::NOT_FOUND, tonic::Code::Unimplemented),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, tonic::Code::Unimplemented)
            }
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY, tonic::Code::InvalidArgument),
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, tonic::Code::InvalidArgument)
            }
            Self::BodyTooLarge => {
                ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, tonic::Code::InvalidArgument)
            }
            Self::TooManyRows => {
                ("too_many_rows", StatusCode::PAYLOAD_TOO_LARGE, tonic::Code::InvalidArgument)
            }
            Self::RequestTimeout => {
                ("request_timeout", StatusCode::REQUEST_TIMEOUT, tonic::Code::DeadlineExceeded)
            }
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, tonic::Code::Unauthenticated)
            }
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, tonic::Code::PermissionDenied),
            Self::WritesOff => ("writes_off", StatusCode::FORBIDDEN, tonic::Code::PermissionDenied),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, tonic::Code::Aborted),
            Self::Overloaded => {
                ("overloaded", StatusCode::SERVICE_UNAVAILABLE, tonic::Code::ResourceExhausted)
            }
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, tonic::Code::Unavailable),
            Self::Timeout => ("timeout", StatusCode::SERVICE_UNAVAILABLE, tonic::Code::DeadlineExceeded),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, tonic::Code::Internal),
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        self.row().0
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.row().1
    }
}

/// A refused request: the code, what is wrong, and what to do.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    message: String,
    help: Option<String>,
    /// The methods that are allowed where this one is not (RFC 9110, 15.5.6).
    methods: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, methods: None }
    }

    /// `methods` is a list with commas.
    pub(crate) fn method_not_allowed(methods: &'static str) -> Self {
        let refusal = Self::new(Code::MethodNotAllowed, "this path takes another method");
        Self { methods: Some(methods), ..refusal.with_help(format!("it takes {methods}")) }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// What is wrong, without what to do.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn body(&self) -> Vec<u8> {
        let error =
            ErrorObject { code: self.code.as_str(), message: &self.message, help: self.help.as_deref() };
        // Texts alone always have a JSON form.
        serde_json::to_vec(&ErrorBody { error }).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'a str,
    message: &'a str,
    help: Option<&'a str>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Invalid => Code::Invalid,
            ErrorKind::NotFound => Code::NotFound,
            ErrorKind::Conflict => Code::Conflict,
            ErrorKind::Unavailable | ErrorKind::Interrupted => Code::Unavailable,
            ErrorKind::Corrupt | ErrorKind::Bug => Code::Internal,
        };
        let refusal = Self::new(code, error.chain().join(": "));
        match error.hints() {
            [] => refusal,
            hints => refusal.with_help(hints.join("; ")),
        }
    }
}

impl From<&Refusal> for Response<Full<Bytes>> {
    fn from(refusal: &Refusal) -> Self {
        let mut response = Self::new(Full::from(refusal.body()));
        *response.status_mut() = refusal.code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(methods) = refusal.methods {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        match refusal.code {
            Code::Overloaded | Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

impl From<Refusal> for tonic::Status {
    fn from(refusal: Refusal) -> Self {
        let message = match refusal.help {
            Some(help) => format!("{} ({help})", refusal.message),
            None => refusal.message,
        };
        Self::new(refusal.code.row().2, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_every_code() {
        let page = include_str!("../../docs/reference/serving.md");
        for code in Code::ALL {
            let (name, status, grpc) = code.row();
            let grpc = format!("{grpc:?}");
            // `NotFound` is `NOT_FOUND` on the wire.
            let grpc: String = grpc
                .char_indices()
                .flat_map(|(at, letter)| {
                    let gap = (at > 0 && letter.is_uppercase()).then_some('_');
                    gap.into_iter().chain(letter.to_uppercase())
                })
                .collect();
            let row = format!("| `{name}` | {} | `{grpc}` |", status.as_u16());
            assert!(page.contains(&row), "docs/reference/serving.md lacks {row}");
        }
    }
}
