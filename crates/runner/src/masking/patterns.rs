//! The search for secrets, in time that depends on the text alone.
//!
//! An automaton looks for the beginnings of all forms; behind a beginning the rest of the form is followed as far as the
//! text agrees. So a secret of any length makes neither the automaton large nor the text wait: what may still become a
//! secret is at most as long as a beginning.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous;
use aho_corasick::{Anchored, BuildError, MatchKind, StartKind, dfa};

/// Whoever knows so much of a form knows which it is: it is masked from here on, whether the rest comes or not.
const BEGINNING_BYTES: usize = 32;
/// Of more text than this a DFA would take too much memory.
const MOST_DFA_BYTES: usize = 48 * 1024;
/// What stands in every token of ours, as in HCP Terraform's: an id before it, the secret behind.
const TOKEN_MARK: &[u8] = b".atlasv1.";

/// What may stand behind a beginning.
pub(super) enum Rest {
    /// The rest of a form.
    Bytes(Vec<u8>),
    /// Letters and digits.
    Token,
}

impl Rest {
    /// How many bytes of `text`, which stands behind `known` bytes of the rest, belong to it; and whether there may be more.
    pub(super) fn follow(&self, known: usize, text: &[u8]) -> (usize, bool) {
        match self {
            Self::Bytes(rest) => {
                let rest = &rest[known..];
                let length = rest.iter().zip(text).take_while(|(one, other)| one == other).count();
                (length, length == text.len() && length < rest.len())
            }
            Self::Token => {
                let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                (length, length == text.len())
            }
        }
    }
}

enum Machine {
    Fast(dfa::DFA),
    Small(contiguous::NFA),
}

/// All forms that are looked for.
pub(super) struct Patterns {
    machine: Machine,
    /// By pattern: the length of the beginning, and what may stand behind it.
    beginnings: Vec<(usize, Vec<Rest>)>,
    /// By state: how much of a beginning has been read there.
    depths: HashMap<StateID, usize>,
}

/// A beginning that was found.
pub(super) struct Found {
    /// Which.
    pub(super) pattern: usize,
    /// The position behind it.
    pub(super) end: usize,
}

impl Patterns {
    /// Fails only if there are more than the automaton can number.
    pub(super) fn new(forms: &BTreeSet<Vec<u8>>) -> Result<Self, BuildError> {
        let mut rests: BTreeMap<&[u8], Vec<Rest>> = BTreeMap::from([(TOKEN_MARK, vec![Rest::Token])]);
        for form in forms {
            let (beginning, rest) = form.split_at(form.len().min(BEGINNING_BYTES));
            let all = rests.entry(beginning).or_default();
            if !rest.is_empty() {
                all.push(Rest::Bytes(rest.to_vec()));
            }
        }
        let size: usize = rests.keys().map(|beginning| beginning.len()).sum();
        let machine = if size <= MOST_DFA_BYTES {
            let builder = &mut dfa::DFA::builder();
            let builder = builder.match_kind(MatchKind::Standard).start_kind(StartKind::Unanchored).prefilter(false);
            Machine::Fast(builder.build(rests.keys())?)
        } else {
            Machine::Small(
                contiguous::NFA::builder().match_kind(MatchKind::Standard).prefilter(false).build(rests.keys())?,
            )
        };
        let depths = match &machine {
            Machine::Fast(machine) => depths(machine, rests.keys().copied()),
            Machine::Small(machine) => depths(machine, rests.keys().copied()),
        };
        let beginnings = rests.into_iter().map(|(beginning, rests)| (beginning.len(), rests)).collect();
        Ok(Self { machine, beginnings, depths })
    }

    /// Only tokens of ours.
    pub(super) fn none() -> Self {
        Self::new(&BTreeSet::new()).unwrap_or_else(|error| unreachable!("it is a single short pattern: {error}"))
    }

    /// The state before any text.
    pub(super) fn start(&self) -> StateID {
        match &self.machine {
            Machine::Fast(machine) => start(machine),
            Machine::Small(machine) => start(machine),
        }
    }

    /// Reads `text` from a state on, and answers the state behind it.
    pub(super) fn read(&self, state: StateID, text: &[u8], found: impl FnMut(Found)) -> StateID {
        match &self.machine {
            Machine::Fast(machine) => read(machine, state, text, found),
            Machine::Small(machine) => read(machine, state, text, found),
        }
    }

    /// The length of a beginning, and what may stand behind it.
    pub(super) fn beginning(&self, pattern: usize) -> (usize, &[Rest]) {
        let (length, rests) = &self.beginnings[pattern];
        (*length, rests)
    }

    /// How many of the last bytes may still become a beginning.
    pub(super) fn depth(&self, state: StateID) -> usize {
        self.depths.get(&state).copied().unwrap_or(0)
    }

    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        let mut is_in = false;
        self.read(self.start(), text, |_| is_in = true);
        is_in
    }
}

fn start(machine: &impl Automaton) -> StateID {
    machine.start_state(Anchored::No).unwrap_or_else(|error| unreachable!("it is built without an anchor: {error}"))
}

fn read(machine: &impl Automaton, mut state: StateID, text: &[u8], mut found: impl FnMut(Found)) -> StateID {
    for (at, byte) in text.iter().enumerate() {
        state = machine.next_state(Anchored::No, state, *byte);
        if machine.is_special(state) && machine.is_match(state) {
            for index in 0..machine.match_len(state) {
                found(Found { pattern: machine.match_pattern(state, index).as_usize(), end: at + 1 });
            }
        }
    }
    state
}

/// A state is a place in the tree of all beginnings: reading a beginning from the start goes through all of its places.
fn depths<'a>(machine: &impl Automaton, beginnings: impl Iterator<Item = &'a [u8]>) -> HashMap<StateID, usize> {
    let mut depths = HashMap::new();
    for beginning in beginnings {
        let mut state = start(machine);
        for (at, byte) in beginning.iter().enumerate() {
            state = machine.next_state(Anchored::No, state, *byte);
            depths.insert(state, at + 1);
        }
    }
    depths
}
