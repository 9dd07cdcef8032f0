//! Pages of lists: `page[number]` and `page[size]`.

use form_urlencoded::Serializer;
use serde::Serialize;

use crate::error::Error;
use crate::links::Links;
use crate::query::Query;

const NUMBER: &str = "page[number]";
const SIZE: &str = "page[size]";

/// How many items a page has when the request does not say.
pub const DEFAULT_SIZE: u32 = 20;
/// How many items a page may have; larger wishes are capped.
pub const MAX_SIZE: u32 = 100;

/// Which page of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The page's number, from 1.
    pub number: u32,
    /// How many items it holds at most.
    pub size: u32,
    /// Whether the request gave a number or a size: some lists are whole unless it did.
    pub requested: bool,
}

/// `meta.pagination` of a list whose length is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Pagination {
    pub current_page: u32,
    pub page_size: u32,
    pub prev_page: Option<u32>,
    pub next_page: Option<u32>,
    pub total_pages: u64,
    pub total_count: u64,
}

/// `meta.pagination` of a list whose length is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct UncountedPagination {
    pub current_page: u32,
    pub page_size: u32,
    pub prev_page: Option<u32>,
    pub next_page: Option<u32>,
}

impl Page {
    /// Reads the wanted page with the usual default and limit.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        Self::parse_with(query, DEFAULT_SIZE, MAX_SIZE)
    }

    /// Reads the wanted page of a list with a default size and a limit of its own.
    pub fn parse_with(query: &Query, default_size: u32, max_size: u32) -> Result<Self, Error> {
        let number = positive(query, NUMBER)?;
        let size = positive(query, SIZE)?;
        Ok(Self {
            number: number.unwrap_or(1),
            size: size.unwrap_or(default_size).min(max_size),
            requested: number.is_some() || size.is_some(),
        })
    }

    /// How many rows to read at most.
    pub fn limit(self) -> i64 {
        i64::from(self.size)
    }

    /// How many rows to pass over.
    pub fn offset(self) -> i64 {
        (i64::from(self.number) - 1) * i64::from(self.size)
    }

    /// `meta.pagination` of this page in a list of `total` items. An empty list has one page.
    pub fn pagination(self, total: u64) -> Pagination {
        let total_pages = total.div_ceil(u64::from(self.size)).max(1);
        let next_page = self.number.checked_add(1).filter(|next| u64::from(*next) <= total_pages);
        Pagination {
            current_page: self.number,
            page_size: self.size,
            prev_page: self.previous(),
            next_page,
            total_pages,
            total_count: total,
        }
    }

    /// The links of this page in a list of `total` items: `address` with the pairs of the request's own query.
    pub fn links(self, address: &str, query: &Query, total: u64) -> Links {
        let pagination = self.pagination(total);
        let page = |number: u64| Some(self.address(address, query, number));
        let mut links = Links::default();
        links.set("self", page(u64::from(self.number)));
        links.set("first", page(1));
        links.set("prev", pagination.prev_page.map(u64::from).and_then(page));
        links.set("next", pagination.next_page.map(u64::from).and_then(page));
        links.set("last", page(pagination.total_pages));
        links
    }

    /// `meta.pagination` of this page in a list that nobody counted.
    pub fn uncounted(self, has_next: bool) -> UncountedPagination {
        UncountedPagination {
            current_page: self.number,
            page_size: self.size,
            prev_page: self.previous(),
            next_page: self.number.checked_add(1).filter(|_| has_next),
        }
    }

    /// The links of this page in a list that nobody counted: neither to its first page nor to its last.
    pub fn uncounted_links(self, address: &str, query: &Query, has_next: bool) -> Links {
        let pagination = self.uncounted(has_next);
        let page = |number: u32| Some(self.address(address, query, u64::from(number)));
        let mut links = Links::default();
        links.set("self", page(self.number));
        links.set("prev", pagination.prev_page.and_then(page));
        links.set("next", pagination.next_page.and_then(page));
        links
    }

    fn previous(self) -> Option<u32> {
        (self.number > 1).then(|| self.number - 1)
    }

    fn address(self, address: &str, query: &Query, number: u64) -> String {
        let mut pairs = Serializer::for_suffix(format!("{address}?"), address.len() + 1);
        pairs.extend_pairs(query.pairs().iter().filter(|(name, _)| name != NUMBER && name != SIZE));
        pairs.append_pair(NUMBER, &number.to_string()).append_pair(SIZE, &self.size.to_string());
        pairs.finish()
    }
}

fn positive(query: &Query, name: &str) -> Result<Option<u32>, Error> {
    let Some(value) = query.first(name) else { return Ok(None) };
    match value.parse::<u32>() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(Error::bad_parameter(name, format!("{name} must be a whole number from 1, not {value:?}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(raw: &str) -> Page {
        Page::parse(&Query::parse(raw)).unwrap()
    }

    #[test]
    fn absent_parameters_give_the_first_page_unrequested() {
        assert_eq!(page("page[size]="), Page { number: 1, size: 20, requested: false });
        assert_eq!((page("").limit(), page("").offset()), (20, 0));
    }

    #[test]
    fn given_parameters_are_taken_and_capped() {
        let given = page("page%5Bnumber%5D=3&page%5Bsize%5D=500");
        assert_eq!(given, Page { number: 3, size: 100, requested: true });
        assert_eq!((given.limit(), given.offset()), (100, 200));
        assert!(page("page[number]=1").requested);
    }

    #[test]
    fn nonsense_is_an_error_that_names_the_parameter() {
        for raw in ["page[size]=0", "page[size]=-1", "page[size]=ten", "page[size]=99999999999"] {
            let error = Page::parse(&Query::parse(raw)).unwrap_err();
            assert_eq!(error.status, 400);
            assert!(error.detail.contains("page[size]"), "{}", error.detail);
        }
    }

    #[test]
    fn a_list_that_nobody_counted_tells_only_whether_it_goes_on() {
        let given = page("page[number]=2&page[size]=5");
        let expected = |next_page| UncountedPagination { current_page: 2, page_size: 5, prev_page: Some(1), next_page };
        assert_eq!(given.uncounted(true), expected(Some(3)));
        assert_eq!(given.uncounted(false), expected(None));
        let links = serde_json::to_value(given.uncounted_links("https://host/list", &Query::default(), true)).unwrap();
        let names: Vec<_> = links.as_object().unwrap().keys().collect();
        assert_eq!(names, ["next", "prev", "self"]);
    }

    #[test]
    fn the_last_possible_page_does_not_overflow() {
        let last = page("page[number]=4294967295&page[size]=1");
        assert_eq!(last.offset(), 4_294_967_294);
        assert_eq!(last.pagination(u64::MAX).next_page, None);
    }

    #[test]
    fn an_empty_list_has_one_page() {
        let pagination = page("").pagination(0);
        assert_eq!((pagination.total_pages, pagination.next_page, pagination.prev_page), (1, None, None));
    }

    #[test]
    fn neighbours_are_null_at_the_ends() {
        let neighbours = |raw: &str| {
            let pagination = page(raw).pagination(41);
            (pagination.prev_page, pagination.next_page, pagination.total_pages)
        };
        assert_eq!(neighbours("page[number]=1"), (None, Some(2), 3));
        assert_eq!(neighbours("page[number]=2"), (Some(1), Some(3), 3));
        assert_eq!(neighbours("page[number]=3"), (Some(2), None, 3));
        assert_eq!(neighbours("page[number]=9"), (Some(8), None, 3));
    }
}
