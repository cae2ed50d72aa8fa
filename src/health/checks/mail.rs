//! Mail servers: whether they greet us, whether TLS is what it should be, and whether they take a token for sending.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use super::verdict::{Trouble, Verdict, Who};
use crate::health::status::{Check, Group};
use crate::model::{Hint as _, Secret};
use crate::oauth::aadsts::{self, Explanation};
use crate::system::dial::{Error, Way};

/// How long a server may think about one line.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Longer lines are no greeting.
const LONGEST_LINE: u64 = 4096;
/// A reply has some lines, not hundreds.
const MOST_LINES: usize = 64;

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TLS from the start, `* OK`.
    Imap,
    /// TLS from the start, `+OK`.
    Pop,
    /// STARTTLS, `220`.
    Smtp,
}

impl Protocol {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Imap => ("IMAP", "imap_host"),
            Self::Pop => ("POP", "pop_host"),
            Self::Smtp => ("SMTP", "smtp_host"),
        }
    }
}

/// Where a conversation ended.
enum Fault {
    /// Before it began.
    Dial(Error),
    /// What was said is not the protocol.
    Said(String),
    /// The server has no STARTTLS.
    NoStartTls,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Dial(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Said(error.to_string())
    }
}

/// Greets a server and says good-bye.
pub async fn greeting(way: &Way, protocol: Protocol, server: &str) -> Vec<Check> {
    let (name, check) = protocol.names();
    let verdict = match greet(way, protocol, server).await {
        Ok(issuer) => Verdict::Fine(format!("{name} at {server} answers, its certificate is by \"{issuer}\"")),
        Err(fault) => fault.judge(name, server),
    };
    vec![verdict.on(Group::Mail, check)]
}

async fn greet(way: &Way, protocol: Protocol, server: &str) -> Result<String, Fault> {
    match protocol {
        Protocol::Smtp => {
            let (mut line, issuer) = submission(way, server).await?;
            line.tell("QUIT").await?;
            Ok(issuer)
        }
        Protocol::Imap | Protocol::Pop => {
            let secured = way.secure(way.connect(server).await?, server).await?;
            let mut line = Line::new(secured.stream);
            let (wanted, farewell) = if protocol == Protocol::Imap { ("* OK", "a LOGOUT") } else { ("+OK", "QUIT") };
            let first = line.hear().await?;
            if !first.starts_with(wanted) {
                return Err(Fault::Said(first));
            }
            line.tell(farewell).await?;
            Ok(secured.issuer)
        }
    }
}

/// SMTP up to the point where somebody can sign in.
async fn submission(way: &Way, server: &str) -> Result<(Line<impl AsyncRead + AsyncWrite + Unpin>, String), Fault> {
    let mut plain = Line::new(way.connect(server).await?);
    expect(plain.reply().await?, "220")?;
    plain.tell("EHLO onedesk").await?;
    if !expect(plain.reply().await?, "250")?
        .lines()
        .any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS")))
    {
        return Err(Fault::NoStartTls);
    }
    plain.tell("STARTTLS").await?;
    expect(plain.reply().await?, "220")?;
    let secured = way.secure(plain.into_inner()?, server).await?;
    let mut line = Line::new(secured.stream);
    line.tell("EHLO onedesk").await?;
    expect(line.reply().await?, "250")?;
    Ok((line, secured.issuer))
}

fn expect(reply: String, code: &str) -> Result<String, Fault> {
    if reply.starts_with(code) { Ok(reply) } else { Err(Fault::Said(reply)) }
}

/// Signs in for sending with a token and sends nothing.
pub async fn sending(way: &Way, server: &str, address: &str, sasl: &Secret<String>) -> Vec<Check> {
    let verdict = match sign_in(way, server, sasl).await {
        Ok(reply) if reply.starts_with("235") => Verdict::Fine(format!("{address} may send by SMTP with its token")),
        Ok(reply) => refused(address, &reply),
        // The server's own check says it already.
        Err(_) => Verdict::Skip(format!("whether {address} may send was not tried: SMTP does not answer as it should")),
    };
    vec![verdict.on(Group::Mail, "smtp_auth")]
}

