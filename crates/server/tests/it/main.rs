//! The executable as people and scripts use it.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute only, not their helpers")]

mod accessibility;
mod api;
mod bench;
mod browser;
mod chromium;
mod docs;
mod faults;
mod faults_checks;
mod faults_support;
mod http;
mod https;
mod limits;
mod opentofu;
mod person;
mod probes;
mod process;
mod restart;
mod second_person;
mod secrecy;
mod serve;
mod serve_support;
mod services;
mod start;
mod terraform;
