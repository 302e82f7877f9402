//! Finds secrets in a log, in every form that a library might write them.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};

/// Fails if `log` holds one of the secrets in any form.
pub(crate) fn assert_hides(log: &str, secrets: &[String]) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(!log.contains(&form), "{secret:?} is in the log as {form:?}:\n{log}");
        }
    }
}

/// The text itself, and as part of a list of bytes, of hexadecimal digits, of base64, of an escaped string and of a URL.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let listed = format!("{bytes:?}");
    let hex = |byte: &u8| format!("{byte:02x}");
    let hex: String = bytes.iter().map(hex).collect();
    let json = serde_json::Value::from(secret).to_string();
    let debug = format!("{secret:?}");
    let url: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let mut forms = vec![
        secret.to_owned(),
        within(&listed).to_owned(),
        within(&listed).replace(", ", ","),
        hex.to_uppercase(),
        hex,
        within(&json).to_owned(),
        within(&debug).to_owned(),
        within(&json).escape_default().to_string(),
        secret.escape_default().to_string(),
        bytes.escape_ascii().to_string(),
        url.replace('+', "%20"),
        url,
    ];
    for skipped in 0..3 {
        let base64 = base64_after(skipped, bytes);
        forms.push(base64.replace('+', "-").replace('/', "_"));
        forms.push(base64);
    }
    forms.sort();
    forms.dedup();
    forms
}

/// Without the first and the last character.
fn within(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

/// The characters that depend on `bytes` alone, if `skipped` other bytes come before them.
fn base64_after(skipped: usize, bytes: &[u8]) -> String {
    let all = [&vec![0; skipped], bytes].concat();
    let text = BASE64_STANDARD_NO_PAD.encode(&all);
    let shared_at_end = usize::from(all.len() % 3 != 0);
    text[(skipped * 8).div_ceil(6)..text.len() - shared_at_end].to_owned()
}

#[test]
fn secrets_are_found_in_every_form() {
    let secret = "whisper \"é\"";
    let log = format!(
        "{:?} 776869737065722022c3a922 {} whisper%20%22%C3%A9%22",
        [b"<", secret.as_bytes()].concat(),
        BASE64_STANDARD_NO_PAD.encode(format!("<{secret}>")),
    );

    let found = forms(secret).into_iter().filter(|form| log.contains(form)).count();

    assert_eq!(found, 4, "{:#?}", forms(secret));
}
