//! `onedeskd`: the daemon.

fn main() -> std::process::ExitCode {
    onedesk::onedeskd()
}
