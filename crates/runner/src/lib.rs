//! Runs terraform: work folder, sandbox, process group, log stream, plan documents.
