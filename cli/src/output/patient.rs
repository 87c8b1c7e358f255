//! Standard streams that somebody else has made not to wait.

use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

/// Writes past all buffers, and waits where the stream itself does not: whoever shares it may
/// have set it up so (`O_NONBLOCK` is of the open file, not of the process).
pub struct Patient<F>(pub F);

impl<F: AsFd> Write for Patient<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(&self.0, bytes) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    match poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None) {
                        Err(rustix::io::Errno::INTR) => {}
                        ready => _ = ready?,
                    }
                }
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::thread;

    use super::*;

    /// More than a pipe holds, into one that does not wait.
    #[test]
    fn all_is_written_to_a_stream_that_does_not_wait() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let reading = thread::spawn(move || {
            thread::sleep(std::time::Duration::from_millis(50));
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|count| (count, bytes))
        });
        let bytes = vec![7; 1 << 20];
        Patient(writer).write_all(&bytes).unwrap();
        assert!(reading.join().unwrap().unwrap() == (bytes.len(), bytes));
    }
}
