//! The system's own tools, asked with a deadline. What cannot be asked is no fault of this machine: it is said and skipped.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Each of them answers within some milliseconds; a bus that hangs must not hold everything up.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it ended with 0.
    pub well: bool,
    /// Standard output.
    pub out: String,
}

/// Runs `program`; says why where it cannot be asked.
pub async fn ask(program: &str, arguments: &[&str]) -> Result<Said, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // Their words are read, not shown: they must not depend on the caller's language.
    command.env("LC_ALL", "C").env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", "");
    let output = match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("{program} cannot be run: {error}")),
        Err(_) => return Err(format!("{program} did not answer within {} s", PATIENCE.as_secs())),
    };
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let silent = out.trim().is_empty() && !output.status.success();
    if silent {
        let error = String::from_utf8_lossy(&output.stderr);
        let line = error.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
        return Err(format!("{program} gives no answer: {}", line.trim()));
    }
    Ok(Said { well: output.status.success(), out })
}
