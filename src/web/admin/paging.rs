//! Pages of a long list: where one is in it, and the addresses of its neighbours.

use serde::Serialize;

/// Rows of a page: what fits on a screen and loads at once.
pub const ROWS: usize = 30;

/// Where one is in a list that can be counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paging {
    first: usize,
    last: usize,
    found: usize,
    number: usize,
    count: usize,
    before: Option<String>,
    next: Option<String>,
}

impl Paging {
    /// The page that is asked for (`asked`, from 1) of `found` rows, at `path` with these further parameters.
    pub fn new(path: &str, parameters: &[(&str, &str)], asked: &str, found: usize) -> Self {
        let count = found.div_ceil(ROWS).max(1);
        let number = number(asked).min(count);
        let address = |number: usize| with(path, parameters, "page", &number.to_string());
        Self {
            first: if found == 0 { 0 } else { (number - 1) * ROWS + 1 },
            last: (number * ROWS).min(found),
            before: (number > 1).then(|| address(number - 1)),
            next: (number < count).then(|| address(number + 1)),
            found,
            number,
            count,
        }
    }
}

/// The number of a page as it stands in an address; the first one for anything else.
pub fn number(asked: &str) -> usize {
    asked.parse().unwrap_or(1).clamp(1, 1_000_000)
}

/// An address with these parameters, without those that are empty, and one more.
pub fn with(path: &str, parameters: &[(&str, &str)], name: &str, value: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    query.append_pair(name, value);
    format!("{path}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_its_neighbours_and_stays_in_the_list() {
        let paging = Paging::new("/x", &[("q", "a&b"), ("state", "")], "2", 61);
        assert_eq!((paging.first, paging.last, paging.count), (31, 60, 3));
        assert_eq!(paging.before.as_deref(), Some("/x?q=a%26b&page=1"));
        assert_eq!(paging.next.as_deref(), Some("/x?q=a%26b&page=3"));
        for (asked, found, first, number) in [("", 0, 0, 1), ("-1", 5, 1, 1), ("99999999999999999999", 61, 1, 1), ("7", 61, 61, 3)] {
            let paging = Paging::new("/x", &[], asked, found);
            assert_eq!((paging.first, paging.number), (first, number), "{asked:?}");
        }
    }
}
