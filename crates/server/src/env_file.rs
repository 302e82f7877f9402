//! Reads a `.env` file, without touching the environment of the process.
//!
//! A line is `NAME=value`, with `export ` before it or not; an empty line and
//! one that begins with `#` are skipped. A bare value ends at ` #` and is
//! trimmed; `'…'` is taken as it stands; `"…"` knows `\n`, `\r`, `\t`, `\"`,
//! `\\` and `\$`. Nothing is expanded, and no value spans lines.

/// Why a line is not an assignment.
///
/// Says where, never what: the line may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {problem}")]
pub(crate) struct EnvFileError {
    /// The line, from 1.
    line: usize,
    problem: &'static str,
}

/// The assignments of a `.env` file in their order, and every line that is
/// none.
pub(crate) fn parse(text: &str) -> (Vec<(String, String)>, Vec<EnvFileError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs = Vec::new();
    let mut errors = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match assignment(line) {
            Ok(pair) => pairs.extend(pair),
            Err(problem) => errors.push(EnvFileError { line: index + 1, problem }),
        }
    }
    (pairs, errors)
}

fn assignment(line: &str) -> Result<Option<(String, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(char::is_whitespace))
        .map_or(line, str::trim_start);
    let (name, value) = line.split_once('=').ok_or("has no `=`")?;
    let name = name.trim_end();
    if !is_name(name) {
        return Err("does not begin with a name of letters, digits and `_`");
    }
    Ok(Some((name.to_owned(), unquote(value.trim_start())?)))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unquote(value: &str) -> Result<String, &'static str> {
    if let Some(quoted) = value.strip_prefix('\'') {
        let (inner, rest) = quoted.split_once('\'').ok_or("has a quote that is not closed")?;
        return only_a_comment(rest).map(|()| inner.to_owned());
    }
    if let Some(quoted) = value.strip_prefix('"') {
        let (inner, rest) = unescape(quoted)?;
        return only_a_comment(rest).map(|()| inner);
    }
    if value.starts_with('#') {
        return Ok(String::new());
    }
    let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
    Ok(value.get(..end).unwrap_or(value).trim_end().to_owned())
}

/// The text up to the closing quote, and what is behind it.
fn unescape(quoted: &str) -> Result<(String, &str), &'static str> {
    let mut inner = String::new();
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Ok((inner, rest.as_str())),
            '\\' => inner.push(match rest.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(same @ ('"' | '\\' | '$')) => same,
                _ => return Err("has a `\\` before a character that it means nothing for"),
            }),
            _ => inner.push(c),
        }
    }
    Err("has a quote that is not closed")
}

fn only_a_comment(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(())
    } else {
        Err("goes on behind its closing quote")
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_way_to_write_a_value_is_understood() {
        let cases = [
            ("bare", "A=b", "b"),
            ("spaces around", "  A =  b c \t", "b c"),
            ("export", "export A=b", "b"),
            ("empty", "A=", ""),
            ("only a comment", "A= # b", ""),
            ("comment behind", "A=b # c", "b"),
            ("hash inside", "A=b#c", "b#c"),
            ("equals inside", "A=b=c==", "b=c=="),
            ("dollar", "A=$B${C}", "$B${C}"),
            ("single quotes", r"A='b # \n $c' # d", r"b # \n $c"),
            ("double quotes", r#"A="b # \"c\" \\ \$\n" # d"#, "b # \"c\" \\ $\n"),
            ("Windows line end", "A=b\r\n", "b"),
            ("byte order mark", "\u{feff}A=b", "b"),
            ("no ASCII", "A=schön", "schön"),
        ];
        for (name, text, want) in cases {
            let (pairs, errors) = parse(text);
            assert_eq!(pairs, [("A".to_owned(), want.to_owned())], "case: {name}");
            assert_eq!(errors, [], "case: {name}");
        }
    }

    #[test]
    fn blank_lines_and_comments_say_nothing() {
        assert_eq!(parse("\n  \n# A=b\n\t# c"), (vec![], vec![]));
    }

    #[test]
    fn every_broken_line_is_told_by_its_number_and_never_by_its_text() {
        let text = "A=1\nhunter2\n2B=hunter2\nC='hunter2\nD=\"hunter2\nE='x'hunter2\nF=\"\\q\"\nexport=ok\nG H=1";

        let (pairs, errors) = parse(text);

        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "export"]);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 2 has no `=`",
                "line 3 does not begin with a name of letters, digits and `_`",
                "line 4 has a quote that is not closed",
                "line 5 has a quote that is not closed",
                "line 6 goes on behind its closing quote",
                "line 7 has a `\\` before a character that it means nothing for",
                "line 9 does not begin with a name of letters, digits and `_`",
            ]
        );
    }
}
