//! Rates and CPU of reading.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use super::api::Api;
use super::client::request;
use super::load::drive;
use super::server::Server;
use super::table::{Row, Table};

const CLIENTS: u32 = 32;
const TIME: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_millis(300);
const WORKSPACES: usize = 1000;

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let server = Server::start(bench, "reads")?;
    let mut api = Api::open(&server)?;
    let mut workspace = String::new();
    for number in 0..WORKSPACES {
        workspace = api.create_workspace(&format!("ws-{number:04}"))?;
    }
    let list = format!("/api/v2/organizations/{}/workspaces?page%5Bsize%5D=20", server.organization);
    let rows = [
        (
            "/api/v2/ping".to_owned(),
            Row::at_least("authenticated ping", 20_000.0, "req/s"),
            Row::free("authenticated ping, CPU", "ms"),
        ),
        (
            "/api/v2/account/details".to_owned(),
            Row::free("authenticated account", "req/s"),
            Row::free("authenticated account, CPU", "ms"),
        ),
        (
            format!("/api/v2/workspaces/{workspace}"),
            Row::at_least("read one workspace", 6_000.0, "req/s"),
            Row::at_most("read one workspace, CPU", 0.25, "ms"),
        ),
        (
            list,
            Row::at_least("list 20 of 1,000 workspaces", 3_500.0, "req/s"),
            Row::at_most("list 20 of 1,000 workspaces, CPU", 0.4, "ms"),
        ),
    ];
    for (path, rate, cpu) in rows {
        let bytes = request("GET", &path, Some(&server.token), "", b"");
        let result = drive(&server, CLIENTS, WARM_UP, |_, _| Cow::Borrowed(&bytes[..]))
            .and_then(|_| drive(&server, CLIENTS, TIME, |_, _| Cow::Borrowed(&bytes[..])));
        match result {
            Ok(found) => {
                table.add(rate, found.rate());
                table.add(cpu, found.server_cpu());
                table.note(format!("{}: {:.3} ms CPU of the client for each", rate.what, found.client_cpu()));
            }
            Err(error) => {
                table.not_measured(rate, &format!("{error:#}"));
                table.not_measured(cpu, "see above");
            }
        }
    }
    Ok(())
}
