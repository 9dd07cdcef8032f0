//! The runner's side of the protocol. Calls are repeated until they are answered: the server may be starting again.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use terrane_domain::ids::{JobId, RunnerId};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{
    ClaimRequest, Fenced, Finish, Job, Lease, LogPosition, LostJob, ReattachRequest, RecoverRequest, Refusal,
    RefusalCode, SandboxLevel,
};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use crate::{RunnerConfig, RunnerError};

const CALL_TIME: Duration = Duration::from_secs(30);
const CLAIM_TIME: Duration = Duration::from_secs(40);
const UPLOAD_TIME: Duration = Duration::from_mins(10);
/// How much of a file is in memory while it is sent.
const PIECE_BYTES: usize = 64 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How often a download may break off at the same byte before it counts as damaged.
const MOST_BREAKS: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A document that has arrived whole.
fn document<T: DeserializeOwned>(call: &str, status: StatusCode, text: &[u8]) -> Result<T, RunnerError> {
    let unexpected = |_| RunnerError::Unexpected { call: call.to_owned(), status: status.as_u16() };
    serde_json::from_slice(text).map_err(unexpected)
}

fn refused(refusal: Refusal) -> RunnerError {
    match refusal.code {
        RefusalCode::LeaseLost => RunnerError::LeaseLost,
        RefusalCode::InputUnreadable => RunnerError::job(ReasonCode::InputUnreadable, refusal.message),
        _ => RunnerError::Refused(refusal),
    }
}

fn broken_input(what: &str, length: usize) -> String {
    let name = if what == "plan" { "saved plan" } else { what };
    format!(
        "The {name} that this run needs broke off after {length} bytes, {MOST_BREAKS} times in a row. Let whoever runs the server look for the cause in the server's log, then queue a new run."
    )
}

