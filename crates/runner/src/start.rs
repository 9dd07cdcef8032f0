//! A sandbox for one command, set up before it is needed where that can be: its settings, and the command's environment.

use std::ffi::OsString;
use std::io::Write as _;
use std::sync::PoisonError;

use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::child::{INIT, Setting};
use crate::sandbox::{Group, Order, Settings, message};

/// Go's runtime collects garbage several times while terraform starts, each time for next to nothing. A process that
/// stays small may leave most of that out and needs no more memory for it; the default is 100.
const RELAXED_GOGC: (&str, &str) = ("GOGC", "400");
/// A larger state makes a process large.
const SMALL_STATE_BYTES: u64 = 1 << 20;

/// A sandbox that waits for its order.
pub(crate) struct Sandbox {
    pub(crate) child: Child,
    /// Where its order goes.
    pub(crate) orders: pipe::Sender,
    /// What terraform and the sandbox itself write.
    pub(crate) output: pipe::Receiver,
}

impl Setting {
    /// Sets up the sandbox of the next command while there is something else to do.
    pub(crate) fn make_ready(&self) {
        // One that fails is made again when it is needed, and its failure told then.
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = self.sandbox().ok();
    }

    /// A sandbox that waits for its order.
    pub(crate) fn sandbox(&self) -> std::io::Result<Sandbox> {
        let (config, folder) = (&self.runner.config, self.folder.root.clone());
        let mut settings = Settings {
            uid: self.uid,
            engine: Some(self.engine.path.clone()),
            groups: self.group.as_ref().map(Group::folders).unwrap_or_default(),
            ..Settings::new(config, self.runner.protection.guard, folder, self.folder.temporary())
        };
        settings.readable.extend(self.runner.providers.folder(&self.job.organization_id));
        let (reader, writer) = std::io::pipe()?;
        let (input, mut orders) = std::io::pipe()?;
        // The pipe holds more than these few paths.
        orders.write_all(&message(&settings)?)?;
        let mut command = Command::new(&config.program);
        command.args(["sandbox", "guardian"]).env_clear().process_group(0).kill_on_drop(true);
        command.stdin(input).stdout(writer.try_clone()?).stderr(writer);
        // With the command our copies of the child's ends go.
        let child = command.spawn()?;
        let output = pipe::Receiver::from_owned_fd(reader.into())?;
        let orders = pipe::Sender::from_owned_fd(orders.into())?;
        Ok(Sandbox { child, orders, output })
    }

    pub(crate) fn order(&self, arguments: &[OsString]) -> Order {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let command = arguments.first().map_or("", String::as_str);
        let mut environment = self.environment(command);
        if command == INIT || self.stays_small() {
            // Before the workspace's own variables, which win.
            let (name, value) = RELAXED_GOGC;
            environment.insert(0, (name.to_owned(), value.to_owned()));
        }
        let program = self.engine.path.clone();
        Order { working_directory: self.folder.module(), environment, program, arguments }
    }

    /// Whether terraform has a small state and starts no provider, which would inherit its environment: `init` never
    /// does, and after it a lock file names what will be started.
    fn stays_small(&self) -> bool {
        let state = self.folder.state_file(&self.job.workspace_name);
        let has_providers = self.folder.lock_file().symlink_metadata().is_ok();
        !has_providers && state.symlink_metadata().map_or(0, |file| file.len()) < SMALL_STATE_BYTES
    }
}
