//! What a rule consists of.

use seccompiler::{SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition};

use crate::Result;
use crate::error::SeccompError;

/// The largest error number (`MAX_ERRNO` of the kernel).
const MAX_ERRNO: i32 = 4095;
/// The last argument of a call.
const LAST_ARGUMENT: u32 = 5;

/// What happens to a call.
#[allow(missing_docs, reason = "they are libseccomp's names")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScmpAction {
    KillProcess,
    KillThread,
    Trap,
    Notify,
    Errno(i32),
    Trace(u16),
    Log,
    Allow,
}

impl ScmpAction {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Notify => Err(SeccompError::Notify),
            Self::Errno(errno) if !(0..=MAX_ERRNO).contains(&errno) => Err(SeccompError::Errno(errno)),
            _ => Ok(()),
        }
    }

    /// The lower, the more it restricts: the kernel's order among filters.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::KillProcess => 0,
            Self::KillThread => 1,
            Self::Trap => 2,
            Self::Errno(_) => 3,
            Self::Notify => 4,
            Self::Trace(_) => 5,
            Self::Log => 6,
            Self::Allow => 7,
        }
    }

    /// Whether the call is not carried out, whatever else happens.
    pub(crate) fn denies(self) -> bool {
        self.rank() <= Self::Errno(0).rank()
    }

    pub(crate) fn compiled(self) -> Result<SeccompAction> {
        self.check()?;
        Ok(match self {
            Self::KillProcess => SeccompAction::KillProcess,
            Self::KillThread => SeccompAction::KillThread,
            Self::Trap => SeccompAction::Trap,
            Self::Errno(errno) => SeccompAction::Errno(errno.unsigned_abs()),
            Self::Trace(number) => SeccompAction::Trace(number.into()),
            Self::Log => SeccompAction::Log,
            Self::Allow => SeccompAction::Allow,
            Self::Notify => return Err(SeccompError::Notify),
        })
    }
}

/// How an argument is compared.
#[allow(missing_docs, reason = "they are libseccomp's names")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScmpCompareOp {
    NotEqual,
    Less,
    LessOrEqual,
    Equal,
    GreaterEqual,
    Greater,
    /// libcontainer gives the value here and the mask as the datum, in the order of the
    /// runtime-spec (`valueTwo` and `value`).
    MaskedEqual(u64),
}

/// A condition on an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScmpArgCompare {
    argument: u32,
    op: ScmpCompareOp,
    datum: u64,
}

impl ScmpArgCompare {
    /// That argument `argument`, from 0, compares so to `datum`.
    pub fn new(argument: u32, op: ScmpCompareOp, datum: u64) -> Self {
        Self { argument, op, datum }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.argument > LAST_ARGUMENT { Err(SeccompError::Argument(self.argument)) } else { Ok(()) }
    }

    pub(crate) fn compiled(&self, is_32_bit: bool) -> Result<SeccompCondition> {
        let (op, value) = match self.op {
            ScmpCompareOp::NotEqual => (SeccompCmpOp::Ne, self.datum),
            ScmpCompareOp::Less => (SeccompCmpOp::Lt, self.datum),
            ScmpCompareOp::LessOrEqual => (SeccompCmpOp::Le, self.datum),
            ScmpCompareOp::Equal => (SeccompCmpOp::Eq, self.datum),
            ScmpCompareOp::GreaterEqual => (SeccompCmpOp::Ge, self.datum),
            ScmpCompareOp::Greater => (SeccompCmpOp::Gt, self.datum),
            ScmpCompareOp::MaskedEqual(value) => (SeccompCmpOp::MaskedEq(self.datum), value),
        };
        let size = if is_32_bit { SeccompCmpArgLen::Dword } else { SeccompCmpArgLen::Qword };
        let argument = u8::try_from(self.argument).map_err(|_| SeccompError::Argument(self.argument))?;
        Ok(SeccompCondition::new(argument, size, op, value)?)
    }
}
