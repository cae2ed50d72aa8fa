//! The three answers: where they come from, and each checked as it comes.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use zeroize::Zeroize as _;

use super::documents::Documents;
use super::terminal::Terminal;
use super::{Paths, in_words, redirect_uris};
use crate::credentials::grammar::{judge_client_id, judge_secret};
use crate::ctl::args::Setup;
use crate::ctl::failure::Failure;
use crate::model::{ClientId, Problem, Secret};
use crate::oauth::registration::unregistrable;
use crate::settings::PublicUrl;

/// More than any secret, with room for a file that was not meant.
const LARGEST_SECRET: u64 = 64 * 1024;

/// What both files are made of.
pub struct Answers {
    /// Where people reach this host.
    pub public_url: PublicUrl,
    /// The Application (client) ID.
    pub client_id: ClientId,
    /// The client secret's Value.
    pub secret: Secret<String>,
    /// Whether the public URL is another one than the settings have.
    pub is_new_address: bool,
}

/// Gathers the answers: from the command line, from what is there, and from the person at the terminal if there is one.
///
/// # Errors
/// What is wrong with an answer that was given, or every answer that is missing (exit status 2).
pub async fn gather(
    wishes: &Setup,
    secret: Option<Secret<String>>,
    documents: &Documents,
    paths: &Paths,
    terminal: &mut Terminal,
) -> Result<Answers, Failure> {
    let present = documents.present();
    let asks = !wishes.non_interactive && terminal.is_there();
    let refused = |flag: &str| {
        let flag = flag.to_owned();
        move |problem: Problem| Failure::found(format!("{flag}: {}", problem.title)).hint(problem.hint)
    };
    let public_url = wishes.public_url.as_deref().map(public_url).transpose().map_err(refused("--public-url"))?;
    let client_id = wishes.client_id.as_deref().map(client_id).transpose().map_err(refused("--client-id"))?;
    let types_secret = is_typed(wishes);
    let secret = secret.map(|text| self::secret(text.expose())).transpose().map_err(refused("--client-secret-file"))?;
    let was = paths.settings.public_url.clone();

    if !asks {
        let missing = [
            ("--public-url URL", "where people reach this host", public_url.is_none() && was.is_none()),
            ("--client-id ID", "the Application (client) ID", client_id.is_none() && present.client_id.is_none()),
            (
                "--client-secret-file FILE",
                "the client secret's Value; - for standard input",
                secret.is_none() && present.secret.is_none() && !types_secret,
            ),
        ];
        let missing: Vec<String> =
            missing.iter().filter(|(.., missing)| *missing).map(|(flag, what, _)| format!("\n  {flag}  {what}")).collect();
        if !missing.is_empty() {
            let why = if wishes.non_interactive { "" } else { ", and nobody is there to ask" };
            return Err(Failure::usage(format!("answers are missing{why}:{}", missing.concat())));
        }
    }
    if asks {
        terminal.say("OneDesk setup. Enter keeps what stands in brackets; Ctrl-C leaves everything as it is.\n");
    }
    let known = was.clone();
    let public_url = match public_url.or_else(|| known.clone().filter(|_| !asks)) {
        Some(given) => given,
        None => {
            terminal.say("Where do people reach this host? An https address without a path, such as https://helpdesk.example.com");
            terminal.answer("Public URL", known, |url: &PublicUrl| url.as_str().to_owned(), self::public_url).await?
        }
    };
    if asks {
        let uris: String = redirect_uris(&public_url).iter().map(|uri| format!("\n  {uri}")).collect();
        terminal.say(&format!(
            "\nThe app registration in Entra must have these redirect URIs, under the platform Web:{uris}\n\
             All of it, step by step or as a script: onedeskctl app-registration --public-url {}\n",
            public_url.as_str()
        ));
    }
    let client_id = match client_id.or(present.client_id.filter(|_| !asks)) {
        Some(given) => given,
        None => terminal.answer("Application (client) ID", present.client_id, ClientId::to_string, self::client_id).await?,
    };
    let secret = match secret.or_else(|| present.secret.clone().filter(|_| !asks && !types_secret)) {
        Some(given) => given,
        None => terminal.hidden_answer("Client secret Value (not shown)", present.secret, self::secret).await?,
    };
    Ok(Answers { is_new_address: was.as_ref() != Some(&public_url), public_url, client_id, secret })
}

fn public_url(text: &str) -> Result<PublicUrl, Problem> {
    let url: PublicUrl = text.trim().parse()?;
    match unregistrable(url.as_str()) {
        Some(why) => Err(Problem::told("public_url.unregistrable", &[("why", &why)])),
        None => Ok(url),
    }
}

fn client_id(text: &str) -> Result<ClientId, Problem> {
    judge_client_id(text.trim())
}

fn secret(text: &str) -> Result<Secret<String>, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::told("value_unwritable.empty", &[]));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::told("value_unwritable.lines", &[]));
    }
    judge_secret(text)
}

/// Whether the secret is to come from standard input, and that is a terminal: then it is asked for, without showing it.
fn is_typed(wishes: &Setup) -> bool {
    wishes.client_secret_file.as_deref() == Some(Path::new("-")) && io::stdin().is_terminal()
}

/// The content of the secret's file, or of standard input for `-`; nothing where none is named.
pub fn given_secret(wishes: &Setup) -> Result<Option<Secret<String>>, Failure> {
    let Some(file) = wishes.client_secret_file.as_deref().filter(|_| !is_typed(wishes)) else { return Ok(None) };
    let mut bytes = Vec::with_capacity(usize::try_from(LARGEST_SECRET).unwrap_or_default());
    let read = if file == Path::new("-") {
        io::stdin().lock().take(LARGEST_SECRET).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LARGEST_SECRET).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::found(format!("--client-secret-file: {}: {error}", file.display())))?;
    String::from_utf8(bytes).map(|text| Some(Secret::new(text))).map_err(|error| {
        error.into_bytes().zeroize();
        Failure::found(format!("--client-secret-file: {} is not UTF-8 text", file.display()))
    })
}

/// For a prompt: what was asked and what is wrong with the answer.
pub fn correction(problem: &Problem) -> String {
    format!("  {}", in_words(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_checked_as_it_comes() {
        for (text, good) in [
            (" https://helpdesk.example.com ", true),
            ("https://helpdesk.example.com/", true),
            ("http://localhost:8380", true),
            ("http://helpdesk.example.com", false),
            ("https://helpdesk.example.com/desk", false),
            ("helpdesk.example.com", false),
            ("https://o'desk.example.com", false),
            ("", false),
        ] {
            assert_eq!(public_url(text).is_ok(), good, "{text}");
        }
        assert!(client_id(" AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee\n").is_ok() && client_id("x").is_err());
        assert_eq!(secret(" a~b.c_ \n").unwrap().expose(), "a~b.c_");
        for (text, code) in
            [("", "value_unwritable"), ("a\nb", "value_unwritable"), ("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "secret_is_id")]
        {
            assert_eq!(secret(text).unwrap_err().code, code);
        }
    }
}
