//! A profile in Docker's format (moby `profiles/seccomp`): that of the runtime-spec
//! (`config-linux.md#seccomp`) with conditions.
//!
//! What is not known is refused: it may be what makes the profile safe.

use oci_spec::runtime::{
    Arch, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompArgBuilder,
    LinuxSeccompFilterFlag as Flag, LinuxSeccompOperator as Operator,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::ProfileError;

/// The largest error number (`MAX_ERRNO` of the kernel).
const MAX_ERRNO: u32 = 4095;
/// The last argument of a system call.
const LAST_ARGUMENT: usize = 5;

/// A profile.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    default_action: Option<Action>,
    /// The error number of `SCMP_ACT_ERRNO`.
    pub default_errno_ret: Option<u32>,
    architectures: Option<Vec<Arch>>,
    pub arch_map: Option<Vec<Architecture>>,
    flags: Option<Vec<Flag>>,
    pub syscalls: Option<Vec<Rule>>,
    // What other engines write beside `defaultErrnoRet`: its name.
    #[serde(rename = "defaultErrno")]
    _default_errno: Option<IgnoredAny>,
    listener_path: Option<IgnoredAny>,
    listener_metadata: Option<IgnoredAny>,
}

/// An architecture and those whose programs its machines execute, too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Architecture {
    pub architecture: Arch,
    pub sub_architectures: Option<Vec<Arch>>,
}

/// What happens to some calls.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// What old profiles have instead of `names`.
    name: Option<String>,
    names: Option<Vec<String>>,
    pub action: Action,
    pub errno_ret: Option<u32>,
    args: Option<Vec<Argument>>,
    includes: Option<Condition>,
    excludes: Option<Condition>,
    #[serde(rename = "comment")]
    _comment: Option<IgnoredAny>,
    // What other engines write beside `errnoRet`: its name.
    #[serde(rename = "errno")]
    _errno: Option<IgnoredAny>,
}

/// What an argument is compared with.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Argument {
    pub index: usize,
    pub value: u64,
    #[serde(default)]
    pub value_two: u64,
    pub op: Operator,
}

