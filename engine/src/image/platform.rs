//! Platforms: `os/architecture[/variant]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an image runs on, in Go's words for systems and architectures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …; empty where there is none.
    #[serde(default)]
    pub variant: String,
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid platform {text:?}: expected os[/architecture[/variant]], such as linux/arm64")]
pub struct PlatformError {
    text: String,
}

impl Platform {
    /// The platform of this machine.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self { os: std::env::consts::OS.into(), architecture: architecture.into(), variant: String::new() }
    }

    /// Whether an image for `offered` is what someone who asks for `self` wants.
    ///
    /// A variant or an architecture that was not asked for is not compared.
    /// `arm64` and `arm64/v8` are the same, as are `arm` and `arm/v7`, `amd64`
    /// and `amd64/v1`.
    pub fn accepts(&self, offered: &Self) -> bool {
        self.os == offered.os
            && (self.architecture.is_empty()
                || self.architecture == offered.architecture
                    && (self.variant.is_empty() || self.effective_variant() == offered.effective_variant()))
    }

    fn effective_variant(&self) -> &str {
        match (self.architecture.as_str(), self.variant.as_str()) {
            ("arm64", "") => "v8",
            ("arm", "") => "v7",
            ("amd64", "") => "v1",
            (_, variant) => variant,
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Reads `os[/architecture[/variant]]`; a lone architecture means Linux.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError { text: text.chars().take(100).collect() };
        let lower = text.to_ascii_lowercase();
        let parts: Vec<_> = lower.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if !parts.iter().all(plain) {
            return Err(error());
        }
        let spelled = |architecture: &str| -> String {
            match architecture {
                "x86_64" | "x86-64" => "amd64".into(),
                "aarch64" => "arm64".into(),
                "i386" | "i686" => "386".into(),
                other => other.into(),
            }
        };
        match parts.as_slice() {
            [os @ ("linux" | "windows" | "darwin" | "freebsd")] => {
                Ok(Self { os: (*os).into(), ..Self::default() })
            }
            [architecture] => {
                Ok(Self { os: "linux".into(), architecture: spelled(architecture), variant: String::new() })
            }
            [os, architecture] => {
                Ok(Self { os: (*os).into(), architecture: spelled(architecture), variant: String::new() })
            }
            [os, architecture, variant] => {
                Ok(Self { os: (*os).into(), architecture: spelled(architecture), variant: (*variant).into() })
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        for part in [&self.architecture, &self.variant] {
            if !part.is_empty() {
                write!(f, "/{part}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_reads_back_what_it_shows() {
        for text in ["linux", "linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        assert_eq!("arm64".parse::<Platform>().unwrap().to_string(), "linux/arm64");
        assert_eq!("linux/x86_64".parse::<Platform>().unwrap().to_string(), "linux/amd64");
        for text in ["", "/", "linux/", "a/b/c/d", "linux/am d64"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_platform_accepts_its_equals_and_what_it_left_open() {
        let accepts = |asked: &str, offered: &str| {
            asked.parse::<Platform>().unwrap().accepts(&offered.parse().unwrap())
        };
        assert!(accepts("linux", "linux/s390x"));
        assert!(accepts("linux/arm64", "linux/arm64/v8"));
        assert!(accepts("linux/arm64/v8", "linux/arm64"));
        assert!(!accepts("linux/arm/v6", "linux/arm"));
        assert!(!accepts("linux/amd64", "windows/amd64"));
    }
}
