//! Pages of lists and their opaque cursors. A list accepts only its own cursors.

use std::borrow::Cow;

use actix_web::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::problem::Problem;

/// The list of a cursor. Its number is part of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Conversations = 1,
    Messages = 2,
    Pins = 3,
    Members = 4,
    Invites = 5,
    Moderation = 6,
    Sessions = 7,
    Search = 8,
}

const CHECKSUM_BYTES: usize = 6;

pub(crate) fn encode<const N: usize>(list: List, numbers: [impl Into<i128>; N]) -> String {
    let mut bytes = vec![list as u8];
    bytes.extend(numbers.into_iter().flat_map(|number| number.into().to_be_bytes()));
    let checksum = checksum(&bytes);
    bytes.extend(checksum);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a cursor of `list`. Any other text is 400 for `field`.
pub(crate) fn decode<const N: usize>(
    list: List,
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<[i128; N]>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let detail = "must be a cursor that this list has returned";
    numbers(list, text).map(Some).ok_or_else(|| Problem::field(field, "cursor", detail))
}

fn numbers<const N: usize>(list: List, text: &str) -> Option<[i128; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (payload, given) = bytes.split_at_checked(1 + 16 * N)?;
    let (kind, rest) = payload.split_first()?;
    if *kind != list as u8 || given != checksum(payload) {
        return None;
    }
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(rest.chunks_exact(16)) {
        *number = i128::from_be_bytes(bytes.try_into().ok()?);
    }
    Some(numbers)
}

/// Detects accidental changes. Not a secret.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Truncates a number of a cursor to its original 64 bits.
pub(crate) fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The last item of a full page, after which the next page begins.
pub(crate) fn last<T>(items: &[T], limit: usize) -> Option<&T> {
    items.last().filter(|_| items.len() == limit)
}

/// A page of a list. Its schema is named after its items: `MessagePage`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T: Serialize> Page<T> {
    pub(crate) fn respond(
        items: impl IntoIterator<Item = impl Into<T>>,
        next: Option<String>,
    ) -> HttpResponse {
        let items = items.into_iter().map(Into::into).collect();
        HttpResponse::Ok().json(Self { items, next })
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let items = items.description(Some("In the order of the list."));
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("The cursor of the next page; `null` on the last page."));
        ObjectBuilder::new()
            .description(Some("A page of a list."))
            .property("items", items)
            .required("items")
            .property("next", next)
            .required("next")
            .examples([json!({"items": [example::<T>()], "next": null})])
            .into()
    }
}

/// The first example of a schema.
fn example<T: PartialSchema>() -> Value {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    schema.pointer("/examples/0").cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{List, decode, encode};

    const LISTS: [List; 8] = [
        List::Conversations,
        List::Messages,
        List::Pins,
        List::Members,
        List::Invites,
        List::Moderation,
        List::Sessions,
        List::Search,
    ];

    #[test]
    fn a_cursor_is_accepted_only_by_its_list() {
        let cursor = encode(List::Messages, [7, -1]);

        assert_eq!(decode(List::Messages, "before", Some(&cursor)), Ok(Some([7, -1])));
        assert_eq!(decode::<2>(List::Messages, "before", None), Ok(None));
        assert!(decode::<2>(List::Members, "before", Some(&cursor)).is_err());
        assert!(decode::<1>(List::Messages, "before", Some(&cursor)).is_err());
        for wrong in ["", "7", "ä", &cursor[1..], &cursor.to_lowercase()] {
            assert!(decode::<2>(List::Messages, "before", Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fuzz_cursors() {
        bolero::check!(name = "cursors").with_iterations(256).for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            for list in LISTS {
                if let Ok(Some([number])) = decode(list, "before", Some(&text)) {
                    assert_eq!(encode(list, [number]), text);
                }
                if let Ok(Some([one, other])) = decode(list, "before", Some(&text)) {
                    assert_eq!(encode(list, [one, other]), text);
                }
            }

            let mut bytes = input.iter().copied().chain(std::iter::repeat(0));
            let mut byte = || bytes.next().unwrap_or_default();
            let list = LISTS[usize::from(byte()) % LISTS.len()];
            let (at, changed) = (usize::from(byte()), byte());
            let numbers = [(); 2].map(|()| i128::from_be_bytes([(); 16].map(|()| byte())));
            let cursor = encode(list, numbers);
            for other in LISTS {
                let decoded = decode(other, "before", Some(&cursor));
                assert_eq!(decoded.ok(), (other == list).then_some(Some(numbers)));
            }
            let mut other = cursor.clone().into_bytes();
            let at = at % other.len();
            other[at] = changed;
            let other = String::from_utf8_lossy(&other);
            let decoded = decode::<2>(list, "before", Some(&other));
            assert_eq!(decoded.is_ok(), other == cursor, "{cursor} and {other}");
        });
    }
}
