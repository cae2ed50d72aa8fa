//! Other programs, called so that a failure is a sentence that names the program and shows its last words.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Lines of a quiet program that are shown when it fails.
const LAST_WORDS: usize = 40;

/// A program with its arguments, without standard input.
pub fn command<I, S>(program: &str, arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a program whose output the caller's terminal shows.
pub fn shown(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", describe(command)))?;
    ensure!(status.success(), "{} ended with {status}", describe(command));
    Ok(())
}

/// Runs a program whose output matters only when it fails, and gives what it wrote to its standard output.
pub fn quiet(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", describe(command)))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let everything = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = everything.lines().collect();
        let shown = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
        bail!("{} ended with {}\n{shown}", describe(command), output.status);
    }
    Ok(stdout)
}

/// Runs a program that says nothing when all is well; a word from it is an error, whatever its exit status.
pub fn silent(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {}", describe(command)))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && said.trim().is_empty(), "{} found something to say:\n{}", describe(command), said.trim_end());
    Ok(())
}

/// Runs a program that reads `input`, and gives what it wrote.
pub fn filter(command: &mut Command, input: &str) -> Result<String> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", describe(command)))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    ensure!(writer.join().is_ok_and(|written| written.is_ok()), "{} did not read its input", describe(command));
    ensure!(output.status.success(), "{} ended with {}", describe(command), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program is on the search path.
pub fn found(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) || Path::new("/usr/sbin").join(program).is_file()
}

/// The command line as a person would type it.
fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_program_and_shows_its_last_words() {
        let error = quiet(&mut command("sh", ["-c", "echo lost the plot >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("lost the plot"), "{error}");
    }

    #[test]
    fn a_word_from_a_silent_program_is_an_error_even_with_status_zero() {
        assert!(silent(&mut command("true", [""; 0])).is_ok());
        assert!(silent(&mut command("echo", ["unknown key"])).is_err());
    }

    #[test]
    fn a_filter_gives_back_what_the_program_made_of_the_input() {
        assert_eq!(filter(&mut command("tr", ["a-z", "A-Z"]), "provides").unwrap(), "PROVIDES");
    }
}
