//! Whose presence a user does not see.

use std::collections::HashSet;

use application::ports::MOST_BLOCKERS;
use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Nullable, Text};
use domain::{UserId, Username};

use crate::failure::CorruptRow;
use crate::rows::username;

/// Separates names, none of which contains it.
const SEPARATOR: char = ',';

/// The names of the users with a block between them and this one, in one text. An expression of its
/// own, because the query around it reads the same tables.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct HiddenNames(pub(super) i64);

impl Expression for HiddenNames {
    type SqlType = Nullable<Text>;
}

impl<QS: ?Sized> SelectableExpression<QS> for HiddenNames {}

impl<QS: ?Sized> AppearsOnTable<QS> for HiddenNames {}

impl<GB> ValidGrouping<GB> for HiddenNames {
    type IsAggregate = is_aggregate::Never;
}

impl<DB> QueryFragment<DB> for HiddenNames
where
    DB: Backend + HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        static LIMIT: i64 = MOST_BLOCKERS as i64;
        out.push_sql(
            "(SELECT string_agg(username, ',') FROM accounts AS others WHERE id IN (\
             SELECT blocked_id FROM blocks WHERE blocker_id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(
            " UNION ALL SELECT blocker_id FROM (SELECT blocker_id FROM blocks WHERE blocked_id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&LIMIT)?;
        out.push_sql(") AS blockers))");
        Ok(())
    }
}

/// Parses [`HiddenNames`] of `user`.
pub(super) fn parse(user: UserId, names: Option<&str>) -> Result<HashSet<Username>, CorruptRow> {
    let names = names.unwrap_or_default().split(SEPARATOR).filter(|name| !name.is_empty());
    names.map(|name| username(user.get(), name)).collect()
}
