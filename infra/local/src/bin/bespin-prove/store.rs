//! Which store is read.

use std::{path::PathBuf, sync::Arc};

use bespin_aws::{Connection, ConnectionError};
use bespin_embedded::{Embedded, OpenError};
use bespin_local::{DataFolder, LocalError, LocalSettings, Storage, connection_to};
use bespin_primitives::OsRandom;
use bespin_table::{Table, TableError};

/// Why nothing could be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnprovableError {
    #[error("there is no tenant '{0}'")]
    NoTenant(String),
    #[error("there are no data in {}: `make run` makes some", .0.display())]
    NoData(PathBuf),
    #[error("data in memory end with their process; set BESPIN_DATA to a folder")]
    Memory,
    #[error("STORE must be aws, or not be set")]
    UnknownStore,
    #[error("TABLE_NAME must be set for STORE=aws")]
    NoTable,
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Embedded(#[from] OpenError),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("the store cannot be read: {0}")]
    Table(#[from] TableError),
}

/// An open store and the name of its table.
pub(crate) struct Store {
    connection: Connection,
    table_name: String,
    /// Held while the folder is read.
    _folder: Option<DataFolder>,
}

impl Store {
    /// The store that the settings tell.
    pub(crate) fn open(find: impl Fn(&str) -> Option<String>) -> Result<Self, UnprovableError> {
        match find("STORE").as_deref() {
            None => Self::local(&LocalSettings::from_lookup(&find)?),
            Some("aws") => Ok(Self {
                table_name: find("TABLE_NAME").ok_or(UnprovableError::NoTable)?,
                connection: Connection::from_env()?,
                _folder: None,
            }),
            Some(_) => Err(UnprovableError::UnknownStore),
        }
    }

    /// The store of `make run`: another one by its URL, the data folder, or, where that is in use, the port on which
    /// the process that uses it offers its table.
    fn local(settings: &LocalSettings) -> Result<Self, UnprovableError> {
        let over = |connection, folder| Self {
            connection,
            table_name: settings.table_name.clone(),
            _folder: folder,
        };
        if let Some(url) = &settings.dynamodb {
            return Ok(over(connection_to(url)?, None));
        }
        let Storage::Folder(path) = &settings.storage else { return Err(UnprovableError::Memory) };
        if !path.is_dir() {
            return Err(UnprovableError::NoData(path.clone()));
        }
        match DataFolder::open(path) {
            Ok(folder) => Ok(over(Embedded::open(folder.path())?.connection(), Some(folder))),
            Err(LocalError::FolderInUse { .. }) => {
                let port = settings.dynamodb_port.unwrap_or(settings.port.saturating_add(1));
                Ok(over(connection_to(&format!("http://127.0.0.1:{port}"))?, None))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn table(&self) -> Table {
        Table::new(&self.connection, &self.table_name, Arc::new(OsRandom))
    }
}
