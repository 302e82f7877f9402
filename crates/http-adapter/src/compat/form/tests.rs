use domain::UserId;

use super::{Form, Presence};
use crate::compat::body::Fields;
use crate::compat::failure::Failure;

fn form(json: &str) -> Form {
    let known = &["a"];
    let fields = Fields::from_json(json.as_bytes(), known).unwrap();
    Form::new(fields)
}

fn finished<T>(form: Form, value: Option<T>) -> Result<T, String> {
    form.finish(value).map_err(|failure: Failure| failure.json())
}

#[test]
fn a_text_is_trimmed_and_neither_absent_nor_null_nor_blank() {
    struct Case {
        json: &'static str,
        want: Result<&'static str, &'static str>,
    }
    let cases = [
        Case { json: r#"{"a":" x "}"#, want: Ok("x") },
        Case { json: r#"{"a":12}"#, want: Ok("12") },
        Case { json: r#"{"a":1.5}"#, want: Ok("1.5") },
        Case { json: "{}", want: Err("This field is required.") },
        Case { json: r#"{"a":null}"#, want: Err("This field may not be null.") },
        Case { json: r#"{"a":true}"#, want: Err("Not a valid string.") },
        Case { json: r#"{"a":[]}"#, want: Err("Not a valid string.") },
        Case { json: r#"{"a":{}}"#, want: Err("Not a valid string.") },
        Case { json: r#"{"a":""}"#, want: Err("This field may not be blank.") },
        Case { json: "{\"a\":\" \\u001f\u{3000}\"}", want: Err("This field may not be blank.") },
        Case { json: r#"{"a":"x\u0000"}"#, want: Err("Null characters are not allowed.") },
        Case {
            json: r#"{"a":"x\ud800"}"#,
            want: Err("Surrogate characters are not allowed: U+D800."),
        },
    ];

    for Case { json, want } in cases {
        let mut form = form(json);
        let value = form.text("a", Presence::Required, |text| Ok(text.to_owned()));
        let want = want.map(str::to_owned).map_err(|text| format!(r#"{{"a":["{text}"]}}"#));
        assert_eq!(finished(form, value), want, "{json}");
    }
}

#[test]
fn the_null_character_is_told_after_the_other_errors() {
    let mut form = form(r#"{"a":"x\u0000"}"#);

    let value = form.text("a", Presence::Required, |_| Err::<(), _>(vec!["Too short.".into()]));

    let want = r#"{"a":["Too short.","Null characters are not allowed."]}"#;
    assert_eq!(finished(form, value), Err(want.to_owned()));
}

#[test]
fn an_optional_text_may_be_absent_but_not_blank() {
    let mut absent = form("{}");
    let value = absent.text("a", Presence::Optional, |text| Ok(text.to_owned()));
    assert_eq!(value, None);
    assert_eq!(finished(absent, Some(())), Ok(()));

    let mut blank = form(r#"{"a":" "}"#);
    blank.text("a", Presence::Optional, |text| Ok(text.to_owned()));
    assert!(finished(blank, Some(())).is_err());
}

#[test]
fn a_primary_key_is_a_number_or_the_text_of_one() {
    struct Case {
        value: &'static str,
        want: Result<(Option<i64>, &'static str), &'static str>,
    }
    let cases = [
        Case { value: "7", want: Ok((Some(7), "7")) },
        Case { value: r#"" +07 ""#, want: Ok((Some(7), " +07 ")) },
        Case { value: "7.9", want: Ok((Some(7), "7.9")) },
        Case { value: "99999999999999999999", want: Ok((None, "99999999999999999999")) },
        Case { value: "1e400", want: Ok((None, "inf")) },
        Case { value: "null", want: Err("This field may not be null.") },
        Case { value: r#""""#, want: Err("This field may not be null.") },
        Case { value: r#""abc""#, want: Err("Incorrect type. Expected pk value, received str.") },
        Case { value: "true", want: Err("Incorrect type. Expected pk value, received bool.") },
        Case { value: "[]", want: Err("Incorrect type. Expected pk value, received list.") },
        Case { value: "{}", want: Err("Incorrect type. Expected pk value, received dict.") },
    ];

    for Case { value, want } in cases {
        let mut form = form(&format!(r#"{{"a":{value}}}"#));
        let pk = form.pk("a", Presence::Required).map(|pk| (pk.id.map(UserId::get), pk.sent));
        let want = want
            .map(|(id, sent)| (id, sent.to_owned()))
            .map_err(|text| format!(r#"{{"a":["{text}"]}}"#));
        assert_eq!(finished(form, pk), want, "{value}");
    }
}

#[test]
fn a_boolean_has_many_spellings() {
    let invalid = Err(r#"{"a":["Must be a valid boolean."]}"#.to_owned());
    let null = Err(r#"{"a":["This field may not be null."]}"#.to_owned());
    let cases = [
        ("true", Ok(true)),
        (r#""yes""#, Ok(true)),
        (r#""on""#, Ok(true)),
        ("1", Ok(true)),
        ("1.0", Ok(true)),
        ("0", Ok(false)),
        (r#""False""#, Ok(false)),
        (r#""maybe""#, invalid.clone()),
        (r#""""#, invalid.clone()),
        ("2", invalid.clone()),
        ("[]", invalid),
        ("null", null),
    ];

    for (value, want) in cases {
        let mut form = form(&format!(r#"{{"a":{value}}}"#));
        let got = form.boolean("a");
        assert_eq!(finished(form, got), want, "{value}");
    }
}
