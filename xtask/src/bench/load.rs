//! Many clients at once, each with a connection of its own.

use std::borrow::Cow;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::client::Connection;
use super::process;
use super::server::Server;

/// What the clients got.
pub(super) struct Served {
    answers: u32,
    took: Duration,
    server_cpu: Duration,
    client_cpu: Duration,
}

impl Served {
    /// Answers a second.
    pub(super) fn rate(&self) -> f64 {
        f64::from(self.answers) / self.took.as_secs_f64()
    }

    /// Milliseconds of the server's CPU for each answer.
    pub(super) fn server_cpu(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1000.0 / f64::from(self.answers)
    }

    /// Milliseconds of our own CPU for each answer: what the measuring itself costs.
    pub(super) fn client_cpu(&self) -> f64 {
        self.client_cpu.as_secs_f64() * 1000.0 / f64::from(self.answers)
    }
}

/// Lets each client repeat its request until the time is over. Any answer but a success is an error.
///
/// `request` makes a request of the client's number and the number of its request.
pub(super) fn drive<'a>(
    server: &Server,
    clients: u32,
    time: Duration,
    request: impl Fn(u32, u32) -> Cow<'a, [u8]> + Sync,
) -> Result<Served> {
    let pids = (server.child("server")?, std::process::id());
    let connections = (0..clients).map(|_| Connection::open(server.address)).collect::<Result<Vec<_>>>()?;
    let cpu = (process::cpu(pids.0)?, process::cpu(pids.1)?);
    let start = Instant::now();
    let work = |client, connection| repeat(connection, start + time, |number| request(client, number));
    let counts = thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            (0..).zip(connections).map(|(client, connection)| scope.spawn(move || work(client, connection))).collect();
        let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?);
        joined.collect::<Result<Vec<u32>>>()
    })?;
    let took = start.elapsed();
    let answers = counts.iter().sum();
    ensure!(answers > 0, "nothing was answered");
    Ok(Served {
        answers,
        took,
        server_cpu: process::cpu(pids.0)?.saturating_sub(cpu.0),
        client_cpu: process::cpu(pids.1)?.saturating_sub(cpu.1),
    })
}

fn repeat<'a>(mut connection: Connection, deadline: Instant, request: impl Fn(u32) -> Cow<'a, [u8]>) -> Result<u32> {
    let mut count = 0;
    while Instant::now() < deadline {
        connection.send(&request(count))?.expect_success("a request")?;
        count += 1;
    }
    Ok(count)
}
