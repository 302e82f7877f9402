//! Reads a `.env` file without touching the environment of the process.
//!
//! `dotenvy` parses each line separately, so that an error can name the line. A value therefore cannot span lines.
//! Nothing is expanded: `$` is literal, because it is common in passwords. So is every character of a value without
//! quotes around it.

/// Returns the assignments of a `.env` file in order, and the numbers of invalid lines.
///
/// Errors contain the number of a line but never its text, which may be a secret.
pub(super) fn parse(text: &str) -> (Vec<(String, String)>, Vec<usize>) {
    let text = text.trim_start_matches('\u{feff}');
    let (mut pairs, mut broken) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = quoted(line).unwrap_or_else(|| without_expansion(line));
        for assignment in dotenvy::from_read_iter(line.as_bytes()) {
            match assignment {
                Ok(pair) => pairs.push(pair),
                Err(_) => broken.push(index + 1),
            }
        }
    }
    (pairs, broken)
}

/// Puts a bare value into quotes, because dotenvy would change quotes and backslashes in it.
fn quoted(line: &str) -> Option<String> {
    let (name, value) = line.split_once('=').filter(|(name, _)| !name.starts_with('#'))?;
    let value = value.trim_start();
    if value.starts_with(['\'', '"']) {
        return None;
    }
    let is_comment =
        |(at, _): &(usize, &str)| value[..*at].chars().last().is_none_or(char::is_whitespace);
    let end = value.match_indices('#').find(is_comment).map_or(value.len(), |(at, _)| at);
    let mut line = format!("{name}=\"");
    for c in value[..end].trim_end().chars() {
        if matches!(c, '"' | '\\' | '$') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push('"');
    Some(line)
}

/// Escapes every `$` that dotenvy would expand.
fn without_expansion(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let (mut in_single_quotes, mut after_backslash) = (false, false);
    let mut in_double_quotes = false;
    for c in line.chars() {
        match c {
            '\'' if !after_backslash && !in_double_quotes => in_single_quotes = !in_single_quotes,
            '"' if !after_backslash && !in_single_quotes => in_double_quotes = !in_double_quotes,
            '$' if !after_backslash && !in_single_quotes => escaped.push('\\'),
            _ => {}
        }
        after_backslash = c == '\\' && !after_backslash && !in_single_quotes;
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_spelling_of_a_value_is_accepted() {
        let cases = [
            ("bare", "A=b", "b"),
            ("spaces around", "  A =  b \t", "b"),
            ("export", "export A=b", "b"),
            ("empty", "A=", ""),
            ("only a comment", "A= # b", ""),
            ("comment behind", "A=b # c", "b"),
            ("hash inside", "A=b#c", "b#c"),
            ("equals inside", "A=b=c==", "b=c=="),
            ("dollar", "A=$B${C}", "$B${C}"),
            ("dollar in double quotes", r#"A="'$B' \$C \\$D""#, r"'$B' $C \$D"),
            ("spaces and quotes inside", r#"A=it's a \ "b" # c"#, r#"it's a \ "b""#),
            ("single quotes", r"A='b # \n $c' # d", r"b # \n $c"),
            ("double quotes", r#"A="b # \"c\" \\ \$\n" # d"#, "b # \"c\" \\ $\n"),
            ("Windows line end", "A=b\r\n", "b"),
            ("byte order mark", "\u{feff}A=b", "b"),
            ("no ASCII", "A=schön", "schön"),
        ];
        for (name, text, want) in cases {
            let want = (vec![("A".to_owned(), want.to_owned())], vec![]);
            assert_eq!(parse(text), want, "case: {name}");
        }
    }

    #[test]
    fn blank_lines_and_comments_are_skipped() {
        assert_eq!(parse("\n  \n# A=b\n\t# don't"), (vec![], vec![]));
    }

    #[test]
    fn every_broken_line_is_named_by_its_number() {
        let text =
            "A=1\nno_equals\n2B=2\nC='open\nD=\"open\nE='x' behind\nF=\"\\q\"\nexport=ok\nG H=1";

        let (pairs, broken) = parse(text);

        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "export"]);
        assert_eq!(broken, [2, 3, 4, 5, 6, 7, 9]);
    }
}
