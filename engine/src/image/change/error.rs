//! Why a text is no change, in Docker's words.

use crate::image::DurationError;

/// Why a text is no change, in the words of Docker's classic builder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Empty lines and comments only.
    #[error("file with no instructions")]
    Nothing,
    /// An instruction that is none, or that makes no sense as a change.
    #[error("{instruction} is not a valid change command")]
    NotAChange {
        /// The instruction, in small letters.
        instruction: String,
    },
    /// Nothing behind the instruction.
    #[error("{instruction} requires at least one argument")]
    NoArguments {
        /// The instruction.
        instruction: &'static str,
    },
    /// Not exactly one thing behind the instruction.
    #[error("{instruction} requires exactly one argument")]
    OneArgument {
        /// The instruction.
        instruction: &'static str,
    },
    /// A name without a value.
    #[error("{instruction} must have two arguments")]
    TwoArguments {
        /// The instruction.
        instruction: &'static str,
    },
    /// One word of several without a value.
    #[error("Syntax error - can't find = in {word:?}. Must be of the form: name=value")]
    NoEquals {
        /// The word.
        word: String,
    },
    /// A value without a name.
    #[error("{instruction} names can not be blank")]
    BlankName {
        /// The instruction.
        instruction: &'static str,
    },
    /// A JSON array of something else.
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    NotStrings,
    /// An option that the instruction does not have.
    #[error("Unknown flag: {flag}")]
    UnknownFlag {
        /// Its name.
        flag: String,
    },
    /// An option twice.
    #[error("Duplicate flag specified: {flag}")]
    DuplicateFlag {
        /// Its name.
        flag: String,
    },
    /// An option without its value.
    #[error("Missing a value on flag: {flag}")]
    NoFlagValue {
        /// Its name.
        flag: String,
    },
    /// `ONBUILD ONBUILD`
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    ChainedOnBuild,
    /// An instruction that cannot wait.
    #[error("{instruction} isn't allowed as an ONBUILD trigger")]
    NotATrigger {
        /// The instruction.
        instruction: String,
    },
    /// `HEALTHCHECK NONE` with more behind it.
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    /// `HEALTHCHECK CMD` with nothing behind it.
    #[error("Missing command after HEALTHCHECK CMD")]
    NoHealthcheck,
    /// `HEALTHCHECK` with something else than `CMD` or `NONE`.
    #[error("Unknown type {kind:?} in HEALTHCHECK (try CMD)")]
    HealthcheckKind {
        /// What it has.
        kind: String,
    },
    /// A time that is none.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// A time that is too short to be meant.
    #[error("Interval {flag:?} cannot be less than 1ms")]
    ShortInterval {
        /// The option.
        flag: String,
    },
    /// A count that is no number.
    #[error("strconv.ParseInt: parsing {text:?}: invalid syntax")]
    Retries {
        /// What it is.
        text: String,
    },
    /// A count below one.
    #[error("--retries must be at least 1 (not {retries})")]
    FewRetries {
        /// The count.
        retries: i64,
    },
    /// An empty volume.
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    /// A working directory without a name.
    #[error("cannot normalize nothing")]
    EmptyWorkDir,
    /// A signal that Linux does not have.
    #[error("Invalid signal: {signal}")]
    Signal {
        /// What was given.
        signal: String,
    },
    /// A port that is none.
    #[error("Invalid containerPort: {port}")]
    Port {
        /// What was given.
        port: String,
    },
    /// A protocol without a port.
    #[error("No port specified: {text}<empty>")]
    NoPort {
        /// What was given.
        text: String,
    },
    /// A protocol that ports do not have.
    #[error("Invalid proto: {protocol}")]
    Protocol {
        /// What was given.
        protocol: String,
    },
    /// Quotes or braces that do not close, or a substitution that is none.
    #[error("failed to process {word:?}: {why}")]
    Expand {
        /// The word.
        word: String,
        /// What is wrong with it.
        why: ExpandError,
    },
}

/// What is wrong with a word that is to be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpandError {
    /// `'x`
    #[error("unexpected end of statement while looking for matching single-quote")]
    SingleQuote,
    /// `"x`
    #[error("unexpected end of statement while looking for matching double-quote")]
    DoubleQuote,
    /// `${x:-`
    #[error("syntax error: missing '}}'")]
    NoBrace,
    /// `${}`
    #[error("syntax error: bad substitution")]
    Substitution,
    /// `${x/y}`
    #[error("missing ':' in substitution")]
    NoColon,
    /// `${x:/y}`
    #[error("unsupported modifier ({modifier}) in substitution")]
    Modifier {
        /// What stands behind the colon.
        modifier: char,
    },
    /// `${x:?message}` where `x` is empty.
    #[error("{name}: {message}")]
    Unset {
        /// The variable.
        name: String,
        /// The message.
        message: String,
    },
    /// Substitutions in substitutions.
    #[error("substitutions are nested too deeply")]
    Depth,
}
