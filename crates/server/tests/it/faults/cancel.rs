//! The server is killed while a cancel is on its way.

use std::thread;
use std::time::Duration;

use crate::faults::{Endless, is_long, random_millis};
use crate::faults_checks::{ledger_faults, log_faults, state_faults};
use crate::faults_support::Server;
use crate::process::within;

#[test]
fn a_cancel_that_is_on_its_way_when_the_server_is_killed_ends_the_run_once() {
    for round in 0..if is_long() { 20 } else { 2 } {
        let server = Server::start();
        let endless = Endless::new(&server);
        let workspace = &endless.workspace;
        let apply = workspace.apply();
        endless.wait();
        let run = workspace.run(&server)["id"].as_str().unwrap().to_owned();
        let moment = random_millis(40);
        let answer = thread::scope(|scope| {
            // One whose answer was lost asks again.
            let cancel = scope.spawn(|| server.call("POST", &format!("/api/v2/runs/{run}/actions/cancel"), "{}").0);
            thread::sleep(moment);
            server.kill(&["server"]);
            cancel.join().unwrap()
        });
        assert!([202, 409].contains(&answer), "round {round}, killed after {moment:?}: {answer}");
        within(Duration::from_secs(45), || workspace.status(&server) == "canceled");
        let (code, shown) = apply.end();
        assert_eq!(code, Some(1), "round {round}, killed after {moment:?}: {shown}");

        within(Duration::from_secs(5), || endless.processes().is_empty());
        let mut faults = ledger_faults(&workspace.ledger(), &["first", "second"]);
        let created = "terraform_data.first: Creation complete".to_owned();
        faults.extend(log_faults(&workspace.log(&server, "apply"), &[created]));
        faults.extend(state_faults(&workspace.state(&server), &["terraform_data.first", "terraform_data.second"]));
        assert_eq!(faults, Vec::<String>::new(), "round {round}, killed after {moment:?}");
        assert_eq!(workspace.document(&server)["attributes"]["locked"], false);
    }
}
