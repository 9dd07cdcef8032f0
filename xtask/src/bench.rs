//! `cargo xtask bench`: what a release build does on this machine, each figure beside its budget.
//!
//! Everything happens on loopback, against servers of our own in temporary folders. Other load on the machine
//! disturbs rates far more than CPU per request, so every row carries the load average of its moment.

mod api;
mod by_hand;
mod client;
mod creates;
mod flood;
mod load;
mod log_lines;
mod member;
mod process;
mod reads;
mod runs;
mod server;
mod slow_fsync;
mod startup;
mod table;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::children;
use crate::temporary::Folder;
use crate::workspace::{cargo, target_folder};
use table::Table;

/// What may be chosen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure only these, in this order.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure this program instead of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Rows that share a server.
#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// Start to first answer, and idle memory.
    Startup,
    /// Pings; one workspace and a page of workspaces, for an owner and for a member of ten teams.
    Reads,
    /// New workspaces and runs.
    Creates,
    /// The same with 5 ms added to each fsync.
    SlowCreates,
    /// Trivial runs, one at a time and many at once.
    Runs,
    /// From a line of terraform to its reader.
    LogLines,
    /// A run that writes a hundred megabytes.
    Flood,
}

/// What every part needs.
struct Bench {
    program: PathBuf,
    folder: Folder,
}

impl Part {
    const ALL: [Self; 7] =
        [Self::Startup, Self::Reads, Self::Creates, Self::SlowCreates, Self::Runs, Self::LogLines, Self::Flood];

    fn measure(self, bench: &Bench, table: &mut Table) -> Result<()> {
        match self {
            Self::Startup => startup::measure(bench, table),
            Self::Reads => reads::measure(bench, table),
            Self::Creates => creates::measure(bench, table),
            Self::SlowCreates => creates::measure_slowed(bench, table),
            Self::Runs => runs::measure(bench, table),
            Self::LogLines => log_lines::measure(bench, table),
            Self::Flood => flood::measure(bench, table),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Measures and prints; false when a row could not be measured.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let program = match &options.program {
        Some(program) => program.canonicalize()?,
        None => build()?,
    };
    let bench = Bench { program, folder: Folder::create("terrane-bench")? };
    println!("one fsync in {} takes {:.1} ms", bench.folder.path().display(), process::fsync_time(&bench.folder)?);
    let mut table = Table::default();
    let parts = if options.only.is_empty() { &Part::ALL[..] } else { &options.only };
    for part in parts {
        println!("measuring {}", part.name());
        let measured = part.measure(&bench, &mut table);
        children::heed_signals();
        table.close(&part.name(), measured);
    }
    table.print();
    Ok(table.is_complete())
}

fn build() -> Result<PathBuf> {
    println!("$ cargo build --release --package terrane");
    let built = children::run(&mut cargo(&["build", "--release", "--package", "terrane"]))?;
    ensure!(built.success(), "the build failed");
    Ok(target_folder()?.join("release").join("terrane"))
}