/// When a rule holds, or when it does not.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    pub caps: Option<Vec<String>>,
    pub arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// If it is none, contradicts itself, or has what cannot be honoured.
    pub fn parse(json: &str) -> Result<Self, ProfileError> {
        let profile: Self = serde_json::from_str(json)?;
        profile.check()?;
        Ok(profile)
    }

    /// One of our own.
    pub(super) fn new(default_action: Action, default_errno_ret: u32, arch_map: Vec<Architecture>) -> Self {
        Self {
            default_action: Some(default_action),
            default_errno_ret: Some(default_errno_ret),
            arch_map: Some(arch_map),
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), ProfileError> {
        let default = self.default_action.ok_or(ProfileError::NoDefaultAction)?;
        check_action(default, self.default_errno_ret)?;
        let has_map = self.arch_map.as_ref().is_some_and(|map| !map.is_empty());
        if has_map && !self.architectures().is_empty() {
            return Err(ProfileError::ArchitecturesTwice);
        }
        if self.listener_path.is_some() || self.listener_metadata.is_some() {
            return Err(ProfileError::Unsupported("a listener"));
        }
        if self.flags().contains(&Flag::SeccompFilterFlagWaitKillableRecv) {
            return Err(ProfileError::Unsupported("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
        }
        self.syscalls.iter().flatten().try_for_each(Rule::check)
    }

    /// What happens to calls that no rule names.
    pub fn default_action(&self) -> Action {
        // Checked when it was read.
        self.default_action.unwrap_or(Action::ScmpActErrno)
    }

    /// The architectures that are named outright.
    pub fn architectures(&self) -> &[Arch] {
        self.architectures.as_deref().unwrap_or_default()
    }

    /// Flags of the filter.
    pub fn flags(&self) -> &[Flag] {
        self.flags.as_deref().unwrap_or_default()
    }
}

impl Rule {
    /// One of our own.
    pub(super) fn new(names: &[&str], action: Action) -> Self {
        Self {
            name: None,
            names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            action,
            errno_ret: None,
            args: None,
            includes: None,
            excludes: None,
            _comment: None,
            _errno: None,
        }
    }

    pub(super) fn on_argument(self, argument: Argument) -> Self {
        Self { args: Some(vec![argument]), ..self }
    }

    pub(super) fn with_errno(self, errno: u32) -> Self {
        Self { errno_ret: Some(errno), ..self }
    }

    pub(super) fn including(self, condition: Condition) -> Self {
        Self { includes: Some(condition), ..self }
    }

    pub(super) fn excluding(self, condition: Condition) -> Self {
        Self { excludes: Some(condition), ..self }
    }

    fn check(&self) -> Result<(), ProfileError> {
        let old = self.name.as_deref().is_some_and(|name| !name.is_empty());
        let new = self.names.as_ref().is_some_and(|names| !names.is_empty());
        match (old, new) {
            (true, true) => return Err(ProfileError::NamesTwice),
            (false, false) => return Err(ProfileError::NoNames),
            _ => {}
        }
        check_action(self.action, self.errno_ret)?;
        if let Some(wrong) = self.args().iter().find(|argument| argument.index > LAST_ARGUMENT) {
            return Err(ProfileError::Argument(wrong.index));
        }
        for condition in [&self.includes, &self.excludes].into_iter().flatten() {
            condition.min_kernel()?;
        }
        Ok(())
    }

    /// The calls that it is about.
    pub fn names(&self) -> Vec<String> {
        let name = self.name.iter().filter(|name| !name.is_empty());
        name.chain(self.names.iter().flatten()).cloned().collect()
    }

    /// What holds of the arguments.
    pub fn args(&self) -> &[Argument] {
        self.args.as_deref().unwrap_or_default()
    }

    /// When it holds, and when not.
    pub fn conditions(&self) -> (Option<&Condition>, Option<&Condition>) {
        (self.includes.as_ref(), self.excludes.as_ref())
    }
}

impl Argument {
    /// As the runtime-spec has it.
    ///
    /// # Errors
    /// If the library's type does not take it.
    pub fn to_spec(self) -> Result<LinuxSeccompArg, ProfileError> {
        let arg = LinuxSeccompArgBuilder::default().index(self.index).value(self.value).op(self.op);
        arg.value_two(self.value_two).build().map_err(|_| ProfileError::Argument(self.index))
    }
}

impl Condition {
    /// That the container may have all of these capabilities.
    pub(super) fn of_caps(caps: &[&str]) -> Self {
        Self { caps: Some(caps.iter().map(|cap| (*cap).to_owned()).collect()), ..Self::default() }
    }

    pub(super) fn of_arches(arches: &[&str]) -> Self {
        Self::default().or_arches(arches)
    }

    pub(super) fn or_arches(self, arches: &[&str]) -> Self {
        Self { arches: Some(arches.iter().map(|arch| (*arch).to_owned()).collect()), ..self }
    }

    pub(super) fn of_kernel(version: &str) -> Self {
        Self { min_kernel: Some(version.to_owned()), ..Self::default() }
    }

    /// The kernel that it takes at least.
    pub fn min_kernel(&self) -> Result<Option<(u32, u32)>, ProfileError> {
        let Some(text) = self.min_kernel.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let number = |part: &str| part.parse::<u8>().ok().map(u32::from);
        let parts = text.split_once('.').and_then(|(kernel, major)| Some((number(kernel)?, number(major)?)));
        let version = parts.filter(|version| *version != (0, 0));
        version.map(Some).ok_or_else(|| ProfileError::Kernel(text.to_owned()))
    }
}

fn check_action(action: Action, errno: Option<u32>) -> Result<(), ProfileError> {
    match (action, errno) {
        (Action::ScmpActNotify, _) => Err(ProfileError::Unsupported("SCMP_ACT_NOTIFY")),
        (_, Some(errno)) if errno > MAX_ERRNO => Err(ProfileError::Errno(errno)),
        _ => Ok(()),
    }
}
