//! Moments as people read them: how long ago, and when exactly.

use maud::{Markup, html};
use terrane_app::App;
use terrane_domain::time::Timestamp;

/// The moment in which a page is made.
#[derive(Clone, Copy)]
pub(crate) struct Now(Timestamp);

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MONTH: u64 = 30 * DAY;
const YEAR: u64 = 365 * DAY;

fn distance(seconds: u64) -> Option<String> {
    let units = [(YEAR, "year"), (MONTH, "month"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds >= *length)?;
    let count = seconds / length;
    Some(if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") })
}

impl Now {
    pub(crate) fn of(app: &App) -> Self {
        Self(app.store().now())
    }

    /// Whole seconds until a moment, at least one before it has come.
    pub(crate) fn seconds_until(self, moment: Timestamp) -> u64 {
        let left = moment.since(self.0);
        left.as_secs() + u64::from(left.subsec_micros() > 0)
    }

    fn words(self, moment: Timestamp) -> String {
        let (past, future) = (self.0.since(moment).as_secs(), moment.since(self.0).as_secs());
        match (distance(past), distance(future)) {
            (Some(past), _) => format!("{past} ago"),
            (None, Some(future)) => format!("in {future}"),
            (None, None) => "just now".to_owned(),
        }
    }

    /// How far away a moment is. What it is exactly shows when the pointer rests there, and is what programs read.
    pub(crate) fn time(self, moment: Timestamp) -> Markup {
        let iso = moment.to_string();
        let exact = iso.split('.').next().unwrap_or(&iso).replace('T', " ");
        html! { time datetime=(iso) title={ (exact) " UTC" } { (self.words(moment)) } }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_told_by_its_distance() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        for (seconds, past, future) in [
            (0, "just now", "just now"),
            (59, "just now", "just now"),
            (60, "1 minute ago", "in 1 minute"),
            (3 * 60 + 59, "3 minutes ago", "in 3 minutes"),
            (3600, "1 hour ago", "in 1 hour"),
            (47 * 3600, "1 day ago", "in 1 day"),
            (45 * 86_400, "1 month ago", "in 1 month"),
            (360 * 86_400, "12 months ago", "in 12 months"),
            (800 * 86_400, "2 years ago", "in 2 years"),
        ] {
            let distance = Duration::from_secs(seconds);
            assert_eq!(Now(now).words(now.minus(distance)), past);
            assert_eq!(Now(now).words(now.plus(distance)), future);
        }
    }

    #[test]
    fn the_exact_moment_stands_beside_it() {
        let moment = Timestamp::from_micros(1_700_000_000_123_000);
        let text = Now(moment).time(moment).into_string();
        assert_eq!(
            text,
            "<time datetime=\"2023-11-14T22:13:20.123Z\" title=\"2023-11-14 22:13:20 UTC\">just now</time>"
        );
    }
}
