//! Commands that do one thing to each of several containers.

use larder_engine::Store;

use crate::context::{Context, about_container, no_such_container};
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub struct ContainersArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Does something to a container, and gives what is to be printed.
type Act<'a> = &'a mut dyn FnMut(&Store, &str) -> larder_engine::Result<String>;

impl ContainersArgs {
    /// Does `act` to all of them, whatever becomes of one, and prints what it gives.
    pub fn each(&self, cx: &mut Context, act: Act<'_>) -> Result<(), Failure> {
        self.each_or(cx, act, &|failure, _| failure)
    }

    /// The same; a failure is told as `reworded` has it.
    pub fn each_or(
        &self,
        cx: &mut Context,
        act: Act<'_>,
        reworded: &dyn Fn(Failure, &str) -> Failure,
    ) -> Result<(), Failure> {
        let store = cx.store()?;
        let mut has_failed = false;
        for name in &self.containers {
            let done = match &store {
                Some(store) => act(store, name).map_err(|error| about_container(error, store, name)),
                None => Err(Failure::error(no_such_container(name))),
            };
            match done {
                Ok(line) => {
                    cx.print(&format!("{line}\n"))?;
                    // Who waits for several wants to know of each at once.
                    cx.flush()?;
                }
                Err(failure) => {
                    cx.tell(&reworded(failure, name));
                    has_failed = true;
                }
            }
        }
        if has_failed { Err(Failure::silent()) } else { Ok(()) }
    }
}
