//! The longest log that is kept of a phase: its beginning, and its end, where the result stands.

use terrane_domain::runner_protocol::LogFormat;

/// How much of the end is kept of a log that is too long.
const END_BYTES: usize = 1 << 20;

/// Counts a log, and cuts it at a line.
pub(crate) struct LogLimit {
    limit: u64,
    /// Bytes that were let through.
    written: u64,
    format: LogFormat,
    is_in_line: bool,
    over: Option<Over>,
}

/// What comes after the limit.
#[derive(Default)]
struct Over {
    end: Vec<u8>,
    left_out: u64,
}

impl Over {
    fn add(&mut self, bytes: &[u8]) {
        self.end.extend_from_slice(bytes);
        if self.end.len() > 2 * END_BYTES {
            self.cut();
        }
    }

    /// Leaves the end.
    fn cut(&mut self) {
        let surplus = self.end.len().saturating_sub(END_BYTES);
        self.left_out += surplus as u64;
        self.end.drain(..surplus);
    }

    /// Leaves whole lines. Half of a structured line would be no JSON, so nothing is left of one that is longer than the end.
    fn begin_with_line(&mut self, format: LogFormat) {
        if self.left_out == 0 {
            return;
        }
        let line = self.end.iter().position(|byte| *byte == b'\n').map(|newline| newline + 1);
        let surplus = line.unwrap_or(if format == LogFormat::Structured { self.end.len() } else { 0 });
        self.left_out += surplus as u64;
        self.end.drain(..surplus);
    }
}

impl LogLimit {
    /// A log may have `limit` bytes, of which there are `written` already.
    pub(crate) fn new(limit: u64, written: u64, format: LogFormat) -> Self {
        Self { limit, written, format, is_in_line: false, over: None }
    }

    /// What of the next bytes is shown now.
    pub(crate) fn take(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(over) = &mut self.over {
            over.add(&bytes);
            return Vec::new();
        }
        let room = usize::try_from(self.limit.saturating_sub(self.written)).unwrap_or(usize::MAX);
        if bytes.len() > room {
            let line = bytes[..room].iter().rposition(|byte| *byte == b'\n').map(|newline| newline + 1);
            let cut = line.unwrap_or(if self.format == LogFormat::Structured { 0 } else { room });
            let mut over = Over::default();
            over.add(&bytes[cut..]);
            self.over = Some(over);
            bytes.truncate(cut);
            self.note(&bytes);
            let newline = if self.is_in_line { "\n" } else { "" };
            let marker = format!(
                "{newline}(This log has reached {} MiB, the most that is kept of one. What follows is left out but for the last MiB, which is shown when the phase has ended. Write less, for example with a quieter TF_LOG or into a file, or let who runs this server raise its --run-log.)\n",
                self.limit >> 20
            );
            bytes.extend_from_slice(marker.as_bytes());
        } else {
            self.note(&bytes);
        }
        bytes
    }

    fn note(&mut self, bytes: &[u8]) {
        self.written += bytes.len() as u64;
        self.is_in_line = bytes.last().map_or(self.is_in_line, |last| *last != b'\n');
    }

    /// The end of a log that was too long.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let Some(mut over) = self.over.take() else { return Vec::new() };
        over.cut();
        over.begin_with_line(self.format);
        let marker = match over.left_out {
            0 => String::new(),
            left_out => format!("({left_out} bytes were left out here.)\n"),
        };
        [marker.as_bytes(), &over.end].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a log with a limit of 1 MiB that comes in pieces of this length.
    fn shown(format: LogFormat, log: &str, length: usize) -> String {
        let mut limit = LogLimit::new(1 << 20, 0, format);
        let mut shown: Vec<u8> = log.as_bytes().chunks(length).flat_map(|piece| limit.take(piece.to_vec())).collect();
        shown.extend(limit.finish());
        String::from_utf8(shown).unwrap()
    }

    /// Lines of eight bytes.
    fn lines(bytes: usize) -> String {
        (0..bytes / 8).flat_map(|number| [format!("{number:07}"), "\n".to_owned()]).collect()
    }

    #[test]
    fn beginning_and_end_of_a_flood_are_shown_in_whole_lines() {
        let log = lines(6 << 20);
        for length in [9, 65_537, log.len()] {
            let shown = shown(LogFormat::Structured, &log, length);
            let (beginning, rest) = shown.split_once("(This log has reached 1 MiB,").unwrap();
            let (sentence, end) = rest.split_once(" bytes were left out here.)\n").unwrap();
            let left_out: usize = sentence.rsplit_once('(').unwrap().1.parse().unwrap();
            assert!(log.starts_with(beginning) && beginning.len() == 1 << 20, "pieces of {length}");
            assert!(log.ends_with(end) && end.len() > (1 << 20) - 10, "pieces of {length}");
            assert_eq!(beginning.len() + left_out + end.len(), log.len(), "pieces of {length}");
        }
    }

    #[test]
    fn what_is_not_too_long_for_beginning_and_end_is_whole() {
        let fits = lines(1 << 20);
        assert_eq!(shown(LogFormat::Text, &fits, 1000), fits);
        let log = lines(3 << 19);
        let shown = shown(LogFormat::Text, &log, 1000);
        let (marker, whole): (Vec<&str>, Vec<&str>) =
            shown.split_inclusive('\n').partition(|line| line.starts_with('('));
        assert_eq!((marker.len(), whole.concat()), (1, log));
    }

    #[test]
    fn a_line_without_an_end_is_cut_in_a_text_and_left_out_of_a_structured_log() {
        let log = format!("first\n{}", "x".repeat(4 << 20));
        let (text, structured) = (shown(LogFormat::Text, &log, 1000), shown(LogFormat::Structured, &log, log.len()));
        assert!(text.contains("xx\n(This log has") && text.contains(" bytes were left out here.)\nxx"));
        assert!(text.ends_with("xx") && structured.starts_with("first\n(This log has"));
        assert!(structured.ends_with("(4194304 bytes were left out here.)\n"), "{structured}");
    }
}
