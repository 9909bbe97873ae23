//! The socket by which people on this machine ask the daemon for something.

use std::fs;
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Its name in the state directory.
pub const NAME: &str = "admin.sock";

/// Only the daemon's own user, and root.
const MODE: u32 = 0o600;

/// The socket's file; goes with the daemon.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    inode: u64,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another daemon may have put its own there meanwhile.
        if fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`. What an earlier process left there is replaced; the state directory's lock
/// says that no other one lives. The socket is made in a directory that nobody else may enter, and
/// moved once its mode is right, so there is no moment at which somebody else could connect.
///
/// # Errors
/// When it cannot be made, or something else is there.
pub fn bind(path: &Path) -> io::Result<(UnixListener, Socket)> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        let what = format!("{} is no socket; move it away", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    let beside = path.parent().unwrap_or(Path::new("."));
    let room = beside.join(format!(".{}", std::process::id()));
    let _ = fs::remove_dir_all(&room);
    fs::DirBuilder::new().mode(0o700).create(&room)?;
    let made = room.join("s");
    let bound = UnixListener::bind(&made).and_then(|listener| {
        fs::set_permissions(&made, fs::Permissions::from_mode(MODE))?;
        fs::rename(&made, path)?;
        Ok((listener, Socket { path: path.to_owned(), inode: fs::metadata(path)?.ino() }))
    });
    let _ = fs::remove_dir_all(&room);
    bound
}

/// The name of a user, by the system's list.
pub fn user_name(id: u32) -> Option<String> {
    let list = fs::read_to_string("/etc/passwd").ok()?;
    let named = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    };
    let name = list.lines().find_map(named)?;
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_graphic())).then_some(name)
}
