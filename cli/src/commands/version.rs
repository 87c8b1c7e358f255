use larder_engine::Platform;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::json::{Html, Json};
use crate::template::Template;

/// Show the version of larder
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder version [OPTIONS]",
    after_help = "Example:\n  larder version --format '{{.Client.Version}}'"
)]
pub struct VersionArgs {
    /// Output as json or a template in Go's syntax
    #[arg(short, long)]
    format: Option<String>,
}

pub fn version(cx: &mut Context, args: &VersionArgs) -> Result<(), Failure> {
    let platform = Platform::host();
    let version = env!("CARGO_PKG_VERSION");
    let members = [("Arch", platform.architecture.as_str()), ("Os", &platform.os), ("Version", version)];
    let client = Json::Object(members.map(|(key, value)| (key.into(), value.into())).into());
    let document = Json::Object(vec![("Client".into(), client)]);
    let text = match args.format.as_deref() {
        None | Some("") => format!("larder {version}\n OS/Arch: {platform}\n"),
        Some("json") => document.compact(Html::Plain) + "\n",
        Some(template) => {
            let filled = Template::parse(template).and_then(|template| template.document(&document));
            filled.map_err(|mistake| Failure::plain(format!("template parsing error: {mistake}")))? + "\n"
        }
    };
    cx.print(&text)
}
