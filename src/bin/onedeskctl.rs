//! `onedeskctl`: the installer helper and admin tool.

fn main() -> std::process::ExitCode {
    onedesk::onedeskctl()
}
