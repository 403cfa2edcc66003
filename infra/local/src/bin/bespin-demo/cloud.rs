//! The cloud that the demo calls: one that runs already, or one of its own.

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
};

use bespin_local::{LocalSettings, Server};
use tokio::{runtime::Runtime, sync::oneshot};

use crate::{client::is_bespin, error::DemoError};

/// The cloud that the demo calls.
pub(crate) enum DemoCloud {
    /// Somebody else's, who also stops it.
    Found {
        /// Where it listens.
        port: u16,
    },
    /// Ours, in a thread of this process.
    Started {
        /// Where it listens.
        port: u16,
        /// Tells it to stop.
        stop: oneshot::Sender<()>,
        /// Its thread.
        thread: JoinHandle<Result<(), DemoError>>,
    },
}

impl DemoCloud {
    /// The cloud on the port that the settings name, or else a new one.
    pub(crate) fn find_or_start(settings: &LocalSettings) -> Result<Self, DemoError> {
        let port = settings.port;
        if port != 0 && is_bespin(port) { Ok(Self::Found { port }) } else { Self::start(settings.clone()) }
    }

    fn start(settings: LocalSettings) -> Result<Self, DemoError> {
        let (opened, port) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("cloud".to_owned())
            .spawn(move || serve(&settings, &opened, stopped))
            .map_err(|error| DemoError::Thread(error.to_string()))?;
        match port.recv() {
            Ok(port) => Ok(Self::Started { port, stop, thread }),
            // It ended before it listened, and knows why.
            Err(_) => {
                Err(end_of(thread).err().unwrap_or_else(|| DemoError::Thread("it ended at once".to_owned())))
            }
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Found { port } | Self::Started { port, .. } => *port,
        }
    }

    /// The same, for people.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.port())
    }

    /// Stops the cloud, unless it is somebody else's.
    pub(crate) fn stop(self) -> Result<(), DemoError> {
        match self {
            Self::Found { .. } => Ok(()),
            Self::Started { stop, thread, .. } => {
                // Where nobody hears it any more, the thread has ended and says why.
                let _ = stop.send(());
                end_of(thread)
            }
        }
    }
}

fn serve(
    settings: &LocalSettings,
    opened: &mpsc::Sender<u16>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), DemoError> {
    let runtime = Runtime::new().map_err(|error| DemoError::Thread(error.to_string()))?;
    runtime.block_on(async {
        let server = Server::open(settings).await?;
        // Whoever started us waits for the port; where it does not, `stopped` is done at once.
        let _ = opened.send(server.product().port());
        let stop = async { drop(stopped.await) };
        server.serve(stop).await
    })?;
    Ok(())
}

fn end_of(thread: JoinHandle<Result<(), DemoError>>) -> Result<(), DemoError> {
    thread.join().unwrap_or_else(|_| Err(DemoError::Thread("it stopped unexpectedly".to_owned())))
}