async fn sign_in(way: &Way, server: &str, sasl: &Secret<String>) -> Result<String, Fault> {
    let (mut line, _) = submission(way, server).await?;
    // In two steps: with the token in it the first line would be longer than servers take.
    line.tell("AUTH XOAUTH2").await?;
    let go_on = line.reply().await?;
    if !go_on.starts_with("334") {
        return Ok(go_on);
    }
    line.tell(sasl.expose()).await?;
    let mut reply = line.reply().await?;
    if reply.starts_with("334") {
        // Some servers explain a refusal first, and wait for an empty line.
        line.tell("").await?;
        reply = line.reply().await?;
    }
    line.tell("QUIT").await?;
    Ok(reply)
}

fn refused(address: &str, reply: &str) -> Verdict {
    let explanation: Explanation = aadsts::explain(reply);
    let (title, steps) = if explanation.known {
        (format!("{address} cannot send by SMTP: {}", explanation.title), explanation.steps.join(" "))
    } else {
        (
            format!("{address} cannot send by SMTP: {}", first_line(reply)),
            format!("look it up: onedeskctl explain '{}'", first_line(reply).replace('\'', "")),
        )
    };
    Verdict::Fail(Trouble::new(title, explanation.who.into(), steps.replace("MAILBOX", address)))
}

impl Fault {
    fn judge(self, name: &str, server: &str) -> Verdict {
        match self {
            Self::Dial(error @ Error::Untrusted { .. }) => {
                let title = format!("{name}: {error}; something on the way may inspect TLS");
                Verdict::Fail(Trouble::new(title, Who::Network, error.hint().unwrap_or_default()))
            }
            Self::Dial(error) => Verdict::Fail(Trouble::new(format!("{name}: {error}"), Who::Network, error.hint().unwrap_or_default())),
            Self::NoStartTls => Verdict::Fail(Trouble::new(
                format!("{name} at {server} offers no STARTTLS: a firewall on the way takes it out, or it is another server"),
                Who::Network,
                "switch SMTP inspection off in the firewall (on Cisco: no inspect esmtp)",
            )),
            Self::Said(said) => Verdict::Fail(Trouble::new(
                format!("{name}: what answers on {server} does not speak it: {}", first_line(&said)),
                Who::Network,
                format!("see who answers there: openssl s_client -connect {server}"),
            )),
        }
    }
}

/// The other side chose these words: bounded, and nothing that drives a terminal.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("nothing").chars().filter(|c| !c.is_control()).take(160).collect()
}

/// A conversation in lines.
struct Line<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    async fn hear(&mut self) -> Result<String, Fault> {
        use tokio::io::AsyncReadExt as _;
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, (&mut self.0).take(LONGEST_LINE).read_until(b'\n', &mut bytes)).await;
        match read.map_err(|_| Fault::Said("nothing, and for long".to_owned()))?? {
            0 => Err(Fault::Said("it hangs up".to_owned())),
            _ => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// A reply of SMTP with all its lines.
    async fn reply(&mut self) -> Result<String, Fault> {
        let mut reply = String::new();
        for _ in 0..MOST_LINES {
            let line = self.hear().await?;
            let goes_on = line.get(3..4) == Some("-");
            reply += &line;
            if !goes_on {
                break;
            }
        }
        Ok(reply)
    }

    async fn tell(&mut self, text: &str) -> Result<(), Fault> {
        let line = Secret::new(format!("{text}\r\n"));
        timeout(PATIENCE, self.0.get_mut().write_all(line.expose().as_bytes()))
            .await
            .map_err(|_| Fault::Said("nothing is taken".to_owned()))??;
        Ok(self.0.get_mut().flush().await?)
    }

    /// The connection, for TLS. What was sent along before it would be believed as if it had come inside: RFC 3207, section 6.
    fn into_inner(self) -> Result<S, Fault> {
        if self.0.buffer().is_empty() { Ok(self.0.into_inner()) } else { Err(Fault::Said("words before TLS".to_owned())) }
    }
}
