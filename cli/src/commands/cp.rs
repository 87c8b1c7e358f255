use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use larder_engine::{Copied, CopyOptions, Store};

use crate::context::{Context, about_container, no_such_container_or_image};
use crate::failure::Failure;
use crate::input;
use crate::names;
use crate::output::archive::Place;
use crate::output::size;

/// Copy files between a container and this machine
///
/// The rules are Docker's: into a directory that is there, else in the place of
/// the destination; SRC/. stands for what is in SRC. With - a tar is written to
/// standard output, or read from standard input. Files can be copied out of an
/// image too.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\t\
                      larder cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    after_help = "Example:\n  larder cp web:/etc/hosts .\n  larder cp site/. web:/srv\n  larder cp app:1:/bin/app - | tar -t"
)]
pub struct CpArgs {
    /// What to copy
    #[arg(value_name = "SRC")]
    source: std::ffi::OsString,
    /// Where to copy it
    #[arg(value_name = "DEST")]
    destination: std::ffi::OsString,
    /// Keep owners and all extended attributes
    #[arg(short, long)]
    archive: bool,
    /// Follow a symbolic link that is given as SRC
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Do not say what was copied
    #[arg(short, long)]
    quiet: bool,
}

/// What an argument of the command says.
enum Side<'a> {
    /// A path of this machine.
    Here(&'a OsStr),
    /// A path in a container, of which the name is not looked up yet.
    There(&'a [u8]),
}

impl<'a> Side<'a> {
    /// What begins with `/` or `.`, or has no colon, is a path of this machine.
    fn of(text: &'a OsStr) -> Self {
        let bytes = text.as_bytes();
        let is_here = [b"/", b".", b":"].iter().any(|start| bytes.starts_with(*start));
        match bytes.contains(&b':') && !is_here {
            true => Self::There(bytes),
            false => Self::Here(text),
        }
    }
}

pub fn cp(cx: &mut Context, args: &CpArgs) -> Result<(), Failure> {
    if args.source.is_empty() {
        return Err(Failure::plain("source can not be empty"));
    }
    if args.destination.is_empty() {
        return Err(Failure::plain("destination can not be empty"));
    }
    match (Side::of(&args.source), Side::of(&args.destination)) {
        (Side::There(from), Side::Here(to)) => copy_out(cx, args, from, to),
        (Side::Here(from), Side::There(to)) => copy_in(cx, args, from, to),
        (Side::There(_), Side::There(_)) => {
            Err(Failure::plain("copying between containers is not supported"))
        }
        (Side::Here(_), Side::Here(_)) => Err(Failure::plain("must specify at least one container source")),
    }
}

impl CpArgs {
    fn options(&self) -> CopyOptions {
        CopyOptions { follow: self.follow_link, archive: self.archive, ..CopyOptions::default() }
    }
}

fn copy_out(cx: &mut Context, args: &CpArgs, from: &[u8], to: &OsStr) -> Result<(), Failure> {
    let (store, name, path) = open(cx, from)?;
    let options = args.options();
    if to == "-" {
        let task = cx.task(true)?;
        Place::of_tar()?.write("copy", |out| {
            let copied = store.copy_out_tar(&name, path, out, &options, &task);
            copied.map_err(|error| about_container(error, &store, &name))
        })?;
        return Ok(());
    }
    let task = cx.task(args.quiet)?;
    let copied = store
        .copy_out(&name, path, Path::new(to), &options, &task)
        .map_err(|error| about_container(error, &store, &name))?;
    say(cx, args, &copied, &to.to_string_lossy());
    Ok(())
}

fn copy_in(cx: &mut Context, args: &CpArgs, from: &OsStr, to: &[u8]) -> Result<(), Failure> {
    let (store, name, path) = open(cx, to)?;
    let task = cx.task(args.quiet)?;
    let copied = if from == "-" {
        let tar =
            input::standard(&task, || Failure::plain("requested copy from stdin, but stdin is a terminal"))?;
        store.copy_in_tar(&name, tar, path, &task)
    } else {
        store.copy_in(&name, Path::new(from), path, &args.options(), &task)
    };
    let copied = copied.map_err(|error| about_container(error, &store, &name))?;
    say(cx, args, &copied, &format!("{name}:{}", String::from_utf8_lossy(&copied.to)));
    Ok(())
}

fn say(cx: &Context, args: &CpArgs, copied: &Copied, to: &str) {
    if !args.quiet {
        let text = format!("Successfully copied {} to {to}", size::short(copied.bytes));
        cx.sum_up(text, &[("bytes", copied.bytes)]);
    }
}

/// The store, the name of the container or image that `text` begins with, and the path behind
/// it: see [`names::split_path`].
fn open<'a>(cx: &mut Context, text: &'a [u8]) -> Result<(Store, String, &'a [u8]), Failure> {
    let first = text.split(|byte| *byte == b':').next().unwrap_or_default();
    let absent = || Failure::error(no_such_container_or_image(&String::from_utf8_lossy(first)));
    let store = cx.store()?.ok_or_else(absent)?;
    let split = names::split_path(&store, text, &cx.task(true)?);
    let split = split.map_err(|failed| about_container(failed.error, &store, &failed.name))?;
    let (name, path) = split.ok_or_else(|| Failure::plain("must specify at least one container source"))?;
    Ok((store, name, path))
}
