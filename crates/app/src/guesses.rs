//! Guessing is slowed: each try counts for the account and for the address it comes from.
//!
//! The counters are a table of fixed size that nothing is ever evicted from. A key has one cell in each of two rows, and
//! stands as high as the lower of the two; what shares a cell with others can only be counted too high. So a flood of made-up
//! names costs no memory and resets nobody's counter.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use terrane_domain::time::Timestamp;

use crate::{AppError, AppResult};

const CELLS: usize = 1 << 16;
const ROWS: usize = 2;

/// How many tries are let through at once; as many come back in each minute. So no minute sees more than twice as many.
const ACCOUNT_BURST: f64 = 5.0;
/// For an address, behind which a whole office may sit.
const ADDRESS_BURST: f64 = 20.0;

#[derive(Clone, Copy, Default)]
struct Cell {
    level: f64,
    at: i64,
}

struct Table {
    burst: f64,
    /// Keyed at random: nobody can choose a name that shares a cell with another.
    hashers: [RandomState; ROWS],
    cells: Mutex<Vec<Cell>>,
}

impl Table {
    fn new(burst: f64) -> Self {
        let hashers = std::array::from_fn(|_| RandomState::new());
        Self { burst, hashers, cells: Mutex::new(vec![Cell::default(); CELLS * ROWS]) }
    }

    /// Counts a try, or tells how long to wait for the next.
    fn take(&self, key: impl Hash, now: Timestamp) -> Result<(), Duration> {
        let a_minute = 60_000_000.0;
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let places: [usize; ROWS] = std::array::from_fn(|row| {
            let hash = self.hashers[row].hash_one(&key);
            row * CELLS + usize::try_from(hash % CELLS as u64).unwrap_or(0)
        });
        let now = now.as_micros();
        let levels = places.map(|place| {
            let cell = cells[place];
            #[expect(
                clippy::cast_precision_loss,
                reason = "microseconds since the last try, of which a minute matters"
            )]
            let elapsed = now.saturating_sub(cell.at).max(0) as f64;
            (cell.level - elapsed / a_minute * self.burst).max(0.0)
        });
        let level = levels.iter().copied().fold(f64::INFINITY, f64::min) + 1.0;
        if level > self.burst {
            return Err(Duration::from_secs_f64((level - self.burst) / self.burst * 60.0));
        }
        for (place, old) in places.into_iter().zip(levels) {
            cells[place] = Cell { level: old.max(level), at: now.max(cells[place].at) };
        }
        Ok(())
    }
}

/// The counters of one server.
pub(crate) struct Guesses {
    accounts: Table,
    addresses: Table,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { accounts: Table::new(ACCOUNT_BURST), addresses: Table::new(ADDRESS_BURST) }
    }
}

fn refused(wait: Duration) -> AppError {
    AppError::TooManyTries(wait.as_secs().saturating_add(1))
}

impl Guesses {
    /// Counts a try for an account, whether it exists or not.
    pub(crate) fn count_account(&self, account: &str, now: Timestamp) -> AppResult<()> {
        self.accounts.take(account, now).map_err(refused)
    }

    /// Counts a try from an address. Whoever has an IPv6 address has at least 2^64 of them.
    pub(crate) fn count_address(&self, address: IpAddr, now: Timestamp) -> AppResult<()> {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX),
        };
        self.addresses.take(network, now).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn an_account_has_at_most_ten_tries_in_any_minute() {
        let guesses = Guesses::default();
        let taken: Vec<i64> = (0..600).filter(|second| guesses.count_account("ada", at(*second)).is_ok()).collect();
        assert!(taken.len() >= 50, "{}", taken.len());
        for from in 0..600 {
            let count = taken.iter().filter(|second| (from..from + 60).contains(*second)).count();
            assert!(count <= 10, "{count} tries in the minute from {from}");
        }
    }

    #[test]
    fn a_flood_of_names_resets_no_counter_and_locks_out_hardly_anyone() {
        let guesses = Guesses::default();
        while guesses.count_account("ada", at(0)).is_ok() {}
        for name in 0..100_000 {
            let _ = guesses.count_account(&format!("name-{name}"), at(0));
        }
        assert!(guesses.count_account("ada", at(0)).is_err());
        let refused = (0..1000).filter(|name| guesses.count_account(&format!("other-{name}"), at(1)).is_err()).count();
        assert!(refused < 20, "{refused}");
    }

    #[test]
    fn addresses_of_one_network_share_a_counter() {
        let guesses = Guesses::default();
        let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        assert_eq!((0..100).filter(|last| guesses.count_address(address(*last), at(0)).is_ok()).count(), 20);
        assert!(guesses.count_address(IpAddr::from([192, 0, 2, 1]), at(0)).is_ok());
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_back() {
        let guesses = Guesses::default();
        while guesses.count_account("ada", at(100)).is_ok() {}
        assert!(guesses.count_account("ada", at(0)).is_err());
        assert!(guesses.count_account("ada", at(101)).is_err());
    }
}
