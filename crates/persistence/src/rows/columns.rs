//! The types of columns that statements written by hand give out, in the order of their rows.

use diesel::sql_types::{BigInt, Nullable, Text};

type MaybeNumber = Nullable<BigInt>;
type MaybeText = Nullable<Text>;

/// Of [`super::LockedHeadRow`].
pub(crate) type LockedHeadColumns = (HeadColumns, ConversationColumns);
type HeadColumns = (BigInt, BigInt, BigInt, BigInt);
type ConversationColumns = (
    BigInt,
    Text,
    MaybeNumber,
    MaybeNumber,
    MaybeText,
    MaybeText,
    Text,
    BigInt,
    MaybeNumber,
    BigInt,
);

/// Of [`super::MemberRow`].
pub(crate) type MemberColumns = (BigInt, BigInt, Text, Text, BigInt, MaybeNumber, BigInt, BigInt);
