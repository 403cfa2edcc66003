//! The folder that keeps everything of a local cloud: the table, the queues, the secret that API keys are hashed
//! with, and the demo tenant.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::LocalError;

/// A data folder that this process alone uses.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Held as long as the folder is used; the operating system lets go of it even after a kill.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is not there, and takes it for this process.
    pub fn open(path: &Path) -> Result<Self, LocalError> {
        let unwritable = |reason| LocalError::Folder { folder: path.to_owned(), reason };
        fs::create_dir_all(path).map_err(unwritable)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(LocalError::FolderInUse { folder: path.to_owned() }),
            Err(TryLockError::Error(reason)) => Err(unwritable(reason)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of a file in it; `None` when there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<String>, LocalError> {
        match fs::read_to_string(self.path.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(self.unusable(reason)),
        }
    }

    /// Writes a file that only its owner can read, whole or not at all.
    pub fn write(&self, name: &str, text: &str) -> Result<(), LocalError> {
        let draft = self.path.join(format!("{name}.draft"));
        write_private(&draft, text)
            .and_then(|()| fs::rename(&draft, self.path.join(name)))
            .and_then(|()| File::open(&self.path)?.sync_all())
            .map_err(|reason| self.unusable(reason))
    }

    fn unusable(&self, reason: io::Error) -> LocalError {
        LocalError::Folder { folder: self.path.clone(), reason }
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
