//! `onedeskctl setup`: from an installed package to a running service, and safe to repeat.
//!
//! Everything is asked and checked first; then both files are written, or none. Only [`terminal`] talks with the person.

mod answers;
mod diff;
mod documents;
mod reach;
mod service;
mod terminal;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use serde_json::json;

use super::args::Setup;
use super::client::Client;
use super::failure::Failure;
use super::output::{Output, in_json};
use crate::credentials;
use crate::model::Problem;
use crate::oauth::registration::REDIRECT_PATHS;
use crate::settings::{self, PublicUrl, Settings};
use answers::Answers;
use documents::{Documents, Plan};
use service::{Service, Started};
use terminal::Terminal;

/// How things are when it is interrupted before anything was written.
const NOTHING: &str = "nothing was changed";

/// Sets this host up.
pub async fn run(wishes: Setup, config: Option<PathBuf>, socket: Option<PathBuf>, output: Output) -> Result<(), Failure> {
    let paths = Paths::find(config)?;
    paths.refuse_early(wishes.dry_run)?;
    let documents = Documents::read(&paths)?;
    let secret = answers::given_secret(&wishes)?;
    let mut terminal = Terminal::new(output)?;
    let answers = answers::gather(&wishes, secret, &documents, &paths, &mut terminal).await?;
    let reached = terminal.or_interrupted(reach::look(&answers, &paths.settings), NOTHING).await?;
    reached.iter().for_each(|problem| output.warn(&in_words(problem)));
    let plan = documents.plan(&answers)?;
    plan.warnings.iter().for_each(|problem| output.warn(&in_words(problem)));
    let report =
        Report { paths: &paths, answers: &answers, plan: &plan, warnings: reached.into_iter().chain(plan.warnings.clone()).collect() };
    if wishes.dry_run {
        return report.say_what_would_change(output);
    }
    if plan.is_change() && terminal.is_there() && !wishes.non_interactive {
        terminal.agree(&format!("\n{}\nWrite this?", plan.diff())).await?;
    }
    let service = Service::of(&paths, Client::new(socket.unwrap_or_else(|| paths.settings.local_api.socket.clone())));
    let before = terminal.or_interrupted(service.status(), NOTHING).await?;
    // A signal that came meanwhile is heard before anything is written, and none is during it.
    terminal.or_interrupted(tokio::task::yield_now(), NOTHING).await?;
    plan.write()?;
    report.say_what_changed(output)?;
    let began = service.start(&answers, &plan, before.as_ref(), output);
    let Ok(started) = terminal.or_interrupted(began, NOTHING).await else {
        return Err(service.left_alone(&answers, &plan, before.as_ref()).await);
    };
    let started = started?;
    report.say_what_next(&started, output)
}

/// Where the two files are, and the settings as they are now.
struct Paths {
    settings_file: PathBuf,
    credentials_file: PathBuf,
    settings: Settings,
    /// Whether these are the files of the installed service.
    is_installed: bool,
}

impl Paths {
    fn find(config: Option<PathBuf>) -> Result<Self, Failure> {
        let settings_file = config.unwrap_or_else(|| PathBuf::from(settings::DEFAULT_FILE));
        let is_installed = settings_file == Path::new(settings::DEFAULT_FILE);
        if is_installed && !Uid::effective().is_root() {
            return Err(Failure::found(format!(
                "setup reads and writes {} and {}, which only root may",
                credentials::FILE,
                settings::DEFAULT_FILE
            ))
            .hint("run it as root: sudo onedeskctl setup"));
        }
        let loaded = Settings::load(&settings_file)
            .map_err(|error| Failure::found(format!("the settings must be mended first\n{error}")).hint("nothing was changed"))?;
        let credentials_file = loaded.settings.credentials_path().to_owned();
        Ok(Self { settings_file, credentials_file, settings: loaded.settings, is_installed })
    }

