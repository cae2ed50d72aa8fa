//! The root helper; see `credentials_helper`.
fn main() -> std::process::ExitCode {
    onedesk::onedesk_credentials()
}
