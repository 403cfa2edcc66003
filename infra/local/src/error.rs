//! Why the local cloud does not start, each in one sentence.

use std::path::PathBuf;

/// Why the local cloud does not start.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A queue cannot be made.
    #[error("the queue {0}")]
    Queue(String),
    /// A setting makes no sense.
    #[error("{name} must be {expected}, not '{given}'")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        given: String,
    },
    /// Somebody else has the port.
    #[error("port {port} is in use: stop what listens there, or choose another with {setting}=<port>")]
    PortInUse {
        /// The port.
        port: u16,
        /// The setting that chooses it.
        setting: &'static str,
    },
    /// The port cannot be had for another reason.
    #[error("cannot listen on port {port}: {reason}")]
    Port {
        /// The port.
        port: u16,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// The data folder cannot be written.
    #[error("cannot write to the data folder {}: {reason}; choose another with BESPIN_DATA=<folder>, or :memory:", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// Another local cloud has the folder.
    #[error("another local cloud uses the data folder {}: stop it, or choose another folder with BESPIN_DATA=<folder>", folder.display())]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A file in the folder is not what we wrote.
    #[error("{} is damaged: {reason}; move the folder away to start anew", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The embedded stores do not open.
    #[error("{}: {}", .0, source_of(.0))]
    Open(#[from] bespin_embedded::OpenError),
    /// How to reach the other store is not clear.
    #[error("the store of BESPIN_DYNAMODB cannot be used: {0}")]
    Connection(#[source] bespin_aws::ConnectionError),
    /// The store does not work.
    #[error("the table cannot be used: {0}")]
    Table(#[from] bespin_table::TableError),
    /// The demo tenant could not be made.
    #[error("the demo tenant could not be made: {0}")]
    DemoTenant(String),
    /// Serving ended by itself.
    #[error("the server stopped: {0}")]
    Serve(#[source] std::io::Error),
}

fn source_of(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| "no further reason".to_owned(), ToString::to_string)
}