    /// What cannot be written is told before anybody types an answer.
    fn refuse_early(&self, dry_run: bool) -> Result<(), Failure> {
        if dry_run {
            return Ok(());
        }
        for file in [&self.credentials_file, &self.settings_file] {
            let target = documents::target(file)?;
            let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let owner = std::fs::metadata(&target).map(|metadata| metadata.uid()).ok();
            if let Some(owner) = owner.filter(|owner| !Uid::effective().is_root() && *owner != Uid::effective().as_raw()) {
                return Err(Failure::found(format!("{} belongs to user {owner}", target.display())).hint("run it as root"));
            }
            nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK).map_err(|errno| {
                let failure = Failure::found(format!("{} cannot be written: {}: {}", target.display(), folder.display(), errno.desc()));
                if errno == nix::Error::EROFS {
                    failure.hint("that file system is mounted read-only: findmnt --target shows which; mount it writable")
                } else if Uid::effective().is_root() {
                    failure.hint("make the folder, or name another file with --config")
                } else {
                    failure.hint("run it as root")
                }
            })?;
        }
        Ok(())
    }

    /// ` --config FILE`, where commands need it.
    fn config_flag(&self) -> String {
        if self.is_installed { String::new() } else { format!(" --config {}", self.settings_file.display()) }
    }
}

/// What is said at the end.
struct Report<'a> {
    paths: &'a Paths,
    answers: &'a Answers,
    plan: &'a Plan,
    warnings: Vec<Problem>,
}

impl Report<'_> {
    fn say_what_would_change(&self, output: Output) -> Result<(), Failure> {
        if output.is_json() {
            let mut facts = self.facts();
            facts["dry_run"] = json!(true);
            facts["diff"] = json!(self.plan.diff());
            return in_json(&output, &facts);
        }
        if self.plan.is_change() {
            let files = self.changed_files();
            output.text(&format!("changed, once it is no dry run: {files}\n{}Nothing was written: this was a dry run.", self.plan.diff()))
        } else {
            output.text("unchanged: nothing would be written.")
        }
    }

    fn say_what_changed(&self, output: Output) -> Result<(), Failure> {
        if output.is_json() {
            return Ok(());
        }
        if self.plan.is_change() {
            output.text(&format!("changed: {}", self.changed_files()))
        } else {
            output.text("unchanged: both files hold these answers already.")
        }
    }

    fn changed_files(&self) -> String {
        self.plan.changes().map(|change| change.path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    fn say_what_next(&self, started: &Started, output: Output) -> Result<(), Failure> {
        if output.is_json() {
            let mut facts = self.facts();
            facts["started"] = json!(matches!(started, Started::Ready { .. }));
            if let Started::Ready { state } = started {
                facts["state"] = json!(state);
            }
            return in_json(&output, &facts);
        }
        let flag = self.paths.config_flag();
        let mut lines = vec![match started {
            Started::Ready { state } => format!("OneDesk runs and is {state}."),
            Started::Skipped { how } => format!("Start it yourself: {how}"),
        }];
        lines.push(format!("Next: onedeskctl{flag} check"));
        lines.push(format!("Then: onedeskctl{flag} mailbox connect ADDRESS, which prints a link for whoever can sign in as it."));
        output.text(&lines.join("\n"))
    }

    fn facts(&self) -> serde_json::Value {
        let file = |change: &documents::Change| json!({"path": change.path, "changed": change.is_change()});
        json!({
            "changed": self.plan.is_change(),
            "files": self.plan.all().map(file).collect::<Vec<_>>(),
            "public_url": self.answers.public_url.as_str(),
            "client_id": self.answers.client_id.to_string(),
            "redirect_uris": redirect_uris(&self.answers.public_url),
            "warnings": self.warnings,
        })
    }
}

fn redirect_uris(public_url: &PublicUrl) -> Vec<String> {
    REDIRECT_PATHS.iter().map(|path| public_url.join(path)).collect()
}

/// A problem on a line, with its next step.
fn in_words(problem: &Problem) -> String {
    if problem.hint.is_empty() { problem.title.clone() } else { format!("{}\n  hint: {}", problem.title, problem.hint) }
}
