//! Entity tags of messages, and the versions that `If-Match` names.

use actix_web::http::header::{HeaderMap, IF_MATCH};
use domain::ExpectedEdits;

use super::formats::parse_integer;
use super::problem::Problem;

/// The tag is the number of edits, because it changes with the text.
pub(crate) fn etag(edits: i64) -> String {
    format!("\"{edits}\"")
}

/// Reads `If-Match`: `*`, or a list of tags.
pub(crate) fn expected_edits(headers: &HeaderMap) -> Result<ExpectedEdits, Problem> {
    let invalid = || Problem::field("If-Match", "etag", "must be entity tags, or *");
    let mut lines = Vec::new();
    for line in headers.get_all(IF_MATCH) {
        lines.push(line.to_str().map_err(|_| invalid())?);
    }
    if lines.is_empty() {
        return Ok(ExpectedEdits::Any);
    }
    // Several lines are one list (RFC 9110, section 5.2).
    let list = lines.join(",");
    if list.trim() == "*" {
        return Ok(ExpectedEdits::Any);
    }
    let tags = tags(&list).filter(|tags| !tags.is_empty()).ok_or_else(invalid)?;
    // A tag that the server never made names no version.
    Ok(ExpectedEdits::OneOf(tags.into_iter().filter_map(parse_integer).collect()))
}

/// The opaque parts of the tags in a list; `None` if it is malformed.
///
/// `W/"1"` counts as `"1"`. A strong comparison would never match it, so nobody could edit behind a
/// proxy that compresses, because such a proxy weakens the tags of responses. It still means the
/// same version: the tag counts edits, and does not depend on the bytes of a response.
fn tags(list: &str) -> Option<Vec<&str>> {
    let mut tags = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let opened = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (tag, after) = opened.split_once('"')?;
        let after = after.trim_start_matches([' ', '\t']);
        let is_complete = after.is_empty() || after.starts_with(',');
        if !is_complete || tag.contains([' ', '\t']) {
            return None;
        }
        tags.push(tag);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderValue, IF_MATCH};
    use domain::ExpectedEdits;

    use super::expected_edits;

    fn expected(lines: &[&'static str]) -> Option<ExpectedEdits> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_static(line));
        }
        expected_edits(&headers).ok()
    }

    #[test]
    fn if_match_names_versions() {
        let one_of = |edits: &[i64]| Some(ExpectedEdits::OneOf(edits.into()));
        let cases: [(&[&str], _); 19] = [
            (&[], Some(ExpectedEdits::Any)),
            (&["*"], Some(ExpectedEdits::Any)),
            (&[r#""0""#], one_of(&[0])),
            (&[r#"W/"3""#], one_of(&[3])),
            (&[r#""1", W/"2" ,"3""#], one_of(&[1, 2, 3])),
            (&[r#",, "1",,"#], one_of(&[1])),
            (&[r#""1""#, r#""2""#], one_of(&[1, 2])),
            (&[r#""a,b", "1""#], one_of(&[1])),
            (&[r#""00""#], one_of(&[])),
            (&[r#""+1""#], one_of(&[])),
            (&[r#""""#], one_of(&[])),
            (&["0"], None),
            (&[""], None),
            (&[","], None),
            (&[r#""0"#], None),
            (&[r#""0" "1""#], None),
            (&[r#"w/"0""#], None),
            (&[r#"*, "0""#], None),
            (&[r#""0 1""#], None),
        ];

        for (lines, want) in cases {
            assert_eq!(expected(lines), want, "{lines:?}");
        }
    }
}
