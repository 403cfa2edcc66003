//! DynamoDB and SQS inside the process, behind the SDK's HTTP connector, with faults on demand.
//!
//! The product's code talks to AWS through the SDK clients and nothing else. This crate takes the place of
//! the network below those clients: requests are signed, serialised and retried as they would be for AWS,
//! then answered here from SQLite. Tests open both stores in memory in about a millisecond; the local cloud
//! keeps them in files.
//!
//! - [`EmbeddedDynamoDb`] is dynoxide, reached without a socket, or with one through
//!   [`EmbeddedDynamoDb::serve`].
//! - [`EmbeddedSqs`] is our own queue: standard and FIFO, durable, with the service's limits and refusals.
//! - [`Faults`] makes either of them conflict, throttle, lose a reply or die between two calls. No emulator
//!   does so by itself, and AWS does when one least expects it.
//! - [`Embedded`] is both stores as one [`Connection`].
//!
//! It must never become a dependency of a Lambda.

#![allow(clippy::doc_markdown, reason = "DynamoDB, SQLite and CloudFormation are names, not code")]

mod clock;
mod connector;
mod dynamodb;
mod faults;
mod observed;
mod sqs;

use std::path::Path;

use bespin_aws::Connection;

pub use clock::MillisClock;
pub use dynamodb::EmbeddedDynamoDb;
pub use faults::{Fault, Faults};
pub use observed::{as_function, is_observed};
pub use sqs::EmbeddedSqs;

use connector::Connector;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder of the stores cannot be made.
    #[error("the folder of the embedded stores cannot be made")]
    Folder(#[source] std::io::Error),
    /// The path of a database file is not valid UTF-8.
    #[error("the path of the embedded DynamoDB is not valid UTF-8")]
    Path,
    /// The file of the table cannot be opened, or is of another make.
    #[error("the embedded DynamoDB cannot be opened")]
    DynamoDb(#[from] dynoxide::DynoxideError),
    /// The file of the queues cannot be opened, or is of another make.
    #[error("the embedded SQS cannot be opened")]
    Sqs(#[from] rusqlite::Error),
}

/// Both stores, one connection to them, and one plan of faults for all calls through it.
///
/// A clone is another handle to the same stores.
#[derive(Debug, Clone)]
pub struct Embedded {
    dynamodb: EmbeddedDynamoDb,
    sqs: EmbeddedSqs,
    faults: Faults,
}

impl Embedded {
    /// Opens both stores in memory. They end with the last handle.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Ok(Self::new(EmbeddedDynamoDb::open_in_memory()?, EmbeddedSqs::open_in_memory()?))
    }

    /// Opens `dynamodb.sqlite` and `sqs.sqlite` in `folder`, and makes what is missing.
    ///
    /// One process at a time may have them open.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(folder).map_err(OpenError::Folder)?;
        Ok(Self::new(
            EmbeddedDynamoDb::open_file(&folder.join("dynamodb.sqlite"))?,
            EmbeddedSqs::open_file(&folder.join("sqs.sqlite"))?,
        ))
    }

    /// Joins two stores. From here on both follow one plan of faults, a fresh one.
    pub fn new(dynamodb: EmbeddedDynamoDb, sqs: EmbeddedSqs) -> Self {
        let faults = Faults::default();
        Self { dynamodb: dynamodb.with_faults(faults.clone()), sqs: sqs.with_faults(faults.clone()), faults }
    }

    /// How SDK clients reach both stores.
    pub fn connection(&self) -> Connection {
        let connector = Connector::to_both(self.dynamodb.clone(), self.sqs.clone(), self.faults.clone());
        Connection::local(connector)
    }

    /// The table.
    pub fn dynamodb(&self) -> &EmbeddedDynamoDb {
        &self.dynamodb
    }

    /// The queues.
    pub fn sqs(&self) -> &EmbeddedSqs {
        &self.sqs
    }

    /// The plan of faults for calls through [`Embedded::connection`]. Calls over a loopback port meet none.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}
