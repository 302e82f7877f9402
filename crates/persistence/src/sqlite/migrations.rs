//! Migrations, embedded in the program.

use std::error::Error;

use diesel::migration::{Migration, MigrationSource as _};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::DEVELOPMENT_MIGRATION;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

#[derive(Debug, thiserror::Error)]
pub(super) enum MigrateError {
    /// The database has tables of another program.
    #[error("the database belongs to another program")]
    Foreign,
    #[error("the database was made by a development version")]
    Development,
    /// A newer program migrated the database to this version.
    #[error("the database has version {0}")]
    Newer(String),
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
}

impl From<diesel::result::Error> for MigrateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs all pending migrations or none, and returns their versions. Of programs that start
/// together, one migrates and the others wait.
pub(super) fn run(connection: &mut SqliteConnection) -> Result<Vec<String>, MigrateError> {
    connection.immediate_transaction(|connection| {
        let names: Vec<String> =
            sqlite_schema::table.select(sqlite_schema::name).load(connection)?;
        let has = |name: &str| names.iter().any(|known| known == name);
        if !names.is_empty() && !has("__diesel_schema_migrations") {
            return Err(MigrateError::Foreign);
        }
        let known: Vec<Box<dyn Migration<Sqlite>>> =
            MIGRATIONS.migrations().map_err(MigrateError::Failed)?;
        let applied = connection.applied_migrations().map_err(MigrateError::Failed)?;
        if applied.iter().any(|version| version.to_string() == DEVELOPMENT_MIGRATION) {
            return Err(MigrateError::Development);
        }
        let newer = applied
            .iter()
            .find(|version| known.iter().all(|known| known.name().version() != **version));
        if let Some(version) = newer {
            return Err(MigrateError::Newer(version.to_string()));
        }
        let added = connection.run_pending_migrations(MIGRATIONS).map_err(MigrateError::Failed)?;
        Ok(added.iter().map(ToString::to_string).collect())
    })
}

diesel::table! {
    /// SQLite's internal list of tables and indexes.
    sqlite_schema (name) {
        name -> Text,
    }
}
