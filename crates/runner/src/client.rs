//! The runner's side of the protocol. Calls are repeated until they are answered: the server may be starting again.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use terrane_domain::engines::Engine;
use terrane_domain::ids::{JobId, RunnerId};
use terrane_domain::runner_protocol::{
    ClaimRequest, Fenced, Finish, Job, Lease, LogPosition, ReattachRequest, Refusal, RefusalCode,
};
use tokio::io::AsyncWriteExt as _;

use crate::{RunnerConfig, RunnerError};

const CALL_TIME: Duration = Duration::from_secs(30);
const CLAIM_TIME: Duration = Duration::from_secs(40);
const UPLOAD_TIME: Duration = Duration::from_mins(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The way to the server.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    pub(crate) fn new(config: &RunnerConfig) -> Result<Self, RunnerError> {
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        let base = format!("{}/api/runner/v1/jobs", config.address.trim_end_matches('/'));
        Ok(Self { http, base, token: config.token.0.clone() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.base)).bearer_auth(&self.token)
    }

    /// Sends a call, again and again while the server cannot be reached or fails.
    async fn send(
        &self,
        call: &str,
        time: Duration,
        build: impl Fn() -> Result<RequestBuilder, RunnerError>,
    ) -> Result<Response, RunnerError> {
        let mut pause = Duration::from_millis(50);
        loop {
            match build()?.timeout(time).send().await {
                Ok(answer) if answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND => {
                    return Ok(answer);
                }
                Ok(answer) if answer.status() == StatusCode::CONFLICT => {
                    let refusal: Refusal = answer.json().await?;
                    return Err(if refusal.code == RefusalCode::LeaseLost {
                        RunnerError::LeaseLost
                    } else {
                        RunnerError::Refused(refusal)
                    });
                }
                Ok(answer) if !answer.status().is_server_error() && answer.status() != StatusCode::UNAUTHORIZED => {
                    return Err(RunnerError::Unexpected { call: call.to_owned(), status: answer.status().as_u16() });
                }
                Ok(answer) => {
                    tracing::debug!(call, status = answer.status().as_u16(), "the server fails; trying again");
                }
                Err(error) => tracing::debug!(call, %error, "the server cannot be reached; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn post<B: Serialize + Sync>(&self, path: &str, body: &B, time: Duration) -> Result<Response, RunnerError> {
        let answer = self.send(path, time, || Ok(self.request(Method::POST, path).json(body))).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(RunnerError::LeaseLost);
        }
        Ok(answer)
    }

    async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, RunnerError> {
        Ok(answer.json().await?)
    }

    /// A job, or nothing after a while.
    pub(crate) async fn claim(
        &self,
        id: &RunnerId,
        name: &str,
        engines: Vec<Engine>,
    ) -> Result<Option<Job>, RunnerError> {
        let body = ClaimRequest { runner_id: id.clone(), name: name.to_owned(), engines };
        let answer = self.post("claim", &body, CLAIM_TIME).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        Self::read(answer).await.map(Some)
    }

    pub(crate) async fn reattach(&self, job: &JobId, id: &RunnerId) -> Result<Job, RunnerError> {
        let body = ReattachRequest { runner_id: id.clone() };
        Self::read(self.post(&format!("{job}/reattach"), &body, CALL_TIME).await?).await
    }

    pub(crate) async fn admit(&self, job: &Job) -> Result<(), RunnerError> {
        self.post(&format!("{}/admit", job.id), &Fenced { fence: job.fence }, CALL_TIME).await.map(drop)
    }

    pub(crate) async fn renew(&self, job: &JobId, fence: i64) -> Result<Lease, RunnerError> {
        Self::read(self.post(&format!("{job}/renew"), &Fenced { fence }, CALL_TIME).await?).await
    }

    pub(crate) async fn finish(&self, job: &JobId, finish: &Finish) -> Result<(), RunnerError> {
        self.post(&format!("{job}/finish"), finish, CALL_TIME).await.map(drop)
    }

    pub(crate) async fn append_log(
        &self,
        job: &JobId,
        fence: i64,
        offset: u64,
        bytes: Bytes,
    ) -> Result<u64, RunnerError> {
        let path = format!("{job}/log?fence={fence}&offset={offset}");
        let answer = self.send(&path, CALL_TIME, || Ok(self.request(Method::PUT, &path).body(bytes.clone()))).await?;
        Ok(Self::read::<LogPosition>(answer).await?.offset)
    }

    pub(crate) async fn put(&self, job: &Job, what: &str, bytes: Bytes) -> Result<(), RunnerError> {
        let path = format!("{}/{what}?fence={}&last=true", job.id, job.fence);
        self.send(&path, UPLOAD_TIME, || Ok(self.request(Method::PUT, &path).body(bytes.clone()))).await.map(drop)
    }

    /// Fetches an input into a file; tells whether there is one.
    pub(crate) async fn fetch(&self, job: &JobId, what: &str, to: &Path) -> Result<bool, RunnerError> {
        let path = format!("{job}/{what}");
        loop {
            let mut answer = self.send(&path, UPLOAD_TIME, || Ok(self.request(Method::GET, &path))).await?;
            if answer.status() == StatusCode::NOT_FOUND {
                return Ok(false);
            }
            let mut file = tokio::fs::File::create(to).await.map_err(RunnerError::file(to))?;
            loop {
                match answer.chunk().await {
                    Ok(Some(chunk)) => file.write_all(&chunk).await.map_err(RunnerError::file(to))?,
                    Ok(None) => {
                        file.flush().await.map_err(RunnerError::file(to))?;
                        return Ok(true);
                    }
                    Err(error) => {
                        tracing::debug!(path, %error, "a download broke off; trying again");
                        break;
                    }
                }
            }
        }
    }
}
