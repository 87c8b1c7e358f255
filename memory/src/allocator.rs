//! The system's allocator, and what happens when it has nothing left.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::sync::atomic::{AtomicI32, Ordering};

/// The longest message, in bytes.
const MESSAGE_BYTES: usize = 256;

/// The exit code of a process that ends because memory ran out.
static EXIT_CODE: AtomicI32 = AtomicI32::new(1);

thread_local! {
    /// Whether the allocation under way may fail. Needs no allocation and no destructor itself.
    static MAY_FAIL: Cell<bool> = const { Cell::new(false) };
}

/// Sets the exit code of a process that ends because memory ran out, which is 1 otherwise.
pub fn set_exit_code(code: u8) {
    EXIT_CODE.store(code.into(), Ordering::Relaxed);
}

/// Allocates, and lets that fail.
///
/// `allocate` must do nothing else: an allocation in it that cannot report a failure aborts.
pub(crate) fn fallible<T>(allocate: impl FnOnce() -> T) -> T {
    /// Also resets the flag if `allocate` panics.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            let _ = MAY_FAIL.try_with(|flag| flag.set(false));
        }
    }
    let _ = MAY_FAIL.try_with(|flag| flag.set(true));
    let _reset = Reset;
    allocate()
}

/// An allocator that ends the process with a message when memory runs out, unless the caller
/// can handle it. For `#[global_allocator]`.
#[derive(Debug, Default)]
pub struct Allocator<A = System> {
    inner: A,
}

impl Allocator {
    /// The system's allocator.
    pub const fn new() -> Self {
        Self { inner: System }
    }
}

impl<A> Allocator<A> {
    /// Another one: for tests, one that fails.
    pub const fn over(inner: A) -> Self {
        Self { inner }
    }
}

// SAFETY: every call goes to `A`, which is a `GlobalAlloc`, with the arguments as they came, and
// its answer is returned as it is. Where the process ends instead, nothing is returned. Nothing
// here unwinds or allocates.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Allocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        checked(unsafe { self.inner.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        checked(unsafe { self.inner.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`.
        checked(unsafe { self.inner.realloc(place, layout, size) }, size)
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { self.inner.dealloc(place, layout) }
    }
}

fn checked(place: *mut u8, wanted: usize) -> *mut u8 {
    // A thread whose variables are gone is ending, and handles nothing.
    if place.is_null() && !MAY_FAIL.try_with(Cell::get).unwrap_or(false) {
        end(wanted);
    }
    place
}

/// Prints the message and ends the process, with what needs no memory.
#[cold]
fn end(wanted: usize) -> ! {
    let mut message = [0; MESSAGE_BYTES];
    let mut left = &mut message[..];
    // It fits; what does not is cut.
    let _ = write!(
        left,
        "Error: out of memory: {wanted} bytes wanted\n\
         hint: raise the limit on memory (ulimit -v, memory.max of the cgroup), or end other programs\n"
    );
    let unused = left.len();
    let text = message.get(..MESSAGE_BYTES - unused).unwrap_or_default();
    // SAFETY: `write` reads `text.len()` bytes that are there; a failure changes nothing. `_exit`
    // takes a number and does not return.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        libc::_exit(EXIT_CODE.load(Ordering::Relaxed))
    }
}
