//! Rates and CPU of reading.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use super::api::Api;
use super::client::request;
use super::load::drive;
use super::member;
use super::server::Server;
use super::table::{Row, Table};

const CLIENTS: u32 = 32;
const TIME: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_millis(300);
const WORKSPACES: usize = 1000;

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let server = Server::start(bench, "reads")?;
    let mut api = Api::open(&server)?;
    let dealt = member::deal_out(&mut api, WORKSPACES)?;
    let member = member::join(&server, &mut api, &dealt)?;
    // The first is one that the first team may write to.
    let workspace = format!("/api/v2/workspaces/{}", dealt.workspaces[0]);
    let list = format!("/api/v2/organizations/{}/workspaces?page%5Bsize%5D=20", server.organization);
    let rows = [
        (
            "/api/v2/ping",
            &server.token,
            Row::at_least("authenticated ping", 20_000.0, "req/s"),
            Row::free("authenticated ping, CPU", "ms"),
        ),
        (
            "/api/v2/account/details",
            &server.token,
            Row::free("authenticated account", "req/s"),
            Row::free("authenticated account, CPU", "ms"),
        ),
        (
            &workspace,
            &server.token,
            Row::at_least("read one workspace", 6_000.0, "req/s"),
            Row::at_most("read one workspace, CPU", 0.25, "ms"),
        ),
        (
            &workspace,
            &member,
            Row::at_least("read one workspace, member of ten teams", 6_000.0, "req/s"),
            Row::at_most("read one workspace, member of ten teams, CPU", 0.25, "ms"),
        ),
        (
            &list,
            &server.token,
            Row::at_least("list 20 of 1,000 workspaces", 3_500.0, "req/s"),
            Row::at_most("list 20 of 1,000 workspaces, CPU", 0.4, "ms"),
        ),
        (
            &list,
            &member,
            Row::at_least("list 20 of 1,000 workspaces, member of ten teams", 3_500.0, "req/s"),
            Row::at_most("list 20 of 1,000 workspaces, member of ten teams, CPU", 0.4, "ms"),
        ),
    ];
    for (path, token, rate, cpu) in rows {
        let bytes = request("GET", path, Some(token), "", b"");
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
