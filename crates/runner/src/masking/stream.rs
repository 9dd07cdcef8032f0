//! Masking of a text that comes in pieces.

use std::collections::HashMap;

use aho_corasick::automaton::StateID;

use crate::masking::patterns::Patterns;

/// What terraform itself writes in the place of what is sensitive. It needs no escaping in JSON.
pub(crate) const MASK: &str = "(sensitive value)";

/// A secret whose end has not come yet.
struct Followed {
    pattern: usize,
    rest: usize,
    known: usize,
}

/// One text on its way. What comes out does not depend on how the text was cut.
pub(super) struct Stream {
    state: StateID,
    /// What has not been given out; at most what may still become a secret.
    held: Vec<u8>,
    /// Where in `held` secrets stand, in no order.
    secrets: Vec<(usize, usize)>,
    followed: Vec<Followed>,
    /// How much has been read.
    read: u64,
    /// Up to where the last secret goes that began with a pattern, or no end yet. What begins alike within it is followed no
    /// second time: a secret of a single letter would otherwise be followed from each of its letters.
    covered: HashMap<usize, u64>,
    /// Whether a mask was the last that was given out: what joins it needs none of its own.
    is_behind_mask: bool,
}

impl Stream {
    pub(super) fn new(patterns: &Patterns) -> Self {
        let state = patterns.start();
        Self {
            state,
            held: Vec::new(),
            secrets: Vec::new(),
            followed: Vec::new(),
            read: 0,
            covered: HashMap::new(),
            is_behind_mask: false,
        }
    }

    /// Takes a piece, and adds to `out` what can be told by now.
    pub(super) fn take(&mut self, patterns: &Patterns, piece: &[u8], out: &mut Vec<u8>) {
        let before = self.held.len();
        self.held.extend_from_slice(piece);
        self.follow_on(patterns, before, piece);
        let (read, secrets) = (self.read, &mut self.secrets);
        let (followed, covered) = (&mut self.followed, &mut self.covered);
        self.state = patterns.read(self.state, piece, |found| {
            let (length, rests) = patterns.beginning(found.pattern);
            let start = (before + found.end).saturating_sub(length);
            let mut end = found.end;
            let position = read + found.end as u64;
            if !rests.is_empty() && covered.get(&found.pattern).is_none_or(|end| *end < position) {
                let mut is_open = false;
                for (index, rest) in rests.iter().enumerate() {
                    let (known, may_go_on) = rest.follow(0, &piece[found.end..]);
                    end = end.max(found.end + known);
                    if may_go_on {
                        followed.push(Followed { pattern: found.pattern, rest: index, known });
                        is_open = true;
                    }
                }
                covered.insert(found.pattern, if is_open { u64::MAX } else { read + end as u64 });
            }
            secrets.push((start, before + end));
        });
        self.read += piece.len() as u64;
        let read = self.read;
        self.covered.retain(|_, end| *end > read);
        let certain = self.held.len().saturating_sub(patterns.depth(self.state));
        self.give(certain, out);
    }

    /// Ends the text: what is still held back was no secret.
    pub(super) fn finish(&mut self, patterns: &Patterns, out: &mut Vec<u8>) {
        self.give(self.held.len(), out);
        *self = Self::new(patterns);
    }

    /// Goes on with secrets that reached the end of the last piece.
    fn follow_on(&mut self, patterns: &Patterns, before: usize, piece: &[u8]) {
        let (mut longest, mut ended) = (0, Vec::new());
        self.followed.retain_mut(|followed| {
            let rest = &patterns.beginning(followed.pattern).1[followed.rest];
            let (length, may_go_on) = rest.follow(followed.known, piece);
            followed.known += length;
            longest = longest.max(length);
            if !may_go_on {
                ended.push((followed.pattern, self.read + length as u64));
            }
            may_go_on
        });
        for (pattern, end) in ended {
            if self.followed.iter().all(|followed| followed.pattern != pattern) {
                self.covered
                    .entry(pattern)
                    .and_modify(|known| *known = if *known == u64::MAX { end } else { end.max(*known) });
            }
        }
        if longest > 0 {
            self.secrets.push((before, before + longest));
        }
    }

    /// Gives out what stands before `certain`, and the whole of a secret that begins there.
    fn give(&mut self, certain: usize, out: &mut Vec<u8>) {
        self.secrets.sort_unstable();
        let mut position = 0;
        for &(start, end) in self.secrets.iter().take_while(|(start, _)| *start < certain) {
            if start > position {
                out.extend_from_slice(&self.held[position..start]);
                self.is_behind_mask = false;
            }
            if end > position {
                if !self.is_behind_mask {
                    out.extend_from_slice(MASK.as_bytes());
                }
                (self.is_behind_mask, position) = (true, end);
            }
        }
        if certain > position {
            out.extend_from_slice(&self.held[position..certain]);
            (self.is_behind_mask, position) = (false, certain);
        }
        self.secrets.retain(|(_, end)| *end > position);
        for (start, end) in &mut self.secrets {
            (*start, *end) = (start.saturating_sub(position), *end - position);
        }
        self.held.drain(..position);
    }
}
