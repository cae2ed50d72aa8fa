//! The settings key by key. Nothing comes in by being a setting: each key is named here, and a test holds the list to the table of keys.

use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use crate::settings::{Address, Settings};

/// What support may see. The proxy's address is shown without user and password.
pub fn shown(settings: &Settings) -> Value {
    let Settings { listen, database, microsoft, mail, apps, local_api, .. } = settings;
    let seconds = |duration: std::time::Duration| format!("{} s", duration.as_secs());
    let list = |items: &[ipnet::IpNet]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "public_url": settings.public_url.as_ref().map(|url| url.as_str().to_owned()),
        "listen.http": address(&listen.http),
        "listen.group": listen.group,
        "listen.metrics": listen.metrics.as_ref().map(address),
        "listen.trusted_proxies": list(&listen.trusted_proxies),
        "listen.tls_certificate": listen.tls.as_ref().map(|tls| path(&tls.certificate)),
        "listen.tls_key": listen.tls.as_ref().map(|tls| path(&tls.key)),
        "credentials.file": settings.credentials_file.as_deref().map(path),
        "database.url": without_secrets(&database.url),
        "database.password_file": database.password_file.as_deref().map(path),
        "database.master_key_file": path(&database.master_key_file),
        "microsoft.cloud": format!("{:?}", microsoft.cloud).to_lowercase(),
        "microsoft.authority": microsoft.authority,
        "microsoft.graph": microsoft.graph,
        "microsoft.outlook": microsoft.outlook,
        "microsoft.tenant": microsoft.tenant,
        "microsoft.ca_file": microsoft.ca_file.as_deref().map(path),
        "microsoft.proxy": microsoft.proxy.as_ref().map(|proxy| address_of(proxy.expose())),
        "mail.imap_listen": mail.imap_listen.as_ref().map(address),
        "mail.smtp_listen": mail.smtp_listen.as_ref().map(address),
        "mail.pop3_listen": mail.pop3_listen.as_ref().map(address),
        "mail.imap_upstream": mail.imap_upstream,
        "mail.smtp_upstream": mail.smtp_upstream,
        "mail.pop3_upstream": mail.pop3_upstream,
        "directory.interval": seconds(settings.directory_interval),
        "sso.session_lifetime": seconds(settings.sso.session_lifetime),
        "sso.session_idle": seconds(settings.sso.session_idle),
        "apps.main": apps.main.as_ref().map(without_secrets),
        "apps.widget": apps.widget.as_ref().map(without_secrets),
        "apps.kb": apps.kb.as_ref().map(without_secrets),
        "apps.portal": apps.portal.as_ref().map(without_secrets),
        "apps.widget_origins": apps.widget_origins,
        "pages.webapps": path(&settings.pages.webapps),
        "pages.customerapps": path(&settings.pages.customerapps),
        "pages.overrides": path(&settings.pages.overrides),
        "admin.networks": list(&settings.admin_networks),
        "local_api.socket": path(&local_api.socket),
        "local_api.token_readers": local_api.token_readers,
        "local_api.graph_readers": local_api.graph_readers,
        "local_api.status_readers": local_api.status_readers,
        "log.level": settings.log_level.as_str().to_lowercase(),
    })
}

/// Scheme, host, port and path: what else a URL may hold can be a secret.
pub fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // A URL that can have no user name has none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.to_string()
}

/// The same of a text; one that is no URL is not shown.
pub fn address_of(text: &str) -> Option<String> {
    Some(without_secrets(&Url::parse(text).ok()?))
}

fn address(address: &Address) -> String {
    match address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(path) => format!("unix:{}", path.display()),
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::settings::keys::KEYS;

    fn of(text: &str) -> Value {
        shown(&Settings::parse(text, Path::new("onedeskd.toml")).unwrap().settings)
    }

    #[test]
    fn every_key_is_shown_by_its_name() {
        let shown = of("");
        let names: BTreeSet<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, KEYS.iter().map(|key| key.name).collect());
    }

    #[test]
    fn user_and_password_of_a_proxy_and_queries_are_not_shown() {
        let shown = of("[microsoft]\nproxy = \"http://desk:hunter2@proxy.test:3128\"\n[apps]\nkb = \"https://kb.test/?key=hunter2\"\n");
        assert_eq!(shown["microsoft.proxy"], "http://proxy.test:3128/");
        assert_eq!(shown["apps.kb"], "https://kb.test/");
        assert!(!shown.to_string().contains("hunter2"));
    }
}
