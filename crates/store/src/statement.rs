//! SQL statements: written once, in the subset that both databases understand, and known to one registry so that a
//! test can prepare every one of them on both.

use std::sync::OnceLock;

/// The condition of the indexes of open runs, which SQLite takes only where it is repeated word for word.
const OPEN_RUNS: &str = "status NOT IN ('applied', 'planned_and_finished', 'policy_soft_failed', 'discarded', 'errored', 'canceled', 'force_canceled')";

/// Takes the locks of the rows that a statement finds, those that an UPDATE takes. SQLite needs none: it has one writer.
pub(crate) const FOR_UPDATE: &str = " FOR NO KEY UPDATE";

/// One statement. Made only by [`statements!`], which also registers it.
pub(crate) struct Statement {
    pub(crate) name: &'static str,
    head: &'static [&'static str],
    tail: &'static str,
    text: OnceLock<String>,
    sqlite_text: OnceLock<String>,
}

impl Statement {
    pub(crate) const fn new(name: &'static str, head: &'static [&'static str], tail: &'static str) -> Self {
        Self { name, head, tail, text: OnceLock::new(), sqlite_text: OnceLock::new() }
    }

    /// The whole text.
    pub(crate) fn text(&'static self) -> &'static str {
        self.text.get_or_init(|| format!("{}{}", self.head.concat(), self.tail).replace("{open}", OPEN_RUNS))
    }

    /// The text for SQLite, to which `$2` is a name for whatever place it comes to, and `?2` is the second value.
    pub(crate) fn sqlite_text(&'static self) -> &'static str {
        self.sqlite_text.get_or_init(|| {
            let text = self.text();
            let mut pieces = text.strip_suffix(FOR_UPDATE).unwrap_or(text).split('$');
            let mut text = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                text.push(if piece.starts_with(|next: char| next.is_ascii_digit()) { '?' } else { '$' });
                text.push_str(piece);
            }
            text
        })
    }
}

/// How many values a `select_many` takes at once: one page as clients ask for it, unless they say otherwise.
pub(crate) const MANY: usize = 20;
pub(crate) const MANY_PLACEHOLDERS: &str =
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";

/// Maps a struct to the columns of a table, in the same order and with the same names.
pub(crate) trait Record: Sized {
    const TABLE: &'static str;
    const COLUMNS: &'static str;
    /// `$1, $2, ...`, one for each column.
    const PLACEHOLDERS: &'static str;
    fn from_row(row: &crate::value::Row) -> Result<Self, crate::error::StoreError>;
    fn values(&self) -> Vec<crate::value::Val>;
}

/// Whether there is one placeholder for each column, or none for a record that is never inserted.
pub(crate) const fn fits(placeholders: &str, columns: &str) -> bool {
    const fn commas(text: &str) -> usize {
        let (mut count, mut index) = (0, 0);
        while index < text.len() {
            count += (text.as_bytes()[index] == b',') as usize;
            index += 1;
        }
        count
    }
    placeholders.is_empty() || commas(placeholders) == commas(columns)
}

/// `record! { Project in "projects" ["$1, $2"] { id, name } }` implements [`Record`] for an existing struct.
macro_rules! record {
    ($type:ty, $table:literal, $placeholders:literal, { $first:ident $(, $field:ident)* $(,)? }) => {
        const _: () = {
            let columns = concat!(stringify!($first) $(, ", ", stringify!($field))*);
            assert!($crate::statement::fits($placeholders, columns), "each column needs its placeholder");
        };
        impl $crate::statement::Record for $type {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static str = concat!(stringify!($first) $(, ", ", stringify!($field))*);
            const PLACEHOLDERS: &'static str = $placeholders;
            fn from_row(row: &$crate::value::Row) -> Result<Self, $crate::error::StoreError> {
                let mut index = 0;
                let mut next = || { index += 1; index - 1 };
                Ok(Self {
                    $first: $crate::value::Col::get(row, next())?,
                    $($field: $crate::value::Col::get(row, next())?,)*
                })
            }
            fn values(&self) -> Vec<$crate::value::Val> {
                vec![$crate::value::Col::val(&self.$first) $(, $crate::value::Col::val(&self.$field))*]
            }
        }
    };
}
pub(crate) use record;

/// Declares a module's statements and its `STATEMENTS`, which the crate's registry must list:
///
/// - `NAME = "..."` is the text as it stands;
/// - `NAME: Type = select "WHERE ..."` selects the record's columns from its table;
/// - `NAME: Type = held "WHERE id = $1"` does so too, and holds what it finds until the transaction ends: see `Tx::held`;
/// - `NAME: Type = select_many "column"` selects the records whose column is one of [`MANY`] values: see `Tx::many`;
/// - `NAME: Type = insert` inserts a whole record;
/// - `NAME = joined [PART, ...]` and `NAME: Type = select [PART, ...]` put texts together that several statements share.
///
/// `{open}` in a text is the condition that a run is open: nothing has ended it.
macro_rules! statements {
    ($($name:ident $(: $type:ty)? = $($kind:ident)? $($text:literal)? $([$($part:expr),+])?;)+) => {
        $($crate::statement::statements!(@one $name $(: $type)? = $($kind)? $($text)? $([$($part),+])?);)+
        pub(crate) static STATEMENTS: &[&$crate::statement::Statement] = &[$(&$name),+];
    };
    (@one $name:ident = $text:literal) => {
        static $name: $crate::statement::Statement = $crate::statement::Statement::new(stringify!($name), &[], $text);
    };
    (@one $name:ident : $type:ty = select $text:literal) => {
        static $name: $crate::statement::Statement = $crate::statement::Statement::new(stringify!($name), &[
            "SELECT ", <$type as $crate::statement::Record>::COLUMNS,
            " FROM ", <$type as $crate::statement::Record>::TABLE, " ",
        ], $text);
    };
    (@one $name:ident = joined [$($part:expr),+]) => {
        static $name: $crate::statement::Statement =
            $crate::statement::Statement::new(stringify!($name), &[$($part),+], "");
    };
    (@one $name:ident : $type:ty = held $text:literal) => {
        static $name: $crate::statement::Statement = $crate::statement::Statement::new(stringify!($name), &[
            "SELECT ", <$type as $crate::statement::Record>::COLUMNS,
            " FROM ", <$type as $crate::statement::Record>::TABLE, " ", $text,
        ], $crate::statement::FOR_UPDATE);
    };
    (@one $name:ident : $type:ty = select [$($part:expr),+]) => {
        static $name: $crate::statement::Statement = $crate::statement::Statement::new(stringify!($name), &[
            "SELECT ", <$type as $crate::statement::Record>::COLUMNS,
            " FROM ", <$type as $crate::statement::Record>::TABLE, " ", $($part),+
        ], "");
    };
    (@one $name:ident : $type:ty = select_many $column:literal) => {
        static $name: $crate::statement::Statement = $crate::statement::Statement::new(stringify!($name), &[
            "SELECT ", <$type as $crate::statement::Record>::COLUMNS,
            " FROM ", <$type as $crate::statement::Record>::TABLE, " WHERE ", $column, " IN ",
        ], $crate::statement::MANY_PLACEHOLDERS);
    };
    (@one $name:ident : $type:ty = insert) => {
        static $name: $crate::statement::Statement = $crate::statement::Statement::new(stringify!($name), &[
            "INSERT INTO ", <$type as $crate::statement::Record>::TABLE,
            " (", <$type as $crate::statement::Record>::COLUMNS, ") VALUES (",
            <$type as $crate::statement::Record>::PLACEHOLDERS, ")",
        ], "");
    };
}
pub(crate) use statements;
