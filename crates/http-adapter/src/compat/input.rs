//! The value of a field as the client sent it, before any rule applies.

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// A string with an unpaired surrogate. Holds the first of them.
    Surrogate(u16),
    List,
    Dict,
    /// An uploaded file.
    File,
}

/// A JSON number. An integer keeps all its digits; a float has the text that Python prints.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: String,
    /// Whether the number has neither fraction nor exponent.
    pub(crate) integral: bool,
}

impl Number {
    pub(crate) fn parse(raw: &str) -> Self {
        if !raw.contains(['.', 'e', 'E']) {
            let text = if raw == "-0" { "0" } else { raw };
            return Self { text: text.to_owned(), integral: true };
        }
        let text = raw.parse::<f64>().map_or_else(|_| raw.to_owned(), python_float);
        Self { text, integral: false }
    }

    /// The number without its fraction; `None` if it does not fit.
    pub(crate) fn truncated(&self) -> Option<i64> {
        if self.integral {
            return self.text.parse().ok();
        }
        // Floats that fit in an `i64` are written without an exponent.
        let whole = self.text.split_once('.').filter(|(_, rest)| !rest.contains('e'))?.0;
        if whole == "-0" { Some(0) } else { whole.parse().ok() }
    }
}

/// Rust uses exponents for the same magnitudes as Python, but prints `1e16` for Python's `1e+16`.
fn python_float(value: f64) -> String {
    let text = format!("{value:?}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{mantissa}e-{digits:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

impl Input {
    /// The name of the Python type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Number(Number { integral: true, .. }) => "int",
            Self::Number(_) => "float",
            Self::Text(_) | Self::Surrogate(_) => "str",
            Self::List => "list",
            Self::Dict => "dict",
            Self::File => "InMemoryUploadedFile",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn numbers_become_their_decimal_text() {
        struct Case {
            raw: &'static str,
            text: &'static str,
            truncated: Option<i64>,
        }
        let cases = [
            Case { raw: "123", text: "123", truncated: Some(123) },
            Case { raw: "-0", text: "0", truncated: Some(0) },
            Case { raw: "1.5", text: "1.5", truncated: Some(1) },
            Case { raw: "1.50", text: "1.5", truncated: Some(1) },
            Case { raw: "-0.5", text: "-0.5", truncated: Some(0) },
            Case { raw: "1e5", text: "100000.0", truncated: Some(100_000) },
            Case { raw: "1e16", text: "1e+16", truncated: None },
            Case { raw: "1.5e-7", text: "1.5e-07", truncated: None },
            Case { raw: "1e400", text: "inf", truncated: None },
            Case {
                raw: "123456789012345678901234567890",
                text: "123456789012345678901234567890",
                truncated: None,
            },
        ];

        for Case { raw, text, truncated } in cases {
            let number = Number::parse(raw);
            assert_eq!(number.text, text, "{raw}");
            assert_eq!(number.truncated(), truncated, "{raw}");
        }
    }
}
