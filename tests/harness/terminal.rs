//! A terminal that nobody sits at but a test.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::tools;

/// Nothing that a test waits for takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal with a command at it.
pub struct Terminal {
    /// The end at which somebody sits.
    ours: File,
    /// The end that the command has, kept to look at.
    theirs: OwnedFd,
    child: Child,
    seen: Arc<Mutex<Vec<u8>>>,
    /// How much of that was looked at.
    at: usize,
}

impl Terminal {
    /// `command` at a terminal of its own, of that many rows and columns.
    pub fn start(command: &Command, rows: u16, columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("its other end");
        let name = ptsname(&ours, Vec::new()).expect("a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("its other end");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).expect("a size");
        // Its signals come only to a session that it is the terminal of.
        let mut session = tools::tool("setsid");
        session.arg("-c").arg(command.get_program()).args(command.get_args()).env_clear();
        session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        session.current_dir(command.get_current_dir().expect("the sandbox"));
        let end = || Stdio::from(theirs.try_clone().expect("one more"));
        session.stdin(end()).stdout(end()).stderr(end());
        let child = session.spawn().expect("setsid is there");
        drop(session);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut ours, all) = (File::from(ours), Arc::clone(&seen));
        let mut reader = ours.try_clone().expect("one more");
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                all.lock().expect("nobody panics with it").extend_from_slice(&buffer[..count]);
            }
        });
        ours.flush().expect("nothing to do");
        Self { ours, theirs, child, seen, at: 0 }
    }

    pub fn types(&mut self, keys: impl AsRef<[u8]>) {
        self.ours.write_all(keys.as_ref()).expect("a terminal takes what is typed");
    }

    /// All that was shown.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().expect("nobody panics with it")).into_owned()
    }

    /// Waits until it shows this, after what it was waited for before.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let begin = Instant::now();
        loop {
            let shown = self.shown();
            if let Some(found) = shown.get(self.at..).and_then(|rest| rest.find(text)) {
                self.at += found + text.len();
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "no {text:?} after {} in {shown:?}", self.at);
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.ours, size).expect("a size");
    }

    /// Whether it hands on keys as they are.
    pub fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.theirs.as_fd()).expect("a terminal");
        !modes.local_modes.contains(rustix::termios::LocalModes::ICANON)
    }

    pub fn pid(&self) -> i32 {
        self.child.id().try_into().expect("a PID")
    }

    /// Waits for the end of the command: its exit code.
    #[track_caller]
    pub fn ends(&mut self) -> Option<i32> {
        let mut status = None;
        let child = &mut self.child;
        let seen = &self.seen;
        let begin = Instant::now();
        while status.is_none() {
            status = child.try_wait().expect("it is ours");
            if begin.elapsed() > PATIENCE {
                panic!("it does not end: {}", String::from_utf8_lossy(&seen.lock().expect("no panic")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        status.and_then(|status| status.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
