//! Signed addresses: uploads, downloads and logs without a token. Neither these paths nor their bodies are logged.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use terrane_app::BlobReader;
use terrane_app::signed_urls::{Grant, Purpose, SignedPath, verify};
use terrane_app::{App, AppError, configuration_versions, errored_states, logs, plans, state_uploads, state_versions};

use crate::error::ApiResult;
use crate::extract::{Parameters, Streamed};
use crate::routes::{Access, Routes};

const PATH: &str = "/blobs/{purpose}/{resource}/{subject}/{expiry}/{signature}";

pub(crate) fn routes() -> Routes {
    Routes::default().get(PATH, Access::SignedAddress, download).put(PATH, Access::SignedAddress, upload)
}

type Parts = Path<(String, String, String, String, String)>;

fn grant(app: &App, method: &str, parts: Parts) -> ApiResult<Grant> {
    let Path((purpose, resource, subject, expiry, signature)) = parts;
    Ok(verify(app, method, &SignedPath { purpose, resource, subject, expiry, signature })?)
}

/// Frames of a blob until `length` bytes were given.
fn frames(reader: BlobReader, length: u64) -> Body {
    Body::from_stream(futures_util::stream::unfold(Some((reader, length)), |state| async move {
        let (mut reader, left) = state.filter(|(_, left)| *left > 0)?;
        match reader.next().await {
            Ok(Some(mut frame)) => {
                frame.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - frame.len() as u64;
                Some((Ok(frame), Some((reader, left))))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a blob could not be read");
                Some((Err(std::io::Error::other("the blob could not be read")), None))
            }
        }
    }))
}

/// Answers a blob frame by frame, with its length in front.
pub(crate) fn stream(reader: BlobReader, content_type: &'static str) -> Response {
    let length = reader.size();
    let headers = [(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_LENGTH, length.to_string())];
    (headers, frames(reader, length)).into_response()
}

/// What a `Range` of one part asks for, if it can be met: of several parts, or in other units, the whole is answered.
fn range(headers: &HeaderMap, size: u64) -> Option<Result<Range<u64>, ()>> {
    let asked = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    let (first, last) = asked.split_once('-').filter(|(_, last)| !last.contains(','))?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let part = match (number(first), number(last)) {
        (Some(first), None) if last.trim().is_empty() => first..size,
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        (None, Some(length)) if first.trim().is_empty() => size.saturating_sub(length)..size,
        _ => return None,
    };
    Some(if part.is_empty() { Err(()) } else { Ok(part) })
}

/// The same, or the part that is asked for, so that a broken download of a large state can go on.
async fn stream_part(mut reader: BlobReader, content_type: &'static str, headers: &HeaderMap) -> ApiResult<Response> {
    let size = reader.size();
    let part = match range(headers, size) {
        None => return Ok(([(header::ACCEPT_RANGES, "bytes")], stream(reader, content_type)).into_response()),
        Some(Err(())) => {
            let headers = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
        Some(Ok(part)) => part,
    };
    reader.seek(part.start).await.map_err(AppError::from)?;
    let length = part.end - part.start;
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_RANGE, format!("bytes {}-{}/{size}", part.start, part.end - 1)),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    Ok((StatusCode::PARTIAL_CONTENT, headers, frames(reader, length)).into_response())
}

/// What go-tfe takes of a piece of log: it reads a body once (`logreader.go`), from Go's buffer of 4 KiB, which holds
/// the head of the answer too. If anything is left over, it closes the connection and asks again on a new one; and Go
/// repeats a request that a dying server broke off on a used connection, never on a new one.
const ONE_READ: usize = 3 * 1024;

async fn download(
    State(app): State<App>,
    parts: Parts,
    headers: HeaderMap,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let reads_once = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"go-tfe"));
    let grant = grant(&app, "GET", parts)?;
    Ok(match grant.purpose {
        Purpose::Log => {
            // Clients ask for at most 64 KiB; nonsense reads as the default.
            let number = |name| query.first(name).and_then(|text| text.parse::<u64>().ok());
            let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(64 * 1024);
            let limit = usize::try_from(limit).unwrap_or(logs::MAX_LIMIT);
            let limit = if reads_once { limit.min(ONE_READ) } else { limit };
            let bytes = logs::read(&app, &grant, number("offset").unwrap_or(0), limit).await?;
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], bytes).into_response()
        }
        Purpose::ConfigurationDownload => {
            let reader = configuration_versions::download(&app, &grant).await?;
            stream_part(reader, "application/octet-stream", &headers).await?
        }
        Purpose::StateDownload | Purpose::JsonStateDownload => {
            stream_part(state_versions::download(&app, &grant).await?, "application/json", &headers).await?
        }
        Purpose::ErroredState => {
            stream_part(errored_states::download(&app, &grant).await?, "application/json", &headers).await?
        }
        Purpose::JsonPlan => stream(plans::download_json(&app, &grant).await?, "application/json"),
        Purpose::ConfigurationUpload | Purpose::StateUpload | Purpose::JsonStateUpload => {
            return Err(AppError::NotFound.into());
        }
    })
}

async fn upload(State(app): State<App>, parts: Parts, body: Streamed) -> ApiResult<StatusCode> {
    let grant = grant(&app, "PUT", parts)?;
    match grant.purpose {
        Purpose::ConfigurationUpload => configuration_versions::upload(&app, &grant, body.0).await?,
        Purpose::StateUpload => state_uploads::upload(&app, &grant, body.0).await?,
        Purpose::JsonStateUpload => state_uploads::upload_json(&app, &grant, body.0).await?,
        _ => return Err(AppError::NotFound.into()),
    }
    Ok(StatusCode::OK)
}
