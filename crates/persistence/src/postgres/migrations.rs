//! Migrations, embedded in the program.

use deadpool::managed::Manager as _;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource as _};
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connection::Connector;
use super::open::PostgresError;
use crate::DEVELOPMENT_MIGRATION;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Key of the advisory lock that the migrating program holds while others wait.
const MIGRATION_LOCK: i64 = 0x6368_6174_5f6d_6967;

/// Migrations, and the wait for those of another program, may take long. They may scan whole tables.
const SESSION_SETTINGS: &str =
    "set lock_timeout = '5min'; set statement_timeout = 0; set enable_seqscan = on";

const TABLES: &str = "select table_name::text from information_schema.tables \
    where table_schema = current_schema() and table_type = 'BASE TABLE'";

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Runs pending migrations, and returns their versions. Of programs that start together, one
/// migrates and the others wait.
pub(super) async fn run(connector: &Connector) -> Result<Vec<String>, PostgresError> {
    let mut connection = connector.create().await?;
    let address = connector.address().to_string();
    let failed = |source: Cause| PostgresError::Migrate { address: address.clone(), source };
    let conn = &mut connection.conn;
    conn.batch_execute(SESSION_SETTINGS).await.map_err(|error| failed(error.into()))?;
    // Released when the connection closes.
    diesel::sql_query("select pg_advisory_lock($1)")
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .execute(conn)
        .await
        .map_err(|error| failed(error.into()))?;
    let tables = sql::<Text>(TABLES).load::<String>(conn).await;
    let tables = tables.map_err(|error| failed(error.into()))?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    if !tables.is_empty() && !has("__diesel_schema_migrations") {
        return Err(PostgresError::Foreign { address: address.clone() });
    }
    let known: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations().map_err(failed)?;
    let mut harness = AsyncMigrationHarness::new(connection.conn);
    let applied = harness.applied_migrations().map_err(failed)?;
    if applied.iter().any(|version| version.to_string() == DEVELOPMENT_MIGRATION) {
        return Err(PostgresError::Development { address: address.clone() });
    }
    let newer = applied
        .iter()
        .find(|version| known.iter().all(|known| known.name().version() != **version));
    if let Some(version) = newer {
        // Not an error, because migrations keep the previous version working during an upgrade.
        tracing::warn!(
            "a newer program migrated the database {address} to version {version}; upgrade this node"
        );
    }
    let added = harness.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    Ok(added.iter().map(ToString::to_string).collect())
}