/// A job that we held and that the server does not know any more is lost. Before that, "not found" may mean anything: a
/// wrong address, a wrong token.
fn held<T>(answer: Result<T, RunnerError>) -> Result<T, RunnerError> {
    answer.map_err(|error| match error {
        RunnerError::Unexpected { status: 404, .. } => RunnerError::LeaseLost,
        other => other,
    })
}

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
        let (mut pause, mut is_warned) = (FIRST_PAUSE, false);
        loop {
            match build()?.timeout(time).send().await {
                Ok(answer) if answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND => {
                    return Ok(answer);
                }
                Ok(answer) if answer.status() == StatusCode::CONFLICT => match answer.bytes().await {
                    Ok(text) => return Err(refused(document(call, StatusCode::CONFLICT, &text)?)),
                    Err(error) => tracing::debug!(call, %error, "a refusal broke off; trying again"),
                },
                Ok(answer) if !answer.status().is_server_error() && answer.status() != StatusCode::UNAUTHORIZED => {
                    return Err(RunnerError::Unexpected { call: call.to_owned(), status: answer.status().as_u16() });
                }
                // A person may put it right, so it goes on; but a person must hear of it.
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED && !is_warned => {
                    tracing::warn!(call, "the server does not know this runner's token; trying again");
                    is_warned = true;
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

    /// Sends a call whose answer, if it has one, is a document. One that breaks off is asked for again.
    async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        time: Duration,
        build: impl Fn() -> Result<RequestBuilder, RunnerError>,
    ) -> Result<Option<T>, RunnerError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.send(path, time, &build).await?;
            let status = answer.status();
            match status {
                StatusCode::NOT_FOUND => {
                    return Err(RunnerError::Unexpected { call: path.to_owned(), status: status.as_u16() });
                }
                StatusCode::NO_CONTENT => return Ok(None),
                _ => {}
            }
            match answer.bytes().await {
                Ok(text) => return document(path, status, &text).map(Some),
                Err(error) => tracing::debug!(path, %error, "an answer broke off; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        time: Duration,
    ) -> Result<Option<T>, RunnerError> {
        self.call(path, time, || Ok(self.request(Method::POST, path).json(body))).await
    }

    /// For calls that are always answered with a document.
    fn wanted<T>(path: &str, document: Option<T>) -> Result<T, RunnerError> {
        let status = StatusCode::NO_CONTENT.as_u16();
        document.ok_or_else(|| RunnerError::Unexpected { call: path.to_owned(), status })
    }

    /// A job, or nothing after a while.
    pub(crate) async fn claim(
        &self,
        id: &RunnerId,
        name: &str,
        sandbox_level: SandboxLevel,
    ) -> Result<Option<Job>, RunnerError> {
        let body = ClaimRequest { runner_id: id.clone(), name: name.to_owned(), sandbox_level };
        self.post("claim", &body, CLAIM_TIME).await
    }

    pub(crate) async fn reattach(
        &self,
        job: &JobId,
        id: &RunnerId,
        sandbox_level: SandboxLevel,
    ) -> Result<Job, RunnerError> {
        let (path, body) = (format!("{job}/reattach"), ReattachRequest { runner_id: id.clone(), sandbox_level });
        Self::wanted(&path, self.post(&path, &body, CALL_TIME).await?)
    }

    /// What it takes to hand over the state of an apply that is no longer ours.
    pub(crate) async fn recover(&self, job: &JobId, id: &RunnerId) -> Result<LostJob, RunnerError> {
        let (path, body) = (format!("{job}/recover"), RecoverRequest { runner_id: id.clone() });
        Self::wanted(&path, self.post(&path, &body, CALL_TIME).await?)
    }

    pub(crate) async fn admit(&self, job: &Job) -> Result<(), RunnerError> {
        let body = Fenced { fence: job.fence };
        held(self.post::<_, IgnoredAny>(&format!("{}/admit", job.id), &body, CALL_TIME).await).map(drop)
    }

    pub(crate) async fn renew(&self, job: &JobId, fence: i64) -> Result<Lease, RunnerError> {
        let path = format!("{job}/renew");
        Self::wanted(&path, held(self.post(&path, &Fenced { fence }, CALL_TIME).await)?)
    }

    pub(crate) async fn finish(&self, job: &JobId, finish: &Finish) -> Result<(), RunnerError> {
        held(self.post::<_, IgnoredAny>(&format!("{job}/finish"), finish, CALL_TIME).await).map(drop)
    }

    pub(crate) async fn append_log(
        &self,
        job: &JobId,
        fence: i64,
        offset: u64,
        bytes: Bytes,
    ) -> Result<u64, RunnerError> {
        let path = format!("{job}/log?fence={fence}&offset={offset}");
        let answer = self.call(&path, CALL_TIME, || Ok(self.request(Method::PUT, &path).body(bytes.clone()))).await;
        Self::wanted(&path, held(answer)?).map(|position: LogPosition| position.offset)
    }

    pub(crate) async fn put(&self, job: &JobId, fence: i64, what: &str, bytes: Bytes) -> Result<(), RunnerError> {
        let path = format!("{job}/{what}?fence={fence}");
        let build = || Ok(self.request(Method::PUT, &path).body(bytes.clone()));
        held(self.call::<IgnoredAny>(&path, UPLOAD_TIME, build).await).map(drop)
    }

    /// Sends a file of ours, which is read anew for each attempt.
    pub(crate) async fn put_file(&self, job: &Job, what: &str, from: &Path) -> Result<(), RunnerError> {
        let path = format!("{}/{what}?fence={}", job.id, job.fence);
        let open = || std::fs::File::open(from).and_then(|file| Ok((file.metadata()?.len(), file)));
        let build = || {
            let (length, file) = open().map_err(RunnerError::file(from))?;
            let pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(file), PIECE_BYTES);
            Ok(self.request(Method::PUT, &path).header(CONTENT_LENGTH, length).body(Body::wrap_stream(pieces)))
        };
        held(self.call::<IgnoredAny>(&path, UPLOAD_TIME, build).await).map(drop)
    }

    /// Fetches an input into a file; tells whether there is one. A download that breaks off always at the same byte is one
    /// that the server cannot read on.
    pub(crate) async fn fetch(&self, job: &Job, what: &str, to: &Path) -> Result<bool, RunnerError> {
        let path = format!("{}/{what}?fence={}", job.id, job.fence);
        let (mut pause, mut broken_at, mut times) = (FIRST_PAUSE, None, 0);
        loop {
            let mut answer = self.send(&path, UPLOAD_TIME, || Ok(self.request(Method::GET, &path))).await?;
            match answer.status() {
                StatusCode::NO_CONTENT => return Ok(false),
                StatusCode::NOT_FOUND => return Err(RunnerError::LeaseLost),
                _ => {}
            }
            let mut file = tokio::fs::File::create(to).await.map_err(RunnerError::file(to))?;
            let mut length = 0;
            loop {
                match answer.chunk().await {
                    Ok(Some(chunk)) => {
                        length += chunk.len();
                        file.write_all(&chunk).await.map_err(RunnerError::file(to))?;
                    }
                    Ok(None) => {
                        file.flush().await.map_err(RunnerError::file(to))?;
                        return Ok(true);
                    }
                    Err(error) => {
                        tracing::debug!(path, length, %error, "a download broke off; trying again");
                        break;
                    }
                }
            }
            if broken_at.replace(length) != Some(length) {
                (pause, times) = (FIRST_PAUSE, 0);
            }
            times += 1;
            if times == MOST_BREAKS {
                return Err(RunnerError::job(ReasonCode::InputUnreadable, broken_input(what, length)));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// A server that answers what a test wants.
#[cfg(test)]
pub(crate) mod fake {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// Answers one connection after another, in order; a client for it, and the first line of each call.
    pub(crate) async fn server(answers: Vec<String>) -> (Client, JoinHandle<Vec<String>>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let calls = tokio::spawn(async move {
            let mut calls = Vec::new();
            for answer in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut call = vec![0; 64 * 1024];
                let length = connection.read(&mut call).await.unwrap();
                calls.push(String::from_utf8_lossy(&call[..length]).lines().next().unwrap_or_default().to_owned());
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
            calls
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        (Client { http, base, token: String::new() }, calls)
    }

    /// Answers each call by what is in its first line, until the test ends.
    pub(crate) async fn routes(answers: Vec<(&'static str, String)>) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut call = vec![0; 64 * 1024];
                let length = connection.read(&mut call).await.unwrap();
                let line = String::from_utf8_lossy(&call[..length]).lines().next().unwrap_or_default().to_owned();
                let (_, text) = answers.iter().find(|(part, _)| line.contains(part)).expect(&line);
                connection.write_all(text.as_bytes()).await.unwrap();
            }
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Client { http, base, token: String::new() }
    }

    /// An apply that was admitted.
    pub(crate) fn job() -> Job {
        let text = serde_json::json!({
            "id": JobId::from_entropy(1), "fence": 7, "phase": "apply", "admitted": true,
            "run_id": terrane_domain::ids::RunId::from_entropy(1),
            "workspace_id": terrane_domain::ids::WorkspaceId::from_entropy(1),
            "organization_id": terrane_domain::ids::OrganizationId::from_entropy(1),
            "workspace_name": "w", "organization_name": "o", "project_name": "p", "working_directory": "",
            "engine": "terraform", "terraform_version": "latest", "log_format": "text",
            "options": terrane_domain::runs::PlanOptions::default(), "variables": [], "environment": [],
            "public_url": "http://localhost", "token": "", "spool_key": "07".repeat(32), "log_offset": 0,
        });
        serde_json::from_value(text).unwrap()
    }

    pub(crate) fn answer(status: &str, text: &str, length: usize) -> String {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terrane_domain::runner_protocol::StopRequest;

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_asked_for_again() {
        let whole = "{\"stop\":\"interrupt\"}";
        let answers =
            vec![fake::answer("200 OK", "{\"stop\"", whole.len()), fake::answer("200 OK", whole, whole.len())];
        let (client, calls) = fake::server(answers).await;
        let lease = client.renew(&JobId::from_entropy(1), 1).await.unwrap();
        assert_eq!(lease.stop, StopRequest::Interrupt);
        assert_eq!(calls.await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_answer_of_another_protocol_is_not_asked_for_again() {
        let (client, _calls) = fake::server(vec![fake::answer("200 OK", "<html>", 6)]).await;
        let error = client.renew(&JobId::from_entropy(1), 1).await.unwrap_err();
        assert!(matches!(error, RunnerError::Unexpected { status: 200, .. }), "{error}");
    }

    async fn fetched(answers: Vec<String>) -> Result<bool, RunnerError> {
        let folder = tempfile::tempdir().unwrap();
        let (client, calls) = fake::server(answers).await;
        let fetched = client.fetch(&fake::job(), "state", &folder.path().join("state")).await;
        calls.await.unwrap();
        fetched
    }

    #[tokio::test]
    async fn an_input_is_there_or_is_not_or_the_job_is_lost() {
        assert!(fetched(vec![fake::answer("200 OK", "{}", 2)]).await.unwrap());
        assert!(!fetched(vec![fake::answer("204 No Content", "", 0)]).await.unwrap());
        let lost = fetched(vec![fake::answer("404 Not Found", "", 0)]).await;
        assert!(matches!(lost, Err(RunnerError::LeaseLost)), "{lost:?}");
    }

    #[tokio::test]
    async fn a_download_that_breaks_off_here_and_there_is_made_again() {
        let mut answers: Vec<_> = (0..12).map(|length| fake::answer("200 OK", &"x".repeat(length), 12)).collect();
        answers.push(fake::answer("200 OK", &"x".repeat(12), 12));
        assert!(fetched(answers).await.unwrap());
    }

    #[tokio::test]
    async fn an_input_that_is_refused_or_always_breaks_off_at_one_place_fails_the_run() {
        let refusal = r#"{"code":"input-unreadable","message":"The state is damaged.","offset":null}"#;
        let refused = vec![fake::answer("409 Conflict", refusal, refusal.len())];
        let broken = vec![fake::answer("200 OK", "abc", 4); 5];
        for (answers, text) in [(refused, "The state is damaged."), (broken, "broke off after 3 bytes, 5 times")] {
            let error = fetched(answers).await.unwrap_err();
            assert_eq!(error.reason(), ReasonCode::InputUnreadable);
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
