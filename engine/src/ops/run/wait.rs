//! Waiting for a container.

use std::time::Duration;

use super::ending::SIGKILL;
use crate::Result;
use crate::runtime::{self, ContainerState, Said, Wish, read_status};
use crate::store::Store;

/// How often and how long it is looked whether somebody has cleared up: it takes no time.
const LOOKS: u32 = 500;
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Store {
    /// Waits until a container does not run, and gives the exit code of its last run.
    ///
    /// # Errors
    /// If there is none.
    pub fn wait(&self, name: &str) -> Result<i32> {
        let found = self.find_settled(name)?;
        let asked = found.connection(self).ok().map(|mut connection| {
            connection.wish(Wish::Wait { for_good: false })?;
            Ok::<_, runtime::Error>(connection)
        });
        let had_monitor = asked.is_some();
        if let Some(Ok(mut connection)) = asked {
            let mut code = None;
            while code.is_none() {
                let mut is_over = false;
                connection.listen::<crate::Error>(&mut |said| {
                    match said {
                        Said::Exited(ended) => code = Some(ended),
                        Said::Over => is_over = true,
                        _ => {}
                    }
                    Ok(())
                })?;
                if is_over {
                    break;
                }
            }
            if let Some(code) = code {
                return Ok(code);
            }
        }
        // It had ended, or its monitor was killed. Asked before it is cleared up, which takes
        // away one that is removed when it ends.
        for _ in 0..LOOKS {
            let status = read_status(&**self.disk(), &Self::container_dir(&found.container.id))?;
            let _ = self.settle(&found.container);
            match status.state {
                // Somebody else clears up, and holds what the monitor held.
                state if had_monitor && state.is_live() => std::thread::sleep(LOOK_EVERY),
                // Somebody else has, and has taken it away.
                ContainerState::Created if had_monitor => break,
                // Whether it could be cleared up is not what was asked.
                _ => return Ok(status.exit_code),
            }
        }
        Ok(128 + SIGKILL)
    }
}
