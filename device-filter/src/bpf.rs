//! `bpf(2)`, as far as a device filter needs it. The only module with unsafe code.
//!
//! Each command takes a pointer to `union bpf_attr` and its size. The structures below are the
//! members of that union that the commands use, up to their last field that is set here; the
//! kernel takes the rest as zero.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::program::Instruction;

// `enum bpf_cmd`.
const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;

/// `BPF_PROG_TYPE_CGROUP_DEVICE`.
const CGROUP_DEVICE_PROGRAM: u32 = 15;
/// `BPF_CGROUP_DEVICE`.
const CGROUP_DEVICE: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: programs of the cgroups above run too, and all have to agree.
const ALLOW_MULTI: u32 = 2;

/// More filters than this are on no cgroup: the kernel's `BPF_CGROUP_MAX_PROGS`.
const MAX_PROGRAMS: usize = 64;

#[repr(C)]
struct LoadAttributes {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
struct AttachAttributes {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
struct QueryAttributes {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    /// The union is a multiple of eight bytes.
    padding: u32,
}

#[repr(C)]
struct InfoAttributes {
    program: u32,
    info_size: u32,
    info: u64,
}

/// The beginning of `struct bpf_prog_info`.
#[repr(C)]
#[derive(Default)]
struct ProgramInfo {
    kind: u32,
    id: u32,
}

/// Hands a program to the kernel, whose verifier checks it.
pub fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let mut attributes = LoadAttributes {
        kind: CGROUP_DEVICE_PROGRAM,
        instruction_count: u32::try_from(program.len()).map_err(io::Error::other)?,
        instructions: program.as_ptr() as u64,
        // It calls none of the kernel's functions, so none that is for GPL programs only.
        license: c"MIT".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
    };
    // SAFETY: the attributes are those of the command. They point to `program`, which is as
    // long as they say, and to a string that ends in NUL; the kernel copies both.
    let fd = unsafe { call(PROG_LOAD, &mut attributes) }?;
    // SAFETY: the kernel has just opened the descriptor for this process, with close-on-exec
    // set, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Puts a program that is loaded in force for a cgroup.
pub fn attach(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attributes = AttachAttributes {
        target: number(cgroup),
        program: number(program),
        attach_type: CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the attributes are those of the command, and point nowhere.
    unsafe { call(PROG_ATTACH, &mut attributes) }.map(drop)
}

/// The IDs of the device filters of a cgroup.
pub fn query(cgroup: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut ids = [0_u32; MAX_PROGRAMS];
    let mut attributes = QueryAttributes {
        target: number(cgroup),
        attach_type: CGROUP_DEVICE,
        query_flags: 0,
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: MAX_PROGRAMS as u32,
        padding: 0,
    };
    // SAFETY: the attributes are those of the command. They point to `ids`, which has room for
    // as many as they say, and which outlives the call.
    unsafe { call(PROG_QUERY, &mut attributes) }?;
    Ok(ids.into_iter().take(attributes.count as usize).collect())
}

/// The kernel's ID of a program.
pub fn id(program: BorrowedFd<'_>) -> io::Result<u32> {
    let mut info = ProgramInfo::default();
    let mut attributes = InfoAttributes {
        program: number(program),
        info_size: size_of::<ProgramInfo>() as u32,
        info: &raw mut info as u64,
    };
    // SAFETY: the attributes are those of the command. They point to `info`, of which the
    // kernel writes no more than the size that they tell, and which outlives the call.
    unsafe { call(OBJ_GET_INFO_BY_FD, &mut attributes) }?;
    Ok(info.id)
}

/// A descriptor that is open is not negative.
fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().unsigned_abs()
}

/// # Safety
/// `attributes` must have the layout that the kernel has for `command`, and every pointer in it
/// must be valid for what the command does with it.
unsafe fn call<T>(command: libc::c_int, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: the caller vouches for what the attributes say; their address and size are theirs.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, attributes as *mut T, size_of::<T>() as libc::c_uint)
    };
    match i32::try_from(result) {
        Ok(value @ 0..) => Ok(value),
        _ => Err(io::Error::last_os_error()),
    }
}
